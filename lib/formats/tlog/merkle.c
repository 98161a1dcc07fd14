#include "lib/formats/tlog/merkle.h"

#include <assert.h>

/* Trees are smaller than this, so that no proof is longer than MERKLE_PROOF_MAX. */
#define SIZE_MAX_LOG 63

enum { LEAF_PREFIX = 0x00, NODE_PREFIX = 0x01 };

struct merkle_hash merkle_leaf_hash(struct ps_bytes entry)
{
    const uint8_t prefix = LEAF_PREFIX;
    const struct ps_bytes parts[] = {ps_bytes(&prefix, 1), entry};
    struct merkle_hash hash = {{0}};

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), hash.octets);
    return hash;
}

struct merkle_hash merkle_node_hash(struct merkle_hash left, struct merkle_hash right)
{
    uint8_t octets[1 + 2 * PS_SHA256_LEN] = {NODE_PREFIX};
    struct merkle_hash hash = {{0}};

    memcpy(octets + 1, left.octets, PS_SHA256_LEN);
    memcpy(octets + 1 + PS_SHA256_LEN, right.octets, PS_SHA256_LEN);
    ps_sha256(ps_bytes(octets, sizeof octets), hash.octets);
    return hash;
}

struct merkle_hash merkle_empty_root(void)
{
    struct merkle_hash hash = {{0}};

    ps_sha256(ps_bytes(NULL, 0), hash.octets);
    return hash;
}

void merkle_edge_append(struct merkle_edge *edge, struct merkle_hash leaf)
{
    assert(edge->depth < PS_COUNT_OF(edge->stack));
    edge->stack[edge->depth++] = leaf;
    /* Each one bit at the end of the size is a full subtree that this leaf completes. */
    for (uint64_t bits = edge->size; (bits & 1) != 0; bits >>= 1) {
        edge->depth--;
        edge->stack[edge->depth - 1] =
            merkle_node_hash(edge->stack[edge->depth - 1], edge->stack[edge->depth]);
    }
    edge->size++;
}

struct merkle_hash merkle_edge_root(const struct merkle_edge *edge)
{
    struct merkle_hash root;

    if (edge->depth == 0) {
        return merkle_empty_root();
    }
    root = edge->stack[edge->depth - 1];
    for (unsigned i = edge->depth - 1; i > 0; i--) {
        root = merkle_node_hash(edge->stack[i - 1], root);
    }
    return root;
}

static unsigned log_floor(uint64_t number)
{
    return 63u - (unsigned)__builtin_clzll(number);
}

/* The largest power of two smaller than `size`, which is at least 2. */
static uint64_t split_of(uint64_t size)
{
    return UINT64_C(1) << log_floor(size - 1);
}

static enum ps_err check_size(uint64_t size)
{
    if (size >> SIZE_MAX_LOG != 0) {
        return ps_fail(PS_E_INPUT, 0, "a tree of 2^%d leaves or more", SIZE_MAX_LOG);
    }
    return PS_OK;
}

/*
 * MTH(D[start:end]) of RFC 6962 section 2.1. `start` is a multiple of the largest power of two in
 * the range, as it is for every range that the tree is split into; so the full subtrees in it are
 * stored hashes.
 */
static enum ps_err range_edge(const struct merkle_source *source, uint64_t start, uint64_t end,
                              struct merkle_edge *ret_edge)
{
    struct merkle_edge edge = {.size = end - start};

    for (uint64_t at = start; at < end;) {
        const unsigned level = log_floor(end - at);

        PS_TRY(source->read_hash(source->context, level, at >> level, &edge.stack[edge.depth]));
        edge.depth++;
        at += UINT64_C(1) << level;
    }
    *ret_edge = edge;
    return PS_OK;
}

static enum ps_err range_root(const struct merkle_source *source, uint64_t start, uint64_t end,
                              struct merkle_hash *ret_root)
{
    struct merkle_edge edge;

    PS_TRY(range_edge(source, start, end, &edge));
    *ret_root = merkle_edge_root(&edge);
    return PS_OK;
}

enum ps_err merkle_edge_load(const struct merkle_source *source, uint64_t size,
                             struct merkle_edge *ret_edge)
{
    PS_TRY(check_size(size));
    return range_edge(source, 0, size, ret_edge);
}

enum ps_err merkle_root(const struct merkle_source *source, uint64_t size,
                        struct merkle_hash *ret_root)
{
    PS_TRY(check_size(size));
    return range_root(source, 0, size, ret_root);
}

static enum ps_err add_range(const struct merkle_source *source, uint64_t start, uint64_t end,
                             struct merkle_proof *proof)
{
    assert(proof->count < MERKLE_PROOF_MAX);
    PS_TRY(range_root(source, start, end, &proof->hashes[proof->count]));
    proof->count++;
    return PS_OK;
}

/* A subtree's leaves, from `start` to before `end`. */
struct range {
    uint64_t start;
    uint64_t end;
};

static uint64_t middle_of(const struct range *range)
{
    return range->start + split_of(range->end - range->start);
}

/* Goes down into one half; the root of the other half is a part of the proof. */
static enum ps_err descend(const struct merkle_source *source, bool to_left, struct range *range,
                           struct merkle_proof *proof)
{
    const uint64_t middle = middle_of(range);

    if (to_left) {
        PS_TRY(add_range(source, middle, range->end, proof));
        range->end = middle;
        return PS_OK;
    }
    PS_TRY(add_range(source, range->start, middle, proof));
    range->start = middle;
    return PS_OK;
}

/* Proofs are made from the root down and read from the leaf up. */
static void reverse(struct merkle_proof *proof)
{
    for (size_t i = 0; i < proof->count / 2; i++) {
        const struct merkle_hash hash = proof->hashes[i];

        proof->hashes[i] = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = hash;
    }
}

/* PATH(m, D[n]) of RFC 6962 section 2.1.1. */
enum ps_err merkle_prove_inclusion(const struct merkle_source *source, uint64_t leaf, uint64_t size,
                                   struct merkle_proof *ret_proof)
{
    struct merkle_proof proof = {.count = 0};
    struct range range = {.start = 0, .end = size};

    PS_TRY(check_size(size));
    if (leaf >= size) {
        return ps_fail(PS_E_INPUT, 0, "no such leaf in a tree of this size");
    }
    while (range.end - range.start > 1) {
        PS_TRY(descend(source, leaf < middle_of(&range), &range, &proof));
    }
    reverse(&proof);
    *ret_proof = proof;
    return PS_OK;
}

/* SUBPROOF(m, D[n], true) of RFC 6962 section 2.1.2. */
static enum ps_err prove_older(const struct merkle_source *source, uint64_t old, uint64_t size,
                               struct merkle_proof *proof)
{
    struct range range = {.start = 0, .end = size};

    while (old != range.end) {
        PS_TRY(descend(source, old <= middle_of(&range), &range, proof));
    }
    /* The old tree as a whole is known to who verifies; a part of it is not. */
    return range.start == 0 ? PS_OK : add_range(source, range.start, range.end, proof);
}

enum ps_err merkle_prove_consistency(const struct merkle_source *source, uint64_t old,
                                     uint64_t size, struct merkle_proof *ret_proof)
{
    struct merkle_proof proof = {.count = 0};

    PS_TRY(check_size(size));
    if (old > size) {
        return ps_fail(PS_E_INPUT, 0, "the older tree is the larger one");
    }
    if (old != 0) {
        PS_TRY(prove_older(source, old, size, &proof));
    }
    reverse(&proof);
    *ret_proof = proof;
    return PS_OK;
}

static enum ps_err does_not_hold(void)
{
    return ps_fail(PS_E_DENIED, 0, "the proof does not hold");
}

static bool equal(struct merkle_hash a, struct merkle_hash b)
{
    return memcmp(a.octets, b.octets, PS_SHA256_LEN) == 0;
}

/* RFC 9162 section 2.1.3.2. */
enum ps_err merkle_verify_inclusion(const struct merkle_proof *proof, struct merkle_hash leaf,
                                    uint64_t index, uint64_t size, struct merkle_hash root)
{
    uint64_t fn = index;
    uint64_t sn = size - 1;
    struct merkle_hash hash = leaf;

    if (index >= size || proof->count > MERKLE_PROOF_MAX) {
        return does_not_hold();
    }
    for (size_t i = 0; i < proof->count; i++) {
        if (sn == 0) {
            return does_not_hold();
        }
        if ((fn & 1) != 0 || fn == sn) {
            hash = merkle_node_hash(proof->hashes[i], hash);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            hash = merkle_node_hash(hash, proof->hashes[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && equal(hash, root) ? PS_OK : does_not_hold();
}

/* RFC 9162 section 2.1.4.2, steps 5 to 7: `first` is the root that the walk starts with. */
static enum ps_err walk_consistency(const struct merkle_hash *path, size_t count, uint64_t old,
                                    uint64_t size, struct merkle_hash roots[2])
{
    uint64_t fn = old - 1;
    uint64_t sn = size - 1;

    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    roots[0] = roots[1] = path[0];
    for (size_t i = 1; i < count; i++) {
        if (sn == 0) {
            return does_not_hold();
        }
        if ((fn & 1) != 0 || fn == sn) {
            roots[0] = merkle_node_hash(path[i], roots[0]);
            roots[1] = merkle_node_hash(path[i], roots[1]);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            roots[1] = merkle_node_hash(roots[1], path[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 ? PS_OK : does_not_hold();
}

enum ps_err merkle_verify_consistency(const struct merkle_proof *proof, uint64_t old,
                                      struct merkle_hash old_root, uint64_t size,
                                      struct merkle_hash root)
{
    struct merkle_hash path[MERKLE_PROOF_MAX + 1];
    struct merkle_hash roots[2];
    size_t count = 0;

    if (old > size || proof->count > MERKLE_PROOF_MAX) {
        return does_not_hold();
    }
    if (old == 0) {
        return proof->count == 0 && equal(old_root, merkle_empty_root()) ? PS_OK : does_not_hold();
    }
    if (old == size) {
        return proof->count == 0 && equal(old_root, root) ? PS_OK : does_not_hold();
    }
    if (proof->count == 0) {
        return does_not_hold();
    }
    /* Step 2: the root of a full old tree is not repeated in the proof. */
    if ((old & (old - 1)) == 0) {
        path[count++] = old_root;
    }
    memcpy(path + count, proof->hashes, proof->count * sizeof path[0]);
    count += proof->count;
    PS_TRY(walk_consistency(path, count, old, size, roots));
    return equal(roots[0], old_root) && equal(roots[1], root) ? PS_OK : does_not_hold();
}
