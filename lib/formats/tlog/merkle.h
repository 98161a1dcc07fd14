#ifndef FORMATS_TLOG_MERKLE_H
#define FORMATS_TLOG_MERKLE_H

#include "lib/base/buf.h"
#include "lib/base/hash.h"

/*
 * The Merkle tree of RFC 6962 section 2.1 (and RFC 9162): SHA-256, leaf prefix 0x00, node prefix
 * 0x01. Hashes are stored as in C2SP tlog-tiles: level 0 are the leaves' hashes, level L holds the
 * roots of the full subtrees of 256^L leaves.
 */
struct merkle_hash {
    uint8_t octets[PS_SHA256_LEN];
};

struct merkle_hash merkle_leaf_hash(struct ps_bytes entry);
struct merkle_hash merkle_node_hash(struct merkle_hash left, struct merkle_hash right);
struct merkle_hash merkle_empty_root(void);

/*
 * The right edge of a growing tree: at most 64 hashes, one per set bit of the size. Appending is
 * O(1) on average, the root O(log n).
 */
struct merkle_edge {
    uint64_t size;
    struct merkle_hash stack[64]; /* roots of the full subtrees, largest first */
    unsigned depth;
};
void merkle_edge_append(struct merkle_edge *edge, struct merkle_hash leaf);
struct merkle_hash merkle_edge_root(const struct merkle_edge *edge);

/*
 * Reads stored hashes for proofs. `read_hash` yields the hash of the full subtree of 2^level leaves
 * that is the index-th at its level (levels of single bits, not of tiles).
 */
struct merkle_source {
    enum ps_err (*read_hash)(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash);
    void *context;
};

/* The edge of the first `size` leaves, from stored hashes. Errors: the source's. */
PS_MUST_USE enum ps_err merkle_edge_load(const struct merkle_source *source, uint64_t size,
                                         struct merkle_edge *ret_edge);

#define MERKLE_PROOF_MAX 64u
struct merkle_proof {
    struct merkle_hash hashes[MERKLE_PROOF_MAX];
    size_t count;
};

/* Errors: PS_E_INPUT (leaf >= size, or old > size), the source's. */
PS_MUST_USE enum ps_err merkle_root(const struct merkle_source *source, uint64_t size,
                                    struct merkle_hash *ret_root);
PS_MUST_USE enum ps_err merkle_prove_inclusion(const struct merkle_source *source, uint64_t leaf,
                                               uint64_t size, struct merkle_proof *ret_proof);
PS_MUST_USE enum ps_err merkle_prove_consistency(const struct merkle_source *source, uint64_t old,
                                                 uint64_t size, struct merkle_proof *ret_proof);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. Errors: PS_E_DENIED: the proof does not hold. */
PS_MUST_USE enum ps_err merkle_verify_inclusion(const struct merkle_proof *proof,
                                                struct merkle_hash leaf, uint64_t index,
                                                uint64_t size, struct merkle_hash root);
PS_MUST_USE enum ps_err merkle_verify_consistency(const struct merkle_proof *proof, uint64_t old,
                                                  struct merkle_hash old_root, uint64_t size,
                                                  struct merkle_hash root);

#endif
