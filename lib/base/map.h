#ifndef PS_BASE_MAP_H
#define PS_BASE_MAP_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * A hash table from octets to a pointer. The octets are borrowed from the value or elsewhere and
 * outlive the entry. Keyed with a secret per process (SipHash-like mixing), so that chosen names do
 * not collide.
 */
struct ps_map;

PS_MUST_USE enum ps_err ps_map_new(struct ps_map **ret_map);

/* Frees the table, and each value through `free_value` when that is given. */
void ps_map_free(struct ps_map *map, void (*free_value)(void *));

void *ps_map_get(const struct ps_map *map, struct ps_bytes key);

/* Errors: PS_E_CONFLICT (there is one already), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err ps_map_add(struct ps_map *map, struct ps_bytes key, void *value);

/* Removes and returns the value, NULL when there is none. */
void *ps_map_remove(struct ps_map *map, struct ps_bytes key);

size_t ps_map_count(const struct ps_map *map);

/* Walks in no order; start with *cursor = 0, ends with NULL. No changes meanwhile. */
void *ps_map_next(const struct ps_map *map, size_t *cursor);

#endif
