#ifndef APPLIANCE_BACKOFF_H
#define APPLIANCE_BACKOFF_H

#include <stdint.h>

/*
 * How long to wait before a process that ended is started again: the first time not at all, then
 * 100 ms, doubling to 5 s; anew from the beginning after a life of 30 s.
 */
struct backoff {
    unsigned failures; /* since the last good life */
};

/* lived_ns: how long the process that ended was there. Returns nanoseconds to wait. */
uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ns);

#endif
