#include "tests/unit/log_support.h"
#include "tests/unit/vectors.h"

#include "keystore/log/internal.h"

/* Appending and reading; trees.json has the expected roots and proofs. */

static void a_new_log_is_empty(void **state)
{
    struct fixture *f = make_fixture();
    PS_BUF_AUTO out;
    struct merkle_hash root;

    (void)state;
    ps_buf_init(&out, LOG_ENTRY_MAX);
    open_log(f);
    assert_int_equal(log_size(f->log), 0);
    assert_int_equal(log_durable(f->log), 0);
    assert_int_equal(log_tree_size(f->log), 0);
    assert_string_equal(log_shard(f->log), "");
    assert_int_equal(log_checkpoint(f->log).len, 0);
    assert_false(log_has_failed(f->log));
    assert_int_equal(log_failure(f->log).err, PS_OK);
    assert_root(f, 0, merkle_empty_root());
    assert_fails(PS_E_NOT_FOUND, log_root(f->log, 1, &root));
    assert_fails(PS_E_NOT_FOUND, log_read_entry(f->log, 0, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 0, 0, 1, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_bundle(f->log, 0, 1, &out));
    assert_ok(log_check(f->log));
    free_fixture(f);
}

static void what_was_appended_is_durable_and_told(void **state)
{
    struct fixture *f = make_fixture();
    uint64_t index;

    (void)state;
    open_log(f);
    assert_ok(log_append(f->log, ps_bytes_str("leaf"), &index));
    assert_int_equal(index, 0);
    assert_int_equal(log_size(f->log), 1);
    wait_until(f, f->durable_calls != 0);
    assert_int_equal(log_durable(f->log), 1);
    assert_root(f, 1, merkle_leaf_hash(ps_bytes_str("leaf")));
    free_fixture(f);
}

static void sync_needs_no_turn_of_the_loop(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 3);
    assert_int_equal(f->durable_calls, 0);
    assert_ok(ps_loop_turn(f->loop, 0));
    assert_int_equal(f->durable_calls, 1);
    assert_ok(log_sync(f->log));
    free_fixture(f);
}

static void limits_of_a_leaf(void **state)
{
    struct fixture *f = make_fixture();
    char *large = malloc(LOG_ENTRY_MAX + 1);
    PS_BUF_AUTO out;
    uint64_t index;

    (void)state;
    ps_buf_init(&out, LOG_ENTRY_MAX);
    assert_non_null(large);
    memset(large, 'x', LOG_ENTRY_MAX + 1);
    open_log(f);
    assert_fails(PS_E_INPUT, log_append(f->log, ps_bytes(NULL, 0), &index));
    assert_fails(PS_E_INPUT, log_append(f->log, ps_bytes(large, LOG_ENTRY_MAX + 1), &index));
    assert_fails(PS_E_INPUT, log_append(f->log, LITERAL("a\0b"), &index));
    assert_int_equal(log_size(f->log), 0);
    assert_ok(log_append(f->log, ps_bytes(large, LOG_ENTRY_MAX), &index));
    assert_ok(log_append(f->log, ps_bytes_str("1"), &index));
    assert_ok(log_sync(f->log));
    assert_ok(log_read_entry(f->log, 0, &out));
    assert_bytes(ps_buf_bytes(&out), ps_bytes(large, LOG_ENTRY_MAX));
    free(large);
    free_fixture(f);
}

static void assert_numbers_from(struct fixture *f, uint64_t first, uint64_t size)
{
    PS_BUF_AUTO out;

    ps_buf_init(&out, 24);
    for (uint64_t i = 0; i < size; i++) {
        char text[24];

        ps_buf_reset(&out);
        assert_ok(log_read_entry(f->log, i, &out));
        assert_bytes(ps_buf_bytes(&out), number_leaf(first + i, text));
    }
    assert_fails(PS_E_NOT_FOUND, log_read_entry(f->log, size, &out));
}

static void assert_number(struct fixture *f, uint64_t index)
{
    PS_BUF_AUTO out = {.max = 24};
    char text[24];

    assert_ok(log_read_entry(f->log, index, &out));
    assert_bytes(ps_buf_bytes(&out), number_leaf(index, text));
}

/* Backwards, to and fro, and on behind what was the end when the place was noted. */
static void entries_come_back_in_any_order(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 600);
    for (uint64_t i = 600; i-- > 0;) {
        assert_number(f, i);
    }
    for (uint64_t i = 0; i < 600; i++) {
        assert_number(f, i * 331 % 600);
    }
    assert_number(f, 599);
    append_numbers(f, 600, 700);
    assert_ok(log_sync(f->log));
    for (uint64_t i = 600; i < 700; i++) {
        assert_number(f, i);
        assert_number(f, i - 1);
    }
    free_fixture(f);
}

static void a_place_that_is_wrong_misleads_nobody(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 300);
    for (uint64_t off = 0; off < 700; off += 7) {
        assert_number(f, 20);
        for (unsigned i = 0; i < f->log->places.count; i++) {
            f->log->places.offsets[i] = off;
        }
        assert_number(f, off % 30);
        assert_number(f, 29 - off % 30);
    }
    free_fixture(f);
}

static void entries_come_back_as_they_went_in(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 600);
    assert_numbers_from(f, 0, 600);
    stop_writer(f);
    open_log(f);
    assert_int_equal(log_size(f->log), 600);
    assert_numbers_from(f, 0, 600);
    free_fixture(f);
}

struct walk {
    uint64_t next;
    uint64_t stop;
};

static enum ps_err on_leaf(void *context, uint64_t index, struct ps_bytes leaf)
{
    struct walk *walk = context;
    char text[24];

    assert_int_equal(index, walk->next++);
    assert_bytes(leaf, number_leaf(index, text));
    return walk->next == walk->stop ? PS_E_STATE : PS_OK;
}

static void walking_gives_each_leaf_once(void **state)
{
    static const uint64_t starts[] = {0, 1, 63, 64, 255, 256, 257, 599, 600, 601};
    struct fixture *f = make_fixture();

    (void)state;
    fill_log(f, 600);
    for (size_t i = 0; i < PS_COUNT_OF(starts); i++) {
        struct walk walk = {starts[i], UINT64_MAX};

        assert_ok(log_each_entry(f->log, starts[i], on_leaf, &walk));
        assert_int_equal(walk.next, starts[i] > 600 ? starts[i] : 600);
    }
    {
        struct walk walk = {0, 5};

        assert_fails(PS_E_STATE, log_each_entry(f->log, 0, on_leaf, &walk));
        assert_int_equal(walk.next, 5);
    }
    free_fixture(f);
}

static uint64_t number_of(struct json_value row, const char *name)
{
    struct json_value value;
    int64_t number;

    assert_true(json_member(row, name, &value));
    assert_ok(json_integer(value, &number));
    return (uint64_t)number;
}

static void assert_hash(struct json_value text, struct merkle_hash hash)
{
    PS_BUF_AUTO hex;
    struct ps_bytes expected;

    ps_buf_init(&hex, 64);
    assert_ok(json_string(text, &expected));
    ps_buf_put_hex(&hex, ps_bytes(hash.octets, sizeof hash.octets));
    assert_bytes(ps_buf_bytes(&hex), expected);
}

static void assert_proof(struct json_value row, const struct merkle_proof *proof)
{
    struct json_value hashes;
    struct json_value hash;
    uint32_t cursor = 0;
    size_t at = 0;

    assert_true(json_member(row, "proof", &hashes));
    assert_int_equal(json_count(hashes), proof->count);
    while (json_next(hashes, &cursor, NULL, &hash)) {
        assert_hash(hash, proof->hashes[at++]);
    }
}

static void roots_and_proofs_are_those_of_the_vectors(void **state)
{
    struct fixture *f = make_fixture();
    struct vectors v;
    struct json_value rows;
    struct json_value row;
    struct merkle_proof proof;
    uint32_t cursor = 0;

    (void)state;
    vectors_open("log/trees.json", &v);
    fill_log(f, 1029);
    assert_true(json_member(v.root, "roots", &rows));
    while (json_next(rows, &cursor, NULL, &row)) {
        struct json_value text;
        struct merkle_hash root;

        assert_ok(log_root(f->log, number_of(row, "size"), &root));
        assert_true(json_member(row, "root", &text));
        assert_hash(text, root);
    }
    assert_true(json_member(v.root, "inclusion", &rows));
    for (cursor = 0; json_next(rows, &cursor, NULL, &row);) {
        assert_ok(
            log_prove_inclusion(f->log, number_of(row, "leaf"), number_of(row, "size"), &proof));
        assert_proof(row, &proof);
    }
    assert_true(json_member(v.root, "consistency", &rows));
    for (cursor = 0; json_next(rows, &cursor, NULL, &row);) {
        assert_ok(
            log_prove_consistency(f->log, number_of(row, "old"), number_of(row, "size"), &proof));
        assert_proof(row, &proof);
    }
    vectors_close(&v);
    free_fixture(f);
}

static void proofs_outside_the_tree_are_refused(void **state)
{
    struct fixture *f = make_fixture();
    struct merkle_proof proof;

    (void)state;
    fill_log(f, 10);
    assert_fails(PS_E_INPUT, log_prove_inclusion(f->log, 10, 10, &proof));
    assert_fails(PS_E_INPUT, log_prove_inclusion(f->log, 0, 0, &proof));
    assert_fails(PS_E_NOT_FOUND, log_prove_inclusion(f->log, 0, 11, &proof));
    assert_fails(PS_E_INPUT, log_prove_consistency(f->log, 5, 4, &proof));
    assert_fails(PS_E_NOT_FOUND, log_prove_consistency(f->log, 5, 11, &proof));
    free_fixture(f);
}

static void tiles_are_those_of_tlog_tiles(void **state)
{
    struct fixture *f = make_fixture();
    PS_BUF_AUTO out;
    char text[24];
    struct merkle_hash hash;

    (void)state;
    ps_buf_init(&out, 8192);
    fill_log(f, 600);
    assert_ok(log_read_tile(f->log, 0, 0, 256, &out));
    assert_int_equal(out.len, 8192);
    hash = merkle_leaf_hash(number_leaf(255, text));
    assert_memory_equal(out.data + 255 * 32, hash.octets, 32);
    ps_buf_reset(&out);
    assert_ok(log_read_tile(f->log, 0, 2, 88, &out));
    hash = merkle_leaf_hash(number_leaf(599, text));
    assert_memory_equal(out.data + 87 * 32, hash.octets, 32);
    ps_buf_reset(&out);
    assert_ok(log_read_tile(f->log, 1, 0, 2, &out));
    hash = numbers_root(256, 512);
    assert_memory_equal(out.data + 32, hash.octets, 32);
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 0, 2, 89, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 0, 0, 0, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 0, 0, 257, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 0, 3, 1, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 1, 0, 3, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 2, 0, 1, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 63, 0, 1, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 0, UINT64_MAX, 256, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_tile(f->log, 0, UINT64_MAX / 256, 256, &out));
    free_fixture(f);
}

static void a_bundle_is_a_piece_of_the_record(void **state)
{
    struct fixture *f = make_fixture();
    PS_BUF_AUTO out;
    PS_BUF_AUTO small;
    PS_BUF_AUTO record;
    char path[PATH_LEN];

    (void)state;
    ps_buf_init(&out, 65536);
    ps_buf_init(&small, 100);
    fill_log(f, 600);
    path_in(f, "entries", path);
    assert_true(read_file(path, &record));
    assert_ok(log_read_bundle(f->log, 0, 256, &out));
    assert_ok(log_read_bundle(f->log, 1, 256, &out));
    assert_ok(log_read_bundle(f->log, 2, 88, &out));
    assert_true(record.len > out.len);
    assert_memory_equal(out.data, record.data, out.len);
    assert_fails(PS_E_NOT_FOUND, log_read_bundle(f->log, 2, 89, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_bundle(f->log, 0, 257, &out));
    assert_fails(PS_E_NOT_FOUND, log_read_bundle(f->log, 0, 0, &out));
    assert_fails(PS_E_LIMIT, log_read_bundle(f->log, 0, 256, &small));
    free_fixture(f);
}

static void a_checkpoint_is_kept(void **state)
{
    struct fixture *f = make_fixture();
    PS_BUF_AUTO kept;

    (void)state;
    ps_buf_init(&kept, 16384);
    fill_log(f, 300);
    checkpoint_log(f);
    put_note("t/events", 300, numbers_root(0, 300), &kept);
    assert_bytes(log_checkpoint(f->log), ps_buf_bytes(&kept));
    stop_writer(f);
    open_log(f);
    assert_bytes(log_checkpoint(f->log), ps_buf_bytes(&kept));
    free_fixture(f);
}

static void a_wrong_checkpoint_is_refused(void **state)
{
    struct fixture *f = make_fixture();
    const struct merkle_hash root = numbers_root(0, 300);

    (void)state;
    fill_log(f, 300);
    assert_ok(set_note(f, "t/events", 200, numbers_root(0, 200)));
    assert_fails(PS_E_INPUT, set_note(f, "t/events", 199, numbers_root(0, 199)));
    assert_fails(PS_E_INPUT, set_note(f, "t/events", 299, root));
    assert_fails(PS_E_INPUT, set_note(f, "t/events", 301, root));
    assert_fails(PS_E_INPUT, set_note(f, "t/use", 300, root));
    assert_fails(PS_E_INPUT, set_note(f, "events", 300, root));
    assert_fails(PS_E_INPUT, set_note(f, "/events", 300, root));
    assert_fails(PS_E_INPUT, log_set_checkpoint(f->log, ps_bytes_str("")));
    assert_fails(PS_E_INPUT, log_set_checkpoint(f->log, ps_bytes_str("t/events\n0\n")));
    assert_ok(set_note(f, "t/events", 300, root));
    assert_ok(set_note(f, "t/events", 300, root));
    assert_ok(log_sync(f->log));
    free_fixture(f);
}

static void a_second_process_cannot_open_it(void **state)
{
    struct fixture *f = make_fixture();
    struct log *other;

    (void)state;
    open_log(f);
    assert_fails(PS_E_BUSY, log_open(f->writer, &f->config, &other));
    free_fixture(f);
}

static void the_parent_directory_is_not_made(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    (void)snprintf(f->directory, sizeof f->directory, "%s/absent/events", f->top);
    start_writer(f, NULL);
    assert_fails(PS_E_STORAGE, log_open(f->writer, &f->config, &f->log));
    free_fixture(f);
}

static void two_logs_share_a_writer(void **state)
{
    struct fixture *f = make_fixture();
    char directory[PATH_LEN];
    const struct log_config config = {.directory = directory, .name = "other"};
    struct log *other;
    uint64_t index;

    (void)state;
    (void)snprintf(directory, sizeof directory, "%s/other", f->top);
    open_log(f);
    assert_ok(log_open(f->writer, &config, &other));
    append_numbers(f, 0, 100);
    assert_ok(log_append(other, ps_bytes_str("x"), &index));
    assert_int_equal(index, 0);
    wait_until(f, log_durable(f->log) == 100 && log_durable(other) == 1);
    free_fixture(f);
}

static void the_end_waits_for_what_was_appended(void **state)
{
    struct fixture *f = make_fixture();

    (void)state;
    open_log(f);
    append_numbers(f, 0, 1000);
    stop_writer(f);
    open_log(f);
    assert_int_equal(log_durable(f->log), 1000);
    assert_root(f, 1000, numbers_root(0, 1000));
    free_fixture(f);
}

static void the_space_and_the_rate_are_known(void **state)
{
    struct fixture *f = make_fixture();
    uint64_t free_octets;
    uint64_t rate;

    (void)state;
    fill_log(f, 10);
    log_space(f->log, &free_octets, &rate);
    assert_true(free_octets > 0);
    assert_int_equal(rate, 10 * (3 + 32));
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_log_is_empty),
        cmocka_unit_test(what_was_appended_is_durable_and_told),
        cmocka_unit_test(sync_needs_no_turn_of_the_loop),
        cmocka_unit_test(limits_of_a_leaf),
        cmocka_unit_test(entries_come_back_as_they_went_in),
        cmocka_unit_test(entries_come_back_in_any_order),
        cmocka_unit_test(a_place_that_is_wrong_misleads_nobody),
        cmocka_unit_test(walking_gives_each_leaf_once),
        cmocka_unit_test(roots_and_proofs_are_those_of_the_vectors),
        cmocka_unit_test(proofs_outside_the_tree_are_refused),
        cmocka_unit_test(tiles_are_those_of_tlog_tiles),
        cmocka_unit_test(a_bundle_is_a_piece_of_the_record),
        cmocka_unit_test(a_checkpoint_is_kept),
        cmocka_unit_test(a_wrong_checkpoint_is_refused),
        cmocka_unit_test(a_second_process_cannot_open_it),
        cmocka_unit_test(the_parent_directory_is_not_made),
        cmocka_unit_test(two_logs_share_a_writer),
        cmocka_unit_test(the_end_waits_for_what_was_appended),
        cmocka_unit_test(the_space_and_the_rate_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
