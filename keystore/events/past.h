#ifndef KEYSTORE_EVENTS_PAST_H
#define KEYSTORE_EVENTS_PAST_H

#include "lib/base/bytes.h"

/*
 * Leaves of `events` that no signed checkpoint covers: as they stand there, and nobody vouches for
 * them. Octets are borrowed for the call.
 */
struct past_intent {
    struct ps_bytes operation;
    struct ps_bytes caller; /* empty: the appliance itself */
    struct ps_bytes data;   /* of the leaf */
    uint64_t time_ns;
    uint64_t floor_ns; /* the latest time since the last leaf that is signed for */
    uint64_t event;    /* its index */
};

/* A result or a part. */
struct past_result {
    struct ps_bytes data;
    uint64_t time_ns;
    uint64_t event;
};

#endif
