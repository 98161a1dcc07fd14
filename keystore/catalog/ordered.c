#include "keystore/catalog/ordered.h"

#include <assert.h>
#include <stdlib.h>

/* xorshift64*: the heights only have to be spread, nobody gains by knowing them. */
static uint64_t next_random(struct ordered *list)
{
    uint64_t x = list->random == 0 ? UINT64_C(0x9e3779b97f4a7c15) : list->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    list->random = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* One node in four is a level higher. */
static unsigned random_height(struct ordered *list)
{
    uint64_t bits = next_random(list) >> 32;
    unsigned height = 1;

    while (height < ORDERED_HEIGHT_MAX && (bits & 3) == 0) {
        bits >>= 2;
        height++;
    }
    return height;
}

struct ordered_node *ordered_node_new(struct ordered *list, struct ps_bytes name, void *value)
{
    const unsigned height = random_height(list);
    struct ordered_node *node = calloc(1, sizeof *node + height * sizeof(struct ordered_node *));

    if (node == NULL) {
        return NULL;
    }
    node->name = name;
    node->value = value;
    node->height = height;
    return node;
}

void ordered_node_free(struct ordered_node *node)
{
    free(node);
}

/*
 * For each level the place that points to the first node whose name is not before `name`; with
 * `after`, whose name is after it.
 */
static void seek(const struct ordered *list, struct ps_bytes name, bool after,
                 struct ordered_node *const *ret_places[ORDERED_HEIGHT_MAX])
{
    struct ordered_node *const *places = list->first;

    for (unsigned level = ORDERED_HEIGHT_MAX; level-- > 0;) {
        while (places[level] != NULL &&
               ps_bytes_compare(places[level]->name, name) < (after ? 1 : 0)) {
            places = places[level]->next;
        }
        ret_places[level] = &places[level];
    }
}

static struct ordered_node **writable(struct ordered_node *const *place)
{
    return (struct ordered_node **)(uintptr_t)place;
}

void ordered_link(struct ordered *list, struct ordered_node *node)
{
    struct ordered_node *const *places[ORDERED_HEIGHT_MAX];

    seek(list, node->name, false, places);
    assert(*places[0] == NULL || !ps_bytes_equal((*places[0])->name, node->name));
    for (unsigned level = 0; level < node->height; level++) {
        node->next[level] = *places[level];
        *writable(places[level]) = node;
    }
    list->count++;
}

void ordered_unlink(struct ordered *list, struct ordered_node *node)
{
    struct ordered_node *const *places[ORDERED_HEIGHT_MAX];

    seek(list, node->name, false, places);
    assert(*places[0] == node);
    for (unsigned level = 0; level < node->height; level++) {
        *writable(places[level]) = node->next[level];
    }
    list->count--;
}

struct ordered_node *ordered_find(const struct ordered *list, struct ps_bytes name)
{
    struct ordered_node *const *places[ORDERED_HEIGHT_MAX];
    struct ordered_node *node;

    seek(list, name, false, places);
    node = *places[0];
    return node != NULL && ps_bytes_equal(node->name, name) ? node : NULL;
}

struct ordered_node *ordered_after(const struct ordered *list, struct ps_bytes name)
{
    struct ordered_node *const *places[ORDERED_HEIGHT_MAX];

    seek(list, name, true, places);
    return *places[0];
}
