#include "tests/unit/log_support.h"

#include "keystore/log/edge.h"
#include "keystore/log/walk.h"

/* Opening a log without reading what a snapshot stands for, and reading it later. */

#define LEAVES UINT64_C(2000)
#define STEP   UINT64_C(64) /* octets */

static struct fixture *make_log(void)
{
    struct fixture *f = make_fixture();

    in_memory = true;
    open_log(f);
    append_numbers(f, 0, LEAVES);
    assert_ok(log_sync(f->log));
    checkpoint_log(f);
    append_numbers(f, LEAVES, LEAVES + 10);
    assert_ok(log_sync(f->log));
    return f;
}

static enum ps_err walk_all(struct fixture *f, unsigned *ret_steps)
{
    PS_CLEANUP(log_walk_free_cleanup) struct log_walk *walk = NULL;
    bool done = false;

    *ret_steps = 0;
    PS_TRY(log_walk_new(f->log, &walk));
    assert_int_equal(log_walk_all(walk), LEAVES);
    while (!done) {
        PS_TRY(log_walk_step(walk, STEP, &done));
        ++*ret_steps;
    }
    assert_int_equal(log_walk_done(walk), LEAVES);
    return PS_OK;
}

static void reopen(struct fixture *f, uint64_t vouched)
{
    stop_writer(f);
    f->config.vouched = vouched;
    open_log(f);
}

static void a_walk_reads_all_that_is_signed_for_in_steps(void **state)
{
    struct fixture *f = make_log();
    unsigned steps;

    (void)state;
    assert_ok(walk_all(f, &steps));
    assert_true(steps > LEAVES / 20);
    free_fixture(f);
}

static void without_a_checkpoint_there_is_nothing_to_walk(void **state)
{
    struct fixture *f = make_fixture();
    struct log_walk *walk;

    (void)state;
    open_log(f);
    append_numbers(f, 0, 3);
    assert_ok(log_sync(f->log));
    assert_fails(PS_E_NOT_FOUND, log_walk_new(f->log, &walk));
    free_fixture(f);
}

static void what_is_vouched_for_is_not_read(void **state)
{
    struct fixture *f = make_log();

    (void)state;
    assert_int_equal(log_unread(f->log), 0);
    reopen(f, 1500);
    assert_int_equal(log_unread(f->log), 1500 / 256 * 256);
    assert_root(f, LEAVES + 10, numbers_root(0, LEAVES + 10));
    append_numbers(f, LEAVES + 10, LEAVES + 20);
    assert_ok(log_sync(f->log));
    assert_root(f, LEAVES + 20, numbers_root(0, LEAVES + 20));
    assert_ok(log_check(f->log));
    /* No more than a checkpoint covers. */
    reopen(f, LEAVES + 300);
    assert_int_equal(log_unread(f->log), LEAVES / 256 * 256);
    reopen(f, 255);
    assert_int_equal(log_unread(f->log), 0);
    free_fixture(f);
}

static void damage_below_is_found_by_the_walk_and_damage_above_at_once(void **state)
{
    struct fixture *f = make_log();
    char path[PATH_LEN];
    unsigned steps;

    (void)state;
    stop_writer(f);
    path_in(f, "entries", path);
    flip_bit(path, 1000, 0);
    f->config.vouched = 1500;
    open_log(f);
    assert_int_equal(log_unread(f->log), 1500 / 256 * 256);
    assert_fails(PS_E_INPUT, walk_all(f, &steps));
    reopen(f, 1500);
    stop_writer(f);
    flip_bit(path, 1000, 0);
    flip_bit(path, file_length(path) - 60, 0);
    start_writer(f, NULL);
    assert_fails(PS_E_INPUT, log_open(f->writer, &f->config, &f->log));
    free_fixture(f);
}

/* Then it is read whole, and what can be made again is. */
static void hashes_that_are_missing_are_made_again(void **state)
{
    struct fixture *f = make_log();
    char path[PATH_LEN];
    unsigned steps;

    (void)state;
    stop_writer(f);
    path_in(f, "hashes.0", path);
    assert_int_equal(truncate(path, 320), 0);
    f->config.vouched = 1500;
    open_log(f);
    assert_root(f, LEAVES + 10, numbers_root(0, LEAVES + 10));
    assert_ok(walk_all(f, &steps));
    free_fixture(f);
}

static struct merkle_edge edge_of_numbers(uint64_t size)
{
    struct merkle_edge edge = {.size = 0};

    for (uint64_t i = 0; i < size; i++) {
        char text[24];

        merkle_edge_append(&edge, merkle_leaf_hash(number_leaf(i, text)));
    }
    return edge;
}

static void an_edge_is_held_against_the_tree_in_memory(void **state)
{
    static const uint64_t sizes[] = {0, 1, 255, 256, 257, 1500, LEAVES, LEAVES + 10};
    struct fixture *f = make_log();

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(sizes); i++) {
        struct merkle_edge edge = edge_of_numbers(sizes[i]);
        struct merkle_edge loaded;
        struct merkle_hash root = merkle_edge_root(&edge);
        struct merkle_hash found;

        assert_ok(log_check_edge(f->log, &edge));
        assert_ok(log_load_edge(f->log, sizes[i], &loaded));
        found = merkle_edge_root(&loaded);
        assert_memory_equal(&found, &root, sizeof root);
        if (sizes[i] != 0) {
            edge.stack[edge.depth - 1].octets[0] ^= 1;
            assert_fails(PS_E_INPUT, log_check_edge(f->log, &edge));
        }
    }
    free_fixture(f);
}

static void no_edge_is_of_more_leaves_than_there_are(void **state)
{
    const struct merkle_edge edge = edge_of_numbers(LEAVES + 11);
    struct fixture *f = make_log();
    struct merkle_edge loaded;

    (void)state;
    assert_fails(PS_E_NOT_FOUND, log_load_edge(f->log, LEAVES + 11, &loaded));
    assert_fails(PS_E_INPUT, log_check_edge(f->log, &edge));
    free_fixture(f);
}

/* Both the leaf and its hash: whoever reads it finds them equal. */
static void hashes_that_were_changed_since_do_not_help(void **state)
{
    struct fixture *f = make_log();
    struct merkle_edge edge;
    struct merkle_edge forged = {.size = 0};
    char path[PATH_LEN];

    (void)state;
    for (uint64_t i = 0; i < 512; i++) {
        char text[24];

        merkle_edge_append(&forged, merkle_leaf_hash(number_leaf(i == 300 ? 301 : i, text)));
    }
    assert_fails(PS_E_INPUT, log_check_edge(f->log, &forged));
    path_in(f, "hashes.0", path);
    flip_bit(path, 300 * PS_SHA256_LEN, 0);
    assert_fails(PS_E_INPUT, log_check_edge(f->log, &forged));
    assert_ok(log_load_edge(f->log, 301, &edge));
    assert_fails(PS_E_INPUT, log_check_edge(f->log, &edge));
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_reads_all_that_is_signed_for_in_steps),
        cmocka_unit_test(without_a_checkpoint_there_is_nothing_to_walk),
        cmocka_unit_test(what_is_vouched_for_is_not_read),
        cmocka_unit_test(damage_below_is_found_by_the_walk_and_damage_above_at_once),
        cmocka_unit_test(hashes_that_are_missing_are_made_again),
        cmocka_unit_test(an_edge_is_held_against_the_tree_in_memory),
        cmocka_unit_test(no_edge_is_of_more_leaves_than_there_are),
        cmocka_unit_test(hashes_that_were_changed_since_do_not_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
