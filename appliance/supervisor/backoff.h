#ifndef APPLIANCE_SUPERVISOR_BACKOFF_H
#define APPLIANCE_SUPERVISOR_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How long to wait before a process that ended is started again: the first time not at all, then
 * 100 ms, doubling; anew from the beginning after a life of 30 s. What never became ready cannot
 * serve anybody and waits up to 5 s; what was ready is waited for by clients, and waits up to
 * 400 ms.
 */
struct backoff {
    unsigned failures; /* since the last good life */
};

/*
 * lived_ns:  how long the process that ended was there
 * was_ready: it said that it serves
 * Returns nanoseconds to wait.
 */
uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ns, bool was_ready);

#endif
