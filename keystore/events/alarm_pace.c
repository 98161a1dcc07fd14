#include "keystore/events/alarm_pace.h"

/* The row of the code; the last one is shared by what finds no row of its own. */
static struct alarm_code *row_of(struct alarm_pace *pace, const char *code)
{
    for (size_t i = 0; i < ALARM_CODES; i++) {
        struct alarm_code *row = &pace->codes[i];

        if (row->code == NULL) {
            row->code = code;
        }
        if (strcmp(row->code, code) == 0 || i == ALARM_CODES - 1) {
            return row;
        }
    }
    return NULL;
}

static bool is_recent(const struct alarm_thing *thing, uint64_t now_ns)
{
    return thing->last_ns != 0 && now_ns - thing->last_ns < ALARM_PAUSE_NS;
}

/* Where this thing is noted, or may be; NULL: it was an alarm just now, or too much else was. */
static struct alarm_thing *place_of(struct alarm_code *row, const uint8_t hash[PS_SHA256_LEN],
                                    uint64_t now_ns)
{
    struct alarm_thing *place = NULL;

    for (size_t i = 0; i < ALARM_THINGS; i++) {
        struct alarm_thing *thing = &row->things[i];

        if (!is_recent(thing, now_ns)) {
            place = thing;
        } else if (memcmp(thing->hash, hash, PS_SHA256_LEN) == 0) {
            return NULL;
        }
    }
    return place;
}

bool alarm_pace_take(struct alarm_pace *pace, const char *code, struct ps_bytes about,
                     uint64_t now_ns, uint64_t *ret_left_out)
{
    struct alarm_code *row = row_of(pace, code);
    uint8_t hash[PS_SHA256_LEN];
    struct alarm_thing *thing;

    ps_sha256(about, hash);
    thing = place_of(row, hash, now_ns);
    if (thing == NULL) {
        row->left_out++;
        return false;
    }
    memcpy(thing->hash, hash, sizeof hash);
    thing->last_ns = now_ns;
    *ret_left_out = row->left_out;
    row->left_out = 0;
    return true;
}
