#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/formats/json/json.h"
#include "lib/formats/tlog/merkle.h"

#define LEAVES 70u

static struct merkle_hash leaves[LEAVES];

/* MTH(D[start:end]) as RFC 6962 section 2.1 writes it. */
static struct merkle_hash by_definition(size_t start, size_t end)
{
    size_t half = 1;

    if (end == start) {
        return merkle_empty_root();
    }
    if (end - start == 1) {
        return leaves[start];
    }
    while (half * 2 < end - start) {
        half *= 2;
    }
    return merkle_node_hash(by_definition(start, start + half), by_definition(start + half, end));
}

static enum ps_err read_hash(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash)
{
    const size_t size = *(const size_t *)context;
    const uint64_t start = index << level;
    const uint64_t end = start + (UINT64_C(1) << level);

    /* Only full subtrees of what is there are ever asked for. */
    assert_true(level < 64 && end <= size);
    *ret_hash = by_definition((size_t)start, (size_t)end);
    return PS_OK;
}

static enum ps_err fail_to_read(void *context, unsigned level, uint64_t index,
                                struct merkle_hash *ret_hash)
{
    (void)context;
    (void)level;
    (void)index;
    (void)ret_hash;
    return ps_fail(PS_E_STORAGE, 0, "no such tile");
}

static int make_leaves(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LEAVES; i++) {
        leaves[i] = merkle_leaf_hash(ps_bytes(&i, sizeof i));
    }
    return 0;
}

#define assert_hash(got, expected)                                                                 \
    assert_memory_equal((got).octets, (expected).octets, PS_SHA256_LEN)

static struct merkle_hash unhex(struct json_value value)
{
    struct merkle_hash hash;
    struct ps_bytes text;
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, PS_SHA256_LEN);
    assert_ok(json_string(value, &text));
    assert_ok(ps_hex_decode(text, &octets));
    assert_int_equal(octets.len, PS_SHA256_LEN);
    memcpy(hash.octets, octets.data, PS_SHA256_LEN);
    return hash;
}

static uint64_t number_of(struct json_value object, const char *name)
{
    struct json_value value;
    int64_t number = 0;

    assert_true(json_member(object, name, &value));
    assert_ok(json_integer(value, &number));
    return (uint64_t)number;
}

static struct merkle_proof proof_of(struct json_value row)
{
    struct merkle_proof proof = {.count = 0};
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;

    assert_true(json_member(row, "proof", &list));
    while (json_next(list, &cursor, NULL, &value)) {
        proof.hashes[proof.count++] = unhex(value);
    }
    return proof;
}

/* The leaves of the published file take the place of ours. */
static size_t load_leaves(struct json_value root)
{
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;
    size_t count = 0;

    assert_true(json_member(root, "leaves", &list));
    while (json_next(list, &cursor, NULL, &value)) {
        struct ps_bytes text;
        PS_BUF_AUTO octets;

        ps_buf_init(&octets, 64);
        assert_ok(json_string(value, &text));
        assert_ok(ps_hex_decode(text, &octets));
        leaves[count++] = merkle_leaf_hash(ps_buf_bytes(&octets));
    }
    return count;
}

static void check_published_proofs(struct json_value root, const struct merkle_hash *roots,
                                   const struct merkle_source *source)
{
    struct json_value list;
    struct json_value row;
    struct merkle_proof made;
    uint32_t cursor = 0;

    assert_true(json_member(root, "inclusion", &list));
    while (json_next(list, &cursor, NULL, &row)) {
        const struct merkle_proof proof = proof_of(row);
        const uint64_t leaf = number_of(row, "leaf");
        const uint64_t size = number_of(row, "size");

        assert_ok(merkle_verify_inclusion(&proof, leaves[leaf], leaf, size, roots[size]));
        assert_ok(merkle_prove_inclusion(source, leaf, size, &made));
        assert_int_equal(made.count, proof.count);
        assert_memory_equal(made.hashes, proof.hashes, proof.count * sizeof proof.hashes[0]);
    }
    cursor = 0;
    assert_true(json_member(root, "consistency", &list));
    while (json_next(list, &cursor, NULL, &row)) {
        const struct merkle_proof proof = proof_of(row);
        const uint64_t old = number_of(row, "old");
        const uint64_t size = number_of(row, "size");

        assert_ok(merkle_verify_consistency(&proof, old, roots[old], size, roots[size]));
        assert_ok(merkle_prove_consistency(source, old, size, &made));
        assert_int_equal(made.count, proof.count);
        assert_memory_equal(made.hashes, proof.hashes, proof.count * sizeof proof.hashes[0]);
    }
}

static void published_tree_has_its_roots_and_proofs(void **state)
{
    PS_CLEANUP(json_free_cleanup) struct json *file = NULL;
    struct merkle_edge edge = {.size = 0};
    struct merkle_hash roots[9];
    PS_BUF_AUTO text;
    struct json_value root;
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;
    size_t size;
    struct merkle_source source = {.read_hash = read_hash, .context = &size};

    assert_ok(json_new(&file));
    read_vectors("merkle/rfc6962.json", &text);
    assert_ok(json_parse(file, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root));
    size = load_leaves(root);
    assert_int_equal(size, 8);
    assert_true(json_member(root, "roots", &list));
    for (size_t i = 0; json_next(list, &cursor, NULL, &value); i++) {
        struct merkle_hash made;

        roots[i] = unhex(value);
        assert_hash(merkle_edge_root(&edge), roots[i]);
        assert_ok(merkle_root(&source, i, &made));
        assert_hash(made, roots[i]);
        merkle_edge_append(&edge, leaves[i]);
    }
    check_published_proofs(root, roots, &source);
    (void)make_leaves(state);
}

static void edge_and_stored_hashes_agree_with_the_definition(void **state)
{
    struct merkle_edge edge = {.size = 0};
    size_t size = LEAVES;
    const struct merkle_source source = {.read_hash = read_hash, .context = &size};

    (void)state;
    for (size_t n = 0; n <= LEAVES; n++) {
        struct merkle_hash made;

        assert_int_equal(edge.size, n);
        assert_hash(merkle_edge_root(&edge), by_definition(0, n));
        assert_ok(merkle_root(&source, n, &made));
        assert_hash(made, by_definition(0, n));
        assert_int_equal(edge.depth, (unsigned)__builtin_popcountll(n));
        if (n < LEAVES) {
            merkle_edge_append(&edge, leaves[n]);
        }
    }
}

static void every_inclusion_proof_verifies_and_only_for_its_leaf(void **state)
{
    (void)state;
    for (size_t size = 1; size <= LEAVES; size++) {
        const struct merkle_source source = {.read_hash = read_hash, .context = &size};
        const struct merkle_hash root = by_definition(0, size);

        for (uint64_t leaf = 0; leaf < size; leaf++) {
            struct merkle_proof proof;

            assert_ok(merkle_prove_inclusion(&source, leaf, size, &proof));
            assert_ok(merkle_verify_inclusion(&proof, leaves[leaf], leaf, size, root));
            assert_fails(PS_E_DENIED, merkle_verify_inclusion(&proof, leaves[leaf], leaf, size,
                                                              leaves[LEAVES - 1 - leaf % 2]));
            assert_fails(PS_E_DENIED,
                         merkle_verify_inclusion(&proof, merkle_empty_root(), leaf, size, root));
            if (size > 1) {
                assert_fails(PS_E_DENIED, merkle_verify_inclusion(&proof, leaves[leaf],
                                                                  (leaf + 1) % size, size, root));
            }
        }
    }
}

static void every_consistency_proof_verifies_and_only_for_its_trees(void **state)
{
    (void)state;
    for (size_t size = 0; size <= LEAVES; size++) {
        const struct merkle_source source = {.read_hash = read_hash, .context = &size};
        const struct merkle_hash root = by_definition(0, size);

        for (uint64_t old = 0; old <= size; old++) {
            const struct merkle_hash old_root = by_definition(0, (size_t)old);
            struct merkle_proof proof;

            assert_ok(merkle_prove_consistency(&source, old, size, &proof));
            assert_ok(merkle_verify_consistency(&proof, old, old_root, size, root));
            assert_fails(PS_E_DENIED,
                         merkle_verify_consistency(&proof, old, leaves[0], size, leaves[1]));
            if (old != 0 && old != size) {
                assert_fails(PS_E_DENIED,
                             merkle_verify_consistency(&proof, old, old_root, size, leaves[1]));
                assert_fails(PS_E_DENIED,
                             merkle_verify_consistency(&proof, old, leaves[2], size, root));
            }
        }
    }
}

static void a_changed_shortened_or_longer_proof_does_not_hold(void **state)
{
    size_t size = 67;
    const struct merkle_source source = {.read_hash = read_hash, .context = &size};
    const struct merkle_hash root = by_definition(0, size);
    const struct merkle_hash old_root = by_definition(0, 37);
    struct merkle_proof inclusion;
    struct merkle_proof consistency;

    (void)state;
    assert_ok(merkle_prove_inclusion(&source, 37, size, &inclusion));
    assert_ok(merkle_prove_consistency(&source, 37, size, &consistency));
    for (size_t i = 0; i <= inclusion.count; i++) {
        struct merkle_proof changed = inclusion;

        if (i == inclusion.count) {
            changed.count++;
        } else {
            changed.hashes[i].octets[i] ^= 1;
        }
        assert_fails(PS_E_DENIED, merkle_verify_inclusion(&changed, leaves[37], 37, size, root));
        changed = inclusion;
        changed.count = i;
        if (i != inclusion.count) {
            assert_fails(PS_E_DENIED,
                         merkle_verify_inclusion(&changed, leaves[37], 37, size, root));
        }
    }
    for (size_t i = 0; i <= consistency.count; i++) {
        struct merkle_proof changed = consistency;

        if (i == consistency.count) {
            changed.count++;
        } else {
            changed.hashes[i].octets[i] ^= 1;
        }
        assert_fails(PS_E_DENIED, merkle_verify_consistency(&changed, 37, old_root, size, root));
        changed = consistency;
        changed.count = i;
        if (i != consistency.count) {
            assert_fails(PS_E_DENIED,
                         merkle_verify_consistency(&changed, 37, old_root, size, root));
        }
    }
}

/* RFC 9162: sn is 0 at the end. The root itself in the place of a leaf, or of an older root. */
static void a_walk_that_ends_below_the_root_does_not_hold(void **state)
{
    const struct merkle_hash root = by_definition(0, LEAVES);
    struct merkle_proof proof = {.count = 0};

    (void)state;
    assert_fails(PS_E_DENIED, merkle_verify_inclusion(&proof, root, 0, LEAVES, root));
    proof = (struct merkle_proof){.hashes = {root}, .count = 1};
    assert_fails(PS_E_DENIED, merkle_verify_consistency(&proof, 3, root, 4, root));
}

static void numbers_outside_a_tree_are_refused(void **state)
{
    size_t size = 8;
    const struct merkle_source source = {.read_hash = read_hash, .context = &size};
    const struct merkle_hash root = by_definition(0, size);
    struct merkle_proof proof = {.count = 0};
    struct merkle_hash hash;

    (void)state;
    assert_fails(PS_E_INPUT, merkle_prove_inclusion(&source, 8, 8, &proof));
    assert_fails(PS_E_INPUT, merkle_prove_inclusion(&source, 0, 0, &proof));
    assert_fails(PS_E_INPUT, merkle_prove_consistency(&source, 9, 8, &proof));
    assert_fails(PS_E_INPUT, merkle_root(&source, UINT64_C(1) << 63, &hash));
    assert_fails(PS_E_INPUT, merkle_prove_inclusion(&source, 0, UINT64_MAX, &proof));
    assert_fails(PS_E_INPUT, merkle_prove_consistency(&source, 1, UINT64_MAX, &proof));
    assert_fails(PS_E_DENIED, merkle_verify_inclusion(&proof, leaves[0], 8, 8, root));
    assert_fails(PS_E_DENIED, merkle_verify_inclusion(&proof, leaves[0], 0, 0, root));
    assert_fails(PS_E_DENIED, merkle_verify_consistency(&proof, 9, root, 8, root));
    assert_fails(PS_E_DENIED, merkle_verify_consistency(&proof, 0, root, 8, root));
    assert_fails(PS_E_DENIED, merkle_verify_consistency(&proof, 4, root, 8, root));
    proof.count = MERKLE_PROOF_MAX + 1;
    assert_fails(PS_E_DENIED, merkle_verify_inclusion(&proof, leaves[0], 0, 8, root));
    assert_fails(PS_E_DENIED, merkle_verify_consistency(&proof, 1, leaves[0], 8, root));
}

static void an_error_of_the_source_comes_through(void **state)
{
    const struct merkle_source source = {.read_hash = fail_to_read};
    struct merkle_proof proof = {.count = 7};
    struct merkle_hash hash;

    (void)state;
    assert_fails(PS_E_STORAGE, merkle_root(&source, 5, &hash));
    assert_fails(PS_E_STORAGE, merkle_prove_inclusion(&source, 3, 5, &proof));
    assert_fails(PS_E_STORAGE, merkle_prove_consistency(&source, 3, 5, &proof));
    assert_int_equal(proof.count, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_tree_has_its_roots_and_proofs),
        cmocka_unit_test(edge_and_stored_hashes_agree_with_the_definition),
        cmocka_unit_test(every_inclusion_proof_verifies_and_only_for_its_leaf),
        cmocka_unit_test(every_consistency_proof_verifies_and_only_for_its_trees),
        cmocka_unit_test(a_changed_shortened_or_longer_proof_does_not_hold),
        cmocka_unit_test(a_walk_that_ends_below_the_root_does_not_hold),
        cmocka_unit_test(numbers_outside_a_tree_are_refused),
        cmocka_unit_test(an_error_of_the_source_comes_through),
    };

    return cmocka_run_group_tests_name("merkle", tests, make_leaves, NULL);
}
