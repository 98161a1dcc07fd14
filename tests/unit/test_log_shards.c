#include "tests/unit/log_support.h"

#include "keystore/log/prune.h"
#include "keystore/log/shards.h"

/* A log in shards: positions go on, indexes begin anew, complete shards stay readable. */

static struct fixture *make_sharded(uint64_t leaves)
{
    struct fixture *f = make_fixture();

    use_shards(f, leaves);
    open_log(f);
    return f;
}

static void assert_shard(struct fixture *f, size_t at, uint64_t first, uint64_t size)
{
    struct tree_info info;
    const struct merkle_hash root = numbers_root(first, first + size);

    assert_ok(log_shard_info(f->log, at, &info));
    assert_true(shard_name_valid(info.name));
    assert_int_equal(info.first, first);
    assert_int_equal(info.size, size);
    assert_memory_equal(info.root.octets, root.octets, 32);
}

static void a_shard_has_at_most_its_leaves(void **state)
{
    struct fixture *f = make_sharded(300);
    struct tree_info info;

    (void)state;
    assert_int_equal(log_shard_count(f->log), 0);
    append_numbers(f, 0, 1000);
    wait_until(f, log_durable(f->log) == 1000);
    assert_int_equal(log_shard_count(f->log), 3);
    assert_int_equal(f->shard_calls, 3);
    assert_int_equal(f->shard.first, 600);
    for (size_t i = 0; i < 3; i++) {
        assert_shard(f, i, i * 300, 300);
    }
    assert_fails(PS_E_NOT_FOUND, log_shard_info(f->log, 3, &info));
    assert_int_equal(log_first(f->log), 900);
    assert_int_equal(log_tree_size(f->log), 100);
    assert_root(f, 100, numbers_root(900, 1000));
    assert_string_equal(log_shard(f->log) + 8, "0004");
    free_fixture(f);
}

static void a_full_shard_is_completed_by_the_next_leaf(void **state)
{
    struct fixture *f = make_sharded(10);

    (void)state;
    append_numbers(f, 0, 10);
    assert_ok(log_sync(f->log));
    assert_int_equal(log_shard_count(f->log), 0);
    assert_int_equal(log_tree_size(f->log), 10);
    append_numbers(f, 10, 11);
    assert_ok(log_sync(f->log));
    assert_int_equal(log_shard_count(f->log), 1);
    /* Taken over already, and told when the loop turns. */
    assert_int_equal(f->shard_calls, 0);
    assert_ok(ps_loop_turn(f->loop, 0));
    assert_int_equal(f->shard_calls, 1);
    free_fixture(f);
}

static void shards_are_found_again(void **state)
{
    struct fixture *f = make_sharded(300);
    char name[TREE_NAME_MAX + 1];

    (void)state;
    append_numbers(f, 0, 1000);
    assert_ok(log_sync(f->log));
    memcpy(name, log_shard(f->log), sizeof name);
    stop_writer(f);
    f->shard_calls = 0;
    open_log(f);
    assert_string_equal(log_shard(f->log), name);
    assert_int_equal(log_size(f->log), 1000);
    assert_int_equal(log_first(f->log), 900);
    assert_int_equal(log_shard_count(f->log), 3);
    assert_shard(f, 1, 300, 300);
    append_numbers(f, 1000, 1201);
    wait_until(f, log_durable(f->log) == 1201);
    /* Of the shards that were complete at the start the caller knows. */
    assert_int_equal(f->shard_calls, 1);
    assert_shard(f, 3, 900, 300);
    free_fixture(f);
}

static void complete_shards_can_be_read(void **state)
{
    struct fixture *f = make_sharded(300);
    struct tree_info info;
    const struct tree *tree;
    struct merkle_proof proof;
    PS_BUF_AUTO out;
    char text[24];

    (void)state;
    ps_buf_init(&out, 65536);
    append_numbers(f, 0, 1000);
    assert_ok(log_sync(f->log));
    assert_ok(log_shard_info(f->log, 1, &info));
    assert_ok(log_find_tree(f->log, ps_bytes_str(info.name), &tree));
    assert_int_equal(tree_size(tree), 300);
    assert_ok(tree_read_entry(tree, 7, &out));
    assert_bytes(ps_buf_bytes(&out), number_leaf(307, text));
    ps_buf_reset(&out);
    assert_ok(tree_read_tile(tree, 0, 1, 44, &out));
    assert_ok(tree_read_bundle(tree, 1, 44, &out));
    assert_ok(tree_prove_inclusion(tree, 7, 300, &proof));
    assert_ok(merkle_verify_inclusion(&proof, merkle_leaf_hash(number_leaf(307, text)), 7, 300,
                                      info.root));
    assert_ok(tree_prove_consistency(tree, 100, 300, &proof));
    assert_ok(merkle_verify_consistency(&proof, 100, numbers_root(300, 400), 300, info.root));
    assert_ok(log_find_tree(f->log, ps_bytes_str(""), &tree));
    assert_int_equal(tree_size(tree), 100);
    assert_ok(log_find_tree(f->log, ps_bytes_str(log_shard(f->log)), &tree));
    assert_int_equal(tree_size(tree), 100);
    assert_fails(PS_E_NOT_FOUND, log_find_tree(f->log, ps_bytes_str("2001-01-0001"), &tree));
    assert_fails(PS_E_NOT_FOUND, log_find_tree(f->log, ps_bytes_str("../use"), &tree));
    free_fixture(f);
}

static void each_shard_has_its_own_checkpoint(void **state)
{
    struct fixture *f = make_sharded(300);
    struct tree_info info;
    const struct tree *tree;
    PS_BUF_AUTO out;
    PS_BUF_AUTO expected;
    char origin[64];

    (void)state;
    ps_buf_init(&out, 65536);
    ps_buf_init(&expected, 65536);
    append_numbers(f, 0, 100);
    assert_ok(log_sync(f->log));
    checkpoint_log(f);
    assert_int_not_equal(log_checkpoint(f->log).len, 0);
    append_numbers(f, 100, 400);
    assert_ok(log_sync(f->log));
    assert_int_equal(log_checkpoint(f->log).len, 0);
    assert_ok(log_shard_info(f->log, 0, &info));
    (void)snprintf(origin, sizeof origin, "t/use/%s", info.name);
    /* Signed for the old shard while it was completed, and then its last one. */
    assert_ok(set_note(f, origin, 200, numbers_root(0, 200)));
    assert_ok(log_sync(f->log));
    assert_ok(set_note(f, origin, 300, info.root));
    checkpoint_log(f);
    assert_fails(PS_E_INPUT, set_note(f, origin, 299, numbers_root(0, 299)));
    assert_fails(PS_E_INPUT, set_note(f, origin, 301, info.root));
    assert_fails(PS_E_NOT_FOUND, set_note(f, "t/use/2001-01-0001", 1, info.root));
    assert_fails(PS_E_INPUT, set_note(f, "t/use", 1, info.root));
    assert_ok(log_find_tree(f->log, ps_bytes_str(info.name), &tree));
    assert_ok(tree_read_checkpoint(tree, &out));
    put_note(origin, 300, info.root, &expected);
    assert_bytes(ps_buf_bytes(&out), ps_buf_bytes(&expected));
    stop_writer(f);
    open_log(f);
    assert_int_equal(log_tree_size(f->log), 100);
    assert_int_not_equal(log_checkpoint(f->log).len, 0);
    free_fixture(f);
}

static void the_next_name_follows_month_and_number(void **state)
{
    static const struct {
        const char *name;
        const char *now;
        const char *expected;
    } rows[] = {
        {"", "2026-11-20T10:00:00Z", "2026-11-0001"},
        {"2026-11-0001", "2026-11-20T10:00:00Z", "2026-11-0002"},
        {"2026-11-0999", "2026-11-30T23:59:59Z", "2026-11-1000"},
        {"2026-11-0007", "2026-12-01T00:00:00Z", "2026-12-0001"},
        {"2026-12-0007", "2027-01-01T00:00:00Z", "2027-01-0001"},
        {"2026-11-9999", "2026-12-01T00:00:00Z", "2026-12-0001"},
        /* The clock stepped back. */
        {"2026-11-0007", "2026-10-31T00:00:00Z", "2026-11-0008"},
        {"2026-11-9999", "2026-11-20T10:00:00Z", NULL},
        {"2026-11-9999", "2026-10-20T10:00:00Z", NULL},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        char name[TREE_NAME_MAX + 1];
        uint64_t now_ns;

        assert_ok(ps_time_parse(ps_bytes_str(rows[i].now), &now_ns));
        if (rows[i].expected == NULL) {
            assert_fails(PS_E_LIMIT, shard_next_name(rows[i].name, now_ns, name));
            continue;
        }
        assert_ok(shard_next_name(rows[i].name, now_ns, name));
        assert_string_equal(name, rows[i].expected);
    }
}

static void a_month_ends_where_the_next_begins(void **state)
{
    uint64_t expected;

    (void)state;
    assert_ok(ps_time_parse(ps_bytes_str("2026-12-01T00:00:00Z"), &expected));
    assert_int_equal(shard_month_end_ns("2026-11-0001"), expected);
    assert_ok(ps_time_parse(ps_bytes_str("2027-01-01T00:00:00Z"), &expected));
    assert_int_equal(shard_month_end_ns("2026-12-0001"), expected);
    assert_true(shard_month_end_ns("9999-12-0001") == UINT64_MAX);
}

static void names_of_shards(void **state)
{
    static const char *const wrong[] = {"",
                                        "2026-11-001",
                                        "2026-11-00011",
                                        "2026-00-0001",
                                        "2026-13-0001",
                                        "2026-11-0000",
                                        "2026_11_0001",
                                        "2026-11-000a",
                                        ".",
                                        ".."};

    (void)state;
    assert_true(shard_name_valid("2026-11-0001"));
    assert_true(shard_name_valid("2026-01-9999"));
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_false(shard_name_valid(wrong[i]));
    }
}

static void rename_shard(struct fixture *f, const char *from, const char *to)
{
    char old_path[PATH_LEN];
    char new_path[PATH_LEN];

    path_in(f, from, old_path);
    path_in(f, to, new_path);
    assert_int_equal(rename(old_path, new_path), 0);
}

static void a_new_month_begins_a_new_shard(void **state)
{
    struct fixture *f = make_sharded(1000);
    char name[TREE_NAME_MAX + 1];

    (void)state;
    append_numbers(f, 0, 10);
    assert_ok(log_sync(f->log));
    memcpy(name, log_shard(f->log), sizeof name);
    stop_writer(f);
    rename_shard(f, name, "2001-02-0003");
    open_log(f);
    assert_string_equal(log_shard(f->log), "2001-02-0003");
    append_numbers(f, 10, 20);
    assert_ok(log_sync(f->log));
    assert_int_equal(log_shard_count(f->log), 1);
    assert_shard(f, 0, 0, 10);
    assert_string_equal(log_shard(f->log), name);
    assert_int_equal(log_tree_size(f->log), 10);
    free_fixture(f);
}

static void an_empty_shard_waits_for_its_first_leaf(void **state)
{
    struct fixture *f = make_sharded(1000);
    char name[TREE_NAME_MAX + 1];

    (void)state;
    memcpy(name, log_shard(f->log), sizeof name);
    stop_writer(f);
    rename_shard(f, name, "2001-02-0003");
    open_log(f);
    append_numbers(f, 0, 1);
    assert_ok(log_sync(f->log));
    assert_int_equal(log_shard_count(f->log), 0);
    append_numbers(f, 1, 2);
    assert_ok(log_sync(f->log));
    assert_int_equal(log_shard_count(f->log), 1);
    free_fixture(f);
}

static void a_crash_while_a_shard_is_begun_is_survived(void **state)
{
    struct fixture *f = make_sharded(10);
    char path[PATH_LEN];

    (void)state;
    append_numbers(f, 0, 10);
    assert_ok(log_sync(f->log));
    stop_writer(f);
    path_in(f, "9999-01-0001", path);
    assert_int_equal(mkdir(path, 0700), 0);
    open_log(f);
    assert_string_equal(log_shard(f->log), "9999-01-0001");
    assert_int_equal(log_shard_count(f->log), 1);
    assert_int_equal(log_size(f->log), 10);
    append_numbers(f, 10, 15);
    assert_ok(log_sync(f->log));
    assert_root(f, 5, numbers_root(10, 15));
    free_fixture(f);
}

static void a_complete_shard_that_is_damaged_is_found(void **state)
{
    static const struct {
        const char *file;
        uint64_t less;
    } rows[] = {{"entries", 1},  {"hashes.0", 32}, {"hashes.0", 1},
                {"hashes.1", 1}, {"offsets", 8},   {"offsets", 1}};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct fixture *f = make_sharded(300);
        struct tree_info info;
        char name[64];
        char path[PATH_LEN];

        append_numbers(f, 0, 400);
        assert_ok(log_sync(f->log));
        assert_ok(log_shard_info(f->log, 0, &info));
        stop_writer(f);
        (void)snprintf(name, sizeof name, "%s/%s", info.name, rows[i].file);
        path_in(f, name, path);
        assert_int_equal(truncate(path, (off_t)(file_length(path) - rows[i].less)), 0);
        start_writer(f, NULL);
        assert_fails(PS_E_INPUT, log_open(f->writer, &f->config, &f->log));
        free_fixture(f);
    }
}

static void a_shard_is_opened_from_what_its_checkpoint_covers(void **state)
{
    struct fixture *f = make_sharded(1000000);
    char name[64];
    char path[PATH_LEN];
    const uint64_t size = 2 * 65536 + 700;

    (void)state;
    append_numbers(f, 0, size - 100);
    assert_ok(log_sync(f->log));
    checkpoint_log(f);
    append_numbers(f, size - 100, size);
    assert_ok(log_sync(f->log));
    (void)snprintf(name, sizeof name, "%s/entries", log_shard(f->log));
    stop_writer(f);
    open_log(f);
    assert_int_equal(log_size(f->log), size);
    assert_root(f, size, numbers_root(0, size));
    append_numbers(f, size, size + 100);
    assert_ok(log_sync(f->log));
    assert_root(f, size + 100, numbers_root(0, size + 100));
    assert_ok(log_check(f->log));
    stop_writer(f);
    /* Damage below is left to log_check and the verifier, damage in the rest is found. */
    path_in(f, name, path);
    flip_bit(path, 1000, 0);
    open_log(f);
    assert_fails(PS_E_INPUT, log_check(f->log));
    stop_writer(f);
    flip_bit(path, 1000, 0);
    flip_bit(path, file_length(path) - 2, 0);
    start_writer(f, NULL);
    assert_fails(PS_E_INPUT, log_open(f->writer, &f->config, &f->log));
    free_fixture(f);
}

/* A log of 1000 leaves in shards of 300, whose complete shards have their last checkpoints. */
static struct fixture *make_signed_shards(void)
{
    struct fixture *f = make_sharded(300);
    struct tree_info info;

    append_numbers(f, 0, 1000);
    assert_ok(log_sync(f->log));
    for (size_t i = 0; i < log_shard_count(f->log); i++) {
        char origin[64];

        assert_ok(log_shard_info(f->log, i, &info));
        (void)snprintf(origin, sizeof origin, "t/use/%s", info.name);
        assert_ok(set_note(f, origin, info.size, info.root));
    }
    assert_ok(log_sync(f->log));
    return f;
}

/* Its size and root are known, and nothing else of it can be read. */
static void assert_pruned(struct fixture *f, size_t at, const struct tree_info *before)
{
    struct merkle_proof proof;
    struct merkle_hash root;
    struct tree_info info;
    const struct tree *tree;
    uint64_t covered;
    PS_BUF_AUTO out = {.max = 65536};

    assert_ok(log_shard_info(f->log, at, &info));
    assert_true(info.pruned);
    assert_string_equal(info.name, before->name);
    assert_int_equal(info.first, before->first);
    assert_int_equal(info.size, before->size);
    assert_memory_equal(info.root.octets, before->root.octets, PS_SHA256_LEN);
    assert_ok(log_find_tree(f->log, ps_bytes_str(info.name), &tree));
    assert_true(tree_is_pruned(tree));
    assert_int_equal(tree_size(tree), before->size);
    assert_ok(tree_root(tree, before->size, &root));
    assert_memory_equal(root.octets, before->root.octets, PS_SHA256_LEN);
    assert_ok(tree_read_checkpoint(tree, &out));
    assert_ok(log_shard_covered(f->log, ps_bytes_str(info.name), &covered));
    assert_int_equal(covered, before->size);
    assert_fails(PS_E_NOT_FOUND, tree_root(tree, before->size - 1, &root));
    assert_fails(PS_E_NOT_FOUND, tree_read_entry(tree, 7, &out));
    assert_fails(PS_E_NOT_FOUND, tree_read_tile(tree, 0, 0, 256, &out));
    assert_fails(PS_E_NOT_FOUND, tree_read_bundle(tree, 0, 256, &out));
    assert_fails(PS_E_NOT_FOUND, tree_prove_inclusion(tree, 7, before->size, &proof));
}

static void a_pruned_shard_keeps_its_size_and_root(void **state)
{
    struct fixture *f = make_signed_shards();
    struct tree_info before;

    (void)state;
    assert_ok(log_shard_info(f->log, 1, &before));
    assert_fails(PS_E_NOT_FOUND, log_prune_shard(f->log, ps_bytes_str(log_shard(f->log))));
    assert_fails(PS_E_NOT_FOUND, log_prune_shard(f->log, ps_bytes_str("2001-01-0001")));
    assert_ok(log_prune_shard(f->log, ps_bytes_str(before.name)));
    assert_pruned(f, 1, &before);
    assert_ok(log_prune_shard(f->log, ps_bytes_str(before.name)));
    stop_writer(f);
    open_log(f);
    assert_int_equal(log_size(f->log), 1000);
    assert_int_equal(log_first(f->log), 900);
    assert_shard(f, 0, 0, 300);
    assert_pruned(f, 1, &before);
    assert_shard(f, 2, 600, 300);
    append_numbers(f, 1000, 1201);
    assert_ok(log_sync(f->log));
    assert_shard(f, 3, 900, 300);
    free_fixture(f);
}

static void remove_file(const struct fixture *f, const char *shard, const char *name)
{
    char path[PATH_LEN];

    (void)snprintf(path, sizeof path, "%s/%s/%s", f->directory, shard, name);
    assert_int_equal(unlink(path), 0);
}

/* The record goes first: whatever else is left, it is a pruned one, and can be pruned to its end.
 */
static void a_crash_while_a_shard_is_pruned_is_survived(void **state)
{
    static const char *const files[] = {"entries",  "offsets",  "hashes.0", "hashes.1",
                                        "hashes.2", "hashes.3", "hashes.4"};

    (void)state;
    for (size_t removed = 1; removed < PS_COUNT_OF(files); removed++) {
        struct fixture *f = make_signed_shards();
        struct tree_info before;
        char path[PATH_LEN];
        char name[64];

        assert_ok(log_shard_info(f->log, 0, &before));
        stop_writer(f);
        for (size_t i = 0; i < removed; i++) {
            remove_file(f, before.name, files[i]);
        }
        open_log(f);
        assert_pruned(f, 0, &before);
        assert_ok(log_prune_shard(f->log, ps_bytes_str(before.name)));
        (void)snprintf(name, sizeof name, "%s/hashes.4", before.name);
        path_in(f, name, path);
        assert_int_not_equal(access(path, F_OK), 0);
        free_fixture(f);
    }
}

/* Without a checkpoint nothing says what the leaves were. */
static void a_shard_that_lost_its_record_and_was_not_pruned_is_found(void **state)
{
    struct fixture *f = make_sharded(300);
    struct tree_info info;

    (void)state;
    append_numbers(f, 0, 301);
    assert_ok(log_sync(f->log));
    assert_ok(log_shard_info(f->log, 0, &info));
    assert_fails(PS_E_STATE, log_prune_shard(f->log, ps_bytes_str(info.name)));
    stop_writer(f);
    remove_file(f, info.name, "entries");
    start_writer(f, NULL);
    assert_fails(PS_E_STORAGE, log_open(f->writer, &f->config, &f->log));
    free_fixture(f);
}

static void put_checkpoint_path(const struct fixture *f, const char *shard, char path[PATH_LEN])
{
    char name[64];

    (void)snprintf(name, sizeof name, "%s/checkpoint", shard);
    path_in(f, name, path);
}

/* Of the same size, so that only the name in it tells. */
static void the_checkpoint_of_another_shard_is_found(void **state)
{
    struct fixture *f = make_signed_shards();
    struct tree_info shards[2];
    char from[PATH_LEN];
    char to[PATH_LEN];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(shards); i++) {
        assert_ok(log_shard_info(f->log, i, &shards[i]));
        assert_ok(log_prune_shard(f->log, ps_bytes_str(shards[i].name)));
    }
    stop_writer(f);
    put_checkpoint_path(f, shards[1].name, from);
    put_checkpoint_path(f, shards[0].name, to);
    copy_file(from, to, file_length(from));
    start_writer(f, NULL);
    assert_fails(PS_E_INPUT, log_open(f->writer, &f->config, &f->log));
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_has_at_most_its_leaves),
        cmocka_unit_test(a_full_shard_is_completed_by_the_next_leaf),
        cmocka_unit_test(shards_are_found_again),
        cmocka_unit_test(complete_shards_can_be_read),
        cmocka_unit_test(each_shard_has_its_own_checkpoint),
        cmocka_unit_test(the_next_name_follows_month_and_number),
        cmocka_unit_test(a_month_ends_where_the_next_begins),
        cmocka_unit_test(names_of_shards),
        cmocka_unit_test(a_new_month_begins_a_new_shard),
        cmocka_unit_test(an_empty_shard_waits_for_its_first_leaf),
        cmocka_unit_test(a_crash_while_a_shard_is_begun_is_survived),
        cmocka_unit_test(a_complete_shard_that_is_damaged_is_found),
        cmocka_unit_test(a_shard_is_opened_from_what_its_checkpoint_covers),
        cmocka_unit_test(a_pruned_shard_keeps_its_size_and_root),
        cmocka_unit_test(a_crash_while_a_shard_is_pruned_is_survived),
        cmocka_unit_test(a_shard_that_lost_its_record_and_was_not_pruned_is_found),
        cmocka_unit_test(the_checkpoint_of_another_shard_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
