#ifndef KEYSTORE_PACE_H
#define KEYSTORE_PACE_H

#include "lib/base/clock.h"

/*
 * Work that nobody waits for, done in slices by a process that is asked for signatures meanwhile.
 *
 * Beside requests a slice is followed by a rest of so many times its length: they lose a thirtieth
 * of one processor, however much there is to do. Without requests it rests no longer than other
 * events need to have their turn.
 */
#define PACE_SHARE       30u
#define PACE_REST_MIN_NS (2 * PS_NS_PER_MS)
/* A slice that waited for the disk has cost nobody as much. */
#define PACE_REST_MAX_NS (100 * PS_NS_PER_MS)

struct pace {
    uint64_t requests; /* that had come before the last slice */
};

/*
 * The rest behind a slice, in nanoseconds.
 *
 * requests:  that have come since the start
 * took_ns:   the length of the slice
 */
uint64_t pace_rest_ns(struct pace *pace, uint64_t requests, uint64_t took_ns);

#endif
