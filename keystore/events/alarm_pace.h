#ifndef KEYSTORE_EVENTS_ALARM_PACE_H
#define KEYSTORE_EVENTS_ALARM_PACE_H

#include "lib/base/bytes.h"
#include "lib/base/hash.h"

/*
 * Which alarms become leaves: of each code, one a minute about the same thing, and about so many
 * things. What happens to a second key or token is not kept silent for what happened to the first.
 */
#define ALARM_PAUSE_NS UINT64_C(60000000000)
#define ALARM_THINGS   8u
#define ALARM_CODES    64u

struct alarm_thing {
    uint8_t hash[PS_SHA256_LEN];
    uint64_t last_ns; /* 0: never */
};

struct alarm_code {
    const char *code;
    uint64_t left_out; /* since the last leaf of this code */
    struct alarm_thing things[ALARM_THINGS];
};

/* All zero: no alarm yet. */
struct alarm_pace {
    struct alarm_code codes[ALARM_CODES];
};

/*
 * Whether this one becomes a leaf. If so `ret_left_out` is how many of its code did not since the
 * last that did, and else it is counted.
 *
 * code:   a literal, or what lives as long as `pace`
 * now_ns: monotonic, not 0
 */
bool alarm_pace_take(struct alarm_pace *pace, const char *code, struct ps_bytes about,
                     uint64_t now_ns, uint64_t *ret_left_out);

#endif
