#ifndef KEYSTORE_LOG_EDGE_H
#define KEYSTORE_LOG_EDGE_H

#include "lib/formats/merkle.h"

/*
 * The right edge of a tree, kept tile by tile: each level folds the hashes of its present tile, and
 * a full tile's root is the next hash of the level above. So each hash that is to be stored comes
 * up exactly once, when it is complete, and no node is hashed twice.
 */
#define EDGE_LEVELS 5u /* a sixth would begin with 256^5 leaves: 250 terabytes of record */
#define EDGE_TILE   256u

struct edge {
    uint64_t size;
    struct merkle_edge levels[EDGE_LEVELS]; /* the last one goes on without a tile's end */
};

void edge_reset(struct edge *edge);

/* Adds a leaf's hash; each stored hash that it completes is appended to its level's buffer. */
void edge_append(struct edge *edge, struct merkle_hash leaf, struct ps_buf cells[EDGE_LEVELS]);

struct merkle_hash edge_root(const struct edge *edge);

/* Hashes stored at a level of a tree of `size` leaves. */
uint64_t edge_cells(uint64_t size, unsigned level);

/*
 * Takes up an edge of `size` leaves from stored hashes. `read_cells` reads `count` (at most 256)
 * hashes of a level from number `from` on.
 */
struct edge_source {
    enum ps_err (*read_cells)(void *context, unsigned level, uint64_t from, unsigned count,
                              struct merkle_hash *ret_hashes);
    void *context;
};
PS_MUST_USE enum ps_err edge_load(struct edge *edge, uint64_t size,
                                  const struct edge_source *source);

#endif
