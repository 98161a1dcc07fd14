#ifndef JSONLD_ARENA_H
#define JSONLD_ARENA_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * Memory that is freed as a whole. Its maximum also bounds the work: no step of the algorithms is
 * repeated without taking some.
 */
struct arena_block;

struct arena {
    struct arena_block *newest;
    size_t taken;
    size_t max;
};

void arena_init(struct arena *arena, size_t max);
void arena_clear(struct arena *arena);

/* Zeroed, aligned for anything. Errors: PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err arena_take(struct arena *arena, size_t len, void **ret_memory);

/* For work that may be repeated and takes no memory: counts as if so much were taken. PS_E_LIMIT.
 */
PS_MUST_USE enum ps_err arena_spend(struct arena *arena, size_t len);

/* An array of `count` elements made larger; the old one is left behind. */
PS_MUST_USE enum ps_err arena_grow(struct arena *arena, void **array, uint32_t count, uint32_t cap,
                                   size_t size);

/* A copy of two texts after each other. */
PS_MUST_USE enum ps_err arena_join(struct arena *arena, struct ps_bytes a, struct ps_bytes b,
                                   struct ps_bytes *ret_text);

#endif
