#ifndef FORMATS_TLOG_TILES_H
#define FORMATS_TLOG_TILES_H

#include "lib/formats/tlog/merkle.h"

/*
 * The stored form of a growing Merkle tree, C2SP tlog-tiles: level 0 are the leaves' hashes, the
 * hash number i of level L is the root of the full subtree of the leaves from i * 256^L on, and 256
 * hashes of a level are a tile.
 */
#define TILES_WIDTH  256u
#define TILES_LEVELS 5u /* a sixth would begin with 256^5 leaves: 250 terabytes of log */

/* Hashes stored at a level of a tree of `size` leaves. */
uint64_t tiles_count(uint64_t size, unsigned level);

/*
 * The right edge of a tree, kept tile by tile: each level folds the hashes of its present tile, and
 * a full tile's root is the next hash of the level above. So each hash that is to be stored comes
 * up exactly once, when it is complete, and no node is hashed twice. About 10 KiB.
 */
struct tiles_edge {
    uint64_t size;
    struct merkle_edge levels[TILES_LEVELS]; /* the last one goes on without a tile's end */
};

void tiles_edge_reset(struct tiles_edge *edge);

/* Adds a leaf's hash; each stored hash that it completes is appended to its level's buffer. */
void tiles_edge_append(struct tiles_edge *edge, struct merkle_hash leaf,
                       struct ps_buf cells[TILES_LEVELS]);

struct merkle_hash tiles_edge_root(const struct tiles_edge *edge);

/*
 * Takes up an edge of `size` leaves from stored hashes. `read_hashes` reads `count` (at most 64)
 * hashes of a level from number `from` on.
 */
struct tiles_source {
    enum ps_err (*read_hashes)(void *context, unsigned level, uint64_t from, unsigned count,
                               struct merkle_hash *ret_hashes);
    void *context;
};
PS_MUST_USE enum ps_err tiles_edge_load(struct tiles_edge *edge, uint64_t size,
                                        const struct tiles_source *source);

/*
 * "tile/<L>/<N>[.p/<W>]"; "tile/entries/<N>[.p/<W>]" for level TILES_ENTRIES. `width`: 1 to 256,
 * partial below 256.
 */
#define TILES_ENTRIES 64u
void tiles_put_path(unsigned level, uint64_t index, unsigned width, struct ps_buf *out);

#endif
