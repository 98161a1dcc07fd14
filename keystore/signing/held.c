#include "keystore/signing/held.h"

#include <assert.h>
#include <stdlib.h>

struct entry {
    uint64_t index;
    held_fn *fn;
    void *context;
};

/* A ring; `size` is a power of two. */
struct held {
    struct entry *entries;
    size_t size;
    size_t first;
    size_t count;
};

enum { FIRST_SIZE = 256 };

enum ps_err held_new(struct held **ret_held)
{
    struct held *held = calloc(1, sizeof *held);

    if (held != NULL) {
        held->entries = calloc(FIRST_SIZE, sizeof *held->entries);
    }
    if (held == NULL || held->entries == NULL) {
        free(held);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    held->size = FIRST_SIZE;
    *ret_held = held;
    return PS_OK;
}

void held_free(struct held *held)
{
    if (held == NULL) {
        return;
    }
    free(held->entries);
    free(held);
}

enum ps_err held_reserve(struct held *held)
{
    struct entry *entries;

    if (held->count < held->size) {
        return PS_OK;
    }
    entries = calloc(held->size * 2, sizeof *entries);
    if (entries == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < held->count; i++) {
        entries[i] = held->entries[(held->first + i) & (held->size - 1)];
    }
    free(held->entries);
    held->entries = entries;
    held->first = 0;
    held->size *= 2;
    return PS_OK;
}

void held_add(struct held *held, uint64_t index, held_fn *fn, void *context)
{
    assert(held->count < held->size);
    assert(held->count == 0 ||
           held->entries[(held->first + held->count - 1) & (held->size - 1)].index <= index);
    held->entries[(held->first + held->count) & (held->size - 1)] =
        (struct entry){.index = index, .fn = fn, .context = context};
    held->count++;
}

/* Taken out before it is called: the callee may add again. */
static struct entry take_first(struct held *held)
{
    const struct entry entry = held->entries[held->first];

    held->first = (held->first + 1) & (held->size - 1);
    held->count--;
    return entry;
}

void held_release(struct held *held, uint64_t durable)
{
    while (held->count != 0 && held->entries[held->first].index < durable) {
        const struct entry entry = take_first(held);

        entry.fn(entry.context, true);
    }
}

void held_fail(struct held *held)
{
    /* Only what waits now: a callee may begin anew, and that is another matter. */
    for (size_t left = held->count; left != 0; left--) {
        const struct entry entry = take_first(held);

        entry.fn(entry.context, false);
    }
}

size_t held_count(const struct held *held)
{
    return held->count;
}
