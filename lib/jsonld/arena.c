#include "lib/jsonld/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_SIZE (size_t)(32 * 1024)

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t size;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t max)
{
    *arena = (struct arena){.max = max};
}

void arena_clear(struct arena *arena)
{
    while (arena->newest != NULL) {
        struct arena_block *block = arena->newest;

        arena->newest = block->older;
        free(block);
    }
    arena->taken = 0;
}

static enum ps_err add_block(struct arena *arena, size_t len)
{
    const size_t size = len < BLOCK_SIZE ? BLOCK_SIZE : len;
    struct arena_block *block = malloc(sizeof *block + size);

    if (block == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *block = (struct arena_block){.older = arena->newest, .size = size};
    arena->newest = block;
    return PS_OK;
}

static enum ps_err fail_full(const struct arena *arena)
{
    return ps_fail(PS_E_LIMIT, 0, "JSON-LD: more than %zu octets of memory", arena->max);
}

enum ps_err arena_spend(struct arena *arena, size_t len)
{
    if (len > arena->max - arena->taken) {
        return fail_full(arena);
    }
    arena->taken += len;
    return PS_OK;
}

enum ps_err arena_take(struct arena *arena, size_t len, void **ret_memory)
{
    const size_t step = alignof(max_align_t);
    size_t rounded;

    if (len > arena->max) {
        return fail_full(arena);
    }
    rounded = (len + step - 1) / step * step;
    PS_TRY(arena_spend(arena, rounded));
    if (arena->newest == NULL || rounded > arena->newest->size - arena->newest->used) {
        PS_TRY(add_block(arena, rounded));
    }
    *ret_memory = arena->newest->data + arena->newest->used;
    memset(*ret_memory, 0, rounded);
    arena->newest->used += rounded;
    return PS_OK;
}

enum ps_err arena_grow(struct arena *arena, void **array, uint32_t count, uint32_t cap, size_t size)
{
    void *larger;

    PS_TRY(arena_take(arena, cap * size, &larger));
    if (count != 0) {
        memcpy(larger, *array, count * size);
    }
    *array = larger;
    return PS_OK;
}

enum ps_err arena_join(struct arena *arena, struct ps_bytes a, struct ps_bytes b,
                       struct ps_bytes *ret_text)
{
    void *memory;
    uint8_t *to;

    PS_TRY(arena_take(arena, a.len + b.len, &memory));
    to = memory;
    if (a.len != 0) {
        memcpy(to, a.data, a.len);
    }
    if (b.len != 0) {
        memcpy(to + a.len, b.data, b.len);
    }
    *ret_text = ps_bytes(to, a.len + b.len);
    return PS_OK;
}
