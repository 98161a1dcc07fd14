#include "lib/base/map.h"

#include "lib/base/hash.h"

#include <stdlib.h>

struct entry {
    struct ps_bytes key;
    uint64_t hash;
    void *value; /* NULL: never used, or removed when `hash` is TOMB */
};

struct ps_map {
    struct entry *entries; /* a power of two of them */
    size_t size;
    size_t count;
    size_t filled; /* count and tombs */
    uint64_t seed[2];
};

enum { FIRST_SIZE = 16, TOMB = 1 };

static uint64_t rotate(uint64_t value, unsigned by)
{
    return value << by | value >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"). */
static uint64_t hash_of(const struct ps_map *map, struct ps_bytes key)
{
    uint64_t v[4] = {map->seed[0] ^ 0x736f6d6570736575ull, map->seed[1] ^ 0x646f72616e646f6dull,
                     map->seed[0] ^ 0x6c7967656e657261ull, map->seed[1] ^ 0x7465646279746573ull};

    for (size_t at = 0; at <= key.len; at += 8) {
        uint64_t word = 0;

        for (size_t i = 0; i < 8 && at + i < key.len; i++) {
            word |= (uint64_t)key.data[at + i] << (8 * i);
        }
        if (at + 8 > key.len) {
            word |= (uint64_t)key.len << 56;
        }
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) {
        sip_round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

enum ps_err ps_map_new(struct ps_map **ret_map)
{
    struct ps_map *map = calloc(1, sizeof *map);

    if (map == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    map->entries = calloc(FIRST_SIZE, sizeof *map->entries);
    if (map->entries == NULL) {
        free(map);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    map->size = FIRST_SIZE;
    ps_random(map->seed, sizeof map->seed);
    *ret_map = map;
    return PS_OK;
}

void ps_map_free(struct ps_map *map, void (*free_value)(void *))
{
    if (map == NULL) {
        return;
    }
    for (size_t i = 0; i < map->size && free_value != NULL; i++) {
        if (map->entries[i].value != NULL) {
            free_value(map->entries[i].value);
        }
    }
    free(map->entries);
    free(map);
}

/* The entry of the key, or NULL. */
static struct entry *find(const struct ps_map *map, struct ps_bytes key, uint64_t hash)
{
    for (size_t at = hash & (map->size - 1);; at = (at + 1) & (map->size - 1)) {
        struct entry *entry = &map->entries[at];

        if (entry->value == NULL) {
            if (entry->hash != TOMB) {
                return NULL;
            }
            continue;
        }
        if (entry->hash == hash && ps_bytes_equal(entry->key, key)) {
            return entry;
        }
    }
}

static void put(struct ps_map *map, struct ps_bytes key, uint64_t hash, void *value)
{
    size_t at = hash & (map->size - 1);

    while (map->entries[at].value != NULL) {
        at = (at + 1) & (map->size - 1);
    }
    map->filled += map->entries[at].hash == TOMB ? 0 : 1;
    map->entries[at] = (struct entry){.key = key, .hash = hash, .value = value};
    map->count++;
}

static enum ps_err rebuild(struct ps_map *map)
{
    struct entry *old = map->entries;
    const size_t old_size = map->size;
    size_t size = FIRST_SIZE;
    struct entry *entries;

    while (size < map->count * 4) {
        size *= 2;
    }
    entries = calloc(size, sizeof *entries);
    if (entries == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    map->entries = entries;
    map->size = size;
    map->count = map->filled = 0;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].value != NULL) {
            put(map, old[i].key, old[i].hash, old[i].value);
        }
    }
    free(old);
    return PS_OK;
}

void *ps_map_get(const struct ps_map *map, struct ps_bytes key)
{
    const struct entry *entry = find(map, key, hash_of(map, key));

    return entry == NULL ? NULL : entry->value;
}

enum ps_err ps_map_add(struct ps_map *map, struct ps_bytes key, void *value)
{
    const uint64_t hash = hash_of(map, key);

    if (find(map, key, hash) != NULL) {
        return ps_fail(PS_E_CONFLICT, 0, "there is one of this name already");
    }
    if ((map->filled + 1) * 4 > map->size * 3) {
        PS_TRY(rebuild(map));
    }
    put(map, key, hash, value);
    return PS_OK;
}

void *ps_map_remove(struct ps_map *map, struct ps_bytes key)
{
    struct entry *entry = find(map, key, hash_of(map, key));
    void *value;

    if (entry == NULL) {
        return NULL;
    }
    value = entry->value;
    *entry = (struct entry){.hash = TOMB};
    map->count--;
    return value;
}

size_t ps_map_count(const struct ps_map *map)
{
    return map->count;
}

void *ps_map_next(const struct ps_map *map, size_t *cursor)
{
    while (*cursor < map->size) {
        void *value = map->entries[(*cursor)++].value;

        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
