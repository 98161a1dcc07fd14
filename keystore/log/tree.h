#ifndef KEYSTORE_LOG_TREE_H
#define KEYSTORE_LOG_TREE_H

#include "lib/formats/tlog/merkle.h"

/*
 * Reading one tree: `events`, or one shard of `use`. Sizes and indexes count within the tree, and
 * only what is durable can be read.
 */
struct tree;

#define LOG_ENTRY_MAX (48u * 1024u)

/* A shard's name: month (UTC) in which it was begun, and a number within the month. */
#define TREE_NAME_MAX 12u /* "2026-11-0001" */

struct tree_info {
    char name[TREE_NAME_MAX + 1]; /* empty for a log without shards */
    uint64_t first;               /* position of its leaf 0: the sizes of all before it */
    uint64_t size;
    struct merkle_hash root;
    bool pruned; /* its leaves are in an archive, and not here */
};

uint64_t tree_size(const struct tree *tree);
/* Of a pruned tree only the checkpoint, the size and the whole root can be read; all else that is
 * asked of it is PS_E_NOT_FOUND, and the detail says why. */
bool tree_is_pruned(const struct tree *tree);
PS_MUST_USE enum ps_err tree_describe(const struct tree *tree, struct tree_info *ret_info);

/* Of the first `size` leaves. Errors: PS_E_NOT_FOUND (more than there are), PS_E_STORAGE. */
PS_MUST_USE enum ps_err tree_root(const struct tree *tree, uint64_t size,
                                  struct merkle_hash *ret_root);

/*
 * Appends one leaf's octets to `out`, at most LOG_ENTRY_MAX. The octets are hashed and compared
 * with the tree. Errors: PS_E_NOT_FOUND, PS_E_STORAGE (also: they are not what was recorded).
 */
PS_MUST_USE enum ps_err tree_read_entry(const struct tree *tree, uint64_t index,
                                        struct ps_buf *out);

/*
 * Each leaf from index `from` to the end, in order, compared with the tree as by tree_read_entry;
 * about 1 us each. What `fn` returns, when it is an error, ends the walk. The leaf is borrowed.
 */
typedef enum ps_err tree_leaf_fn(void *context, uint64_t index, struct ps_bytes leaf);
PS_MUST_USE enum ps_err tree_each_entry(const struct tree *tree, uint64_t from, tree_leaf_fn *fn,
                                        void *context);

/* C2SP tlog-tiles: `width` hashes (1-256) of tile `index` at `level`; 32 octets each. */
PS_MUST_USE enum ps_err tree_read_tile(const struct tree *tree, unsigned level, uint64_t index,
                                       unsigned width, struct ps_buf *out);

/*
 * C2SP tlog-tiles entry bundle: u16 length and octets of each of `width` entries (1-256), compared
 * with the tree as by tree_read_entry. Errors: also PS_E_LIMIT, when `out` may not hold so much.
 */
PS_MUST_USE enum ps_err tree_read_bundle(const struct tree *tree, uint64_t index, unsigned width,
                                         struct ps_buf *out);

/* Errors: PS_E_INPUT (leaf >= size, old > size), PS_E_NOT_FOUND (size over tree_size). */
PS_MUST_USE enum ps_err tree_load_edge(const struct tree *tree, uint64_t size,
                                       struct merkle_edge *ret_edge);
PS_MUST_USE enum ps_err tree_prove_inclusion(const struct tree *tree, uint64_t leaf, uint64_t size,
                                             struct merkle_proof *ret_proof);
PS_MUST_USE enum ps_err tree_prove_consistency(const struct tree *tree, uint64_t old, uint64_t size,
                                               struct merkle_proof *ret_proof);

/*
 * The newest note that the witness of this key id cosigned, as it is stored; nothing when there is
 * none. It is replaced as a whole, and may be lost with a power cut.
 */
PS_MUST_USE enum ps_err tree_read_witnessed(const struct tree *tree, const uint8_t id[4],
                                            struct ps_buf *out);
PS_MUST_USE enum ps_err tree_store_witnessed(const struct tree *tree, const uint8_t id[4],
                                             struct ps_bytes note);

/* Appends the tree's newest checkpoint as it is stored; nothing when there is none. */
PS_MUST_USE enum ps_err tree_read_checkpoint(const struct tree *tree, struct ps_buf *out);

#endif
