#ifndef KEYSTORE_TOKENS_PROCESS_SET_H
#define KEYSTORE_TOKENS_PROCESS_SET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Processes of one token, by their numbers, for as long as each is the same and has the same
 * sessions: of another epoch (tokens_epoch) the set is empty.
 */
struct process_set {
    uint64_t epoch;
    uint64_t bits;
};

static inline bool process_set_has(const struct process_set *set, uint64_t epoch, uint32_t number)
{
    return set->epoch == epoch && (set->bits >> (number & 63) & 1u) != 0;
}

static inline void process_set_put(struct process_set *set, uint64_t epoch, uint32_t number,
                                   bool is_in)
{
    const uint64_t bit = UINT64_C(1) << (number & 63);

    if (set->epoch != epoch) {
        *set = (struct process_set){.epoch = epoch};
    }
    set->bits = is_in ? set->bits | bit : set->bits & ~bit;
}

#endif
