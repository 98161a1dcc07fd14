#include "tests/unit/log_support.h"
#include "tests/unit/vectors.h"

#include "lib/base/encode.h"
#include "lib/ceremony/log/verify.h"

/* What stands behind a tree's leaves, by tests/vectors/log/tails.json: the verifier and the log. */

static const char *const trees[] = {"events", "use/2026-11-0001", "use/2026-11-0002"};
static const char *const names[] = {"entries",  "offsets",  "hashes.0", "hashes.1",
                                    "hashes.2", "hashes.3", "hashes.4", "checkpoint"};

struct tail {
    struct ps_bytes name;
    struct ps_bytes tree;
    struct ps_bytes hash; /* hex; empty: none */
    struct json_value behind;
    bool damage;
    int64_t leaves;
};

static struct tail read_tail(struct json_value row)
{
    struct tail tail = {
        .name = text_of(row, "name"), .tree = text_of(row, "tree"), .hash = text_of(row, "hash")};
    struct json_value value;

    assert_true(json_member(row, "behind", &tail.behind));
    tail.damage = json_member(row, "damage", &value);
    if (!tail.damage) {
        assert_true(json_member(row, "leaves", &value));
        assert_ok(json_integer(value, &tail.leaves));
    }
    return tail;
}

static void append_to(const char *log, struct ps_bytes tree, const char *file, struct ps_bytes what)
{
    char path[PATH_LEN];
    FILE *out;

    (void)snprintf(path, sizeof path, "%s/%.*s/%s", log, PS_BYTES_FMT(tree), file);
    out = fopen(path, "abe");
    assert_non_null(out);
    assert_int_equal(fwrite(what.data, 1, what.len, out), what.len);
    assert_int_equal(fclose(out), 0);
}

static void put_pieces(const struct tail *tail, struct ps_buf *out)
{
    struct json_value piece;
    uint32_t cursor = 0;

    while (json_next(tail->behind, &cursor, NULL, &piece)) {
        struct ps_bytes hex;
        int64_t zeros;

        if (json_string(piece, &hex) == PS_OK) {
            assert_ok(ps_hex_decode(hex, out));
            continue;
        }
        assert_ok(json_integer(piece, &zeros));
        for (int64_t i = 0; i < zeros; i++) {
            ps_buf_put_u8(out, 0);
        }
    }
    assert_ok(ps_buf_status(out));
}

static void copy_sample(const struct fixture *f)
{
    char path[PATH_LEN];

    (void)snprintf(path, sizeof path, "%s/use", f->top);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < PS_COUNT_OF(trees); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f->top, trees[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        for (size_t j = 0; j < PS_COUNT_OF(names); j++) {
            char source[PATH_LEN];

            (void)snprintf(source, sizeof source, "%s/tests/vectors/log/sample/%s/%s",
                           source_root(), trees[i], names[j]);
            (void)snprintf(path, sizeof path, "%s/%s/%s", f->top, trees[i], names[j]);
            copy_file(source, path, UINT64_MAX);
        }
    }
}

/* A copy of the sample with the tail in it. */
static void make_log(const struct tail *tail, const struct fixture *f)
{
    PS_BUF_AUTO octets;
    PS_BUF_AUTO hash;

    ps_buf_init(&octets, 1024 * 1024);
    ps_buf_init(&hash, 32);
    copy_sample(f);
    put_pieces(tail, &octets);
    append_to(f->top, tail->tree, "entries", ps_buf_bytes(&octets));
    if (tail->hash.len != 0) {
        assert_ok(ps_hex_decode(tail->hash, &hash));
        append_to(f->top, tail->tree, "hashes.0", ps_buf_bytes(&hash));
    }
}

static void on_row(void *context, const struct log_row *row)
{
    unsigned *failures = context;

    *failures += row->verdict == LOG_FAIL ? 1 : 0;
}

static void assert_verdict(const struct fixture *f, const struct tail *tail)
{
    const struct log_verify_request request = {.directory = f->top};
    struct log_summary summary = {0};
    unsigned failures = 0;
    const enum ps_err err = log_verify(&request, on_row, &failures, &summary);

    if (err != (tail->damage ? PS_E_DENIED : PS_OK)) {
        fail_msg("%.*s: %s", PS_BYTES_FMT(tail->name), ps_err_info(err)->name);
    }
    if (!tail->damage) {
        assert_int_equal(summary.leaves, 4 + 260 + 5 + tail->leaves);
    }
}

/* The appliance takes the same leaves, and leaves nothing behind them. */
static void assert_opened(struct fixture *f, const struct tail *tail)
{
    const bool is_events = ps_bytes_equal_str(tail->tree, "events");

    if (!is_events) {
        use_shards(f, 1000);
    }
    start_writer(f, NULL);
    if (tail->damage) {
        assert_fails(PS_E_INPUT, log_open(f->writer, &f->config, &f->log));
        assert_verdict(f, tail);
        return;
    }
    open_log(f);
    assert_int_equal(log_size(f->log), (is_events ? 4 : 265) + tail->leaves);
    assert_verdict(f, tail);
    stop_writer(f);
    assert_verdict(f, tail);
}

static void tails_are_what_the_vectors_say(void **state)
{
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("log/tails.json", &vectors);
    assert_true(json_count(vectors.rows) > 10);
    while (vectors_next(&vectors, &row)) {
        const struct tail tail = read_tail(row);
        struct fixture *f = make_fixture();

        make_log(&tail, f);
        assert_verdict(f, &tail);
        assert_opened(f, &tail);
        free_fixture(f);
    }
    vectors_close(&vectors);
}

/* Zeros of which nothing is stored are not read: of so many it would take hours. */
static void a_hole_behind_the_leaves_takes_no_time(void **state)
{
    const struct tail hole = {.name = LITERAL("hole"), .leaves = 0};
    struct fixture *f = make_fixture();

    (void)state;
    copy_sample(f);
    for (size_t i = 0; i < 3; i++) { /* entries, offsets, hashes.0 */
        char path[PATH_LEN];

        (void)snprintf(path, sizeof path, "%s/%s/%s", f->top, trees[2], names[i]);
        assert_int_equal(truncate(path, (off_t)1 << 42), 0);
    }
    assert_verdict(f, &hole);
    free_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tails_are_what_the_vectors_say),
        cmocka_unit_test(a_hole_behind_the_leaves_takes_no_time),
    };

    in_memory = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
