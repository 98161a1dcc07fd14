#ifndef KEYSTORE_CATALOG_ORDERED_H
#define KEYSTORE_CATALOG_ORDERED_H

#include "lib/base/bytes.h"

/*
 * Things in the order of their names, in memory: a skip list (Pugh, "Skip Lists: A Probabilistic
 * Alternative to Balanced Trees"). Linking and unlinking needs no memory, so that a change can
 * always be taken back.
 */
#define ORDERED_HEIGHT_MAX 16u /* comfortable up to 4^16 nodes */

struct ordered_node {
    struct ps_bytes name; /* borrowed from the value */
    void *value;
    unsigned height;
    struct ordered_node *next[];
};

struct ordered {
    struct ordered_node *first[ORDERED_HEIGHT_MAX];
    uint64_t random;
    size_t count;
};

/* NULL without memory. */
struct ordered_node *ordered_node_new(struct ordered *list, struct ps_bytes name, void *value);
void ordered_node_free(struct ordered_node *node);

/* There is none of its name in the list. */
void ordered_link(struct ordered *list, struct ordered_node *node);
void ordered_unlink(struct ordered *list, struct ordered_node *node);

struct ordered_node *ordered_find(const struct ordered *list, struct ps_bytes name);

/* The first whose name comes after this one, NULL at the end. All names come after "". */
struct ordered_node *ordered_after(const struct ordered *list, struct ps_bytes name);

#endif
