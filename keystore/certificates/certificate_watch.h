#ifndef KEYSTORE_CERTIFICATES_CERTIFICATE_WATCH_H
#define KEYSTORE_CERTIFICATES_CERTIFICATE_WATCH_H

#include "keystore/internal.h"

/*
 * Tells in time of certificates that end, those of keys and those of TLS: an alarm 30, 14, 7 and 1
 * days before, and when one has ended; and of successors that cannot be activated since they have
 * none. One alarm at a time, the others wait their turn: alarms of one code are recorded at most
 * once a minute.
 */
struct certificates_told {
    uint64_t looked_ns; /* monotonic: when nothing was left to tell; 0: something may be */
    uint64_t epoch;     /* of what was looked at, then */
    uint64_t told_ns;
};

struct certificate_watch {
    struct certificates_told of_keys;
    struct certificates_told of_tls;
};

/* Called once a second while the clock is trusted. */
void certificate_watch_look(struct certificate_watch *watch, struct keeper *keeper);

/* How many of the five alarms about a certificate that ends then are due. */
unsigned certificate_watch_steps(uint64_t not_after_s, uint64_t now_s);

#endif
