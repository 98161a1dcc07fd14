#include "tests/unit/support.h"

#include "keystore/snapshot/layered.h"

#include <fcntl.h>
#include <unistd.h>

/* The rows of a table with those above it that leaves have changed since. */

static char top[64];
static int directory;
static struct table *table;
static struct catalog *stored;
static struct catalog *rows;

static void apply(struct catalog *catalog, enum catalog_kind kind, const char *name,
                  uint64_t expected, const char *text, uint64_t event)
{
    const struct catalog_change change = {
        .kind = kind, .name = ps_bytes_str(name), .expected = expected, .body = ps_bytes_str(text)};

    assert_ok(catalog_apply(catalog, &change, 1, event, NULL));
}

static void add_to_table(struct table_writer *writer, enum catalog_kind kind, const char *name,
                         const char *text)
{
    struct table_entry entry = {
        .kind = kind, .name = ps_bytes_str(name), .revision = 1, .event = 7};

    ps_sha256(ps_bytes_str(text), entry.hash);
    assert_ok(table_writer_add(writer, &entry));
    apply(stored, kind, name, 0, text, 7);
}

/* Keys b, d and f, and a client. */
static int make(void **state)
{
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    struct table_seal seal;

    (void)state;
    (void)snprintf(top, sizeof top, "/tmp/privyseal-layered-XXXXXX");
    assert_non_null(mkdtemp(top));
    directory = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(catalog_open_memory(&stored));
    assert_ok(table_writer_new(directory, "t", &writer));
    add_to_table(writer, CATALOG_KEY, "b", "{\"b\":1}");
    add_to_table(writer, CATALOG_KEY, "d", "{\"d\":1}");
    add_to_table(writer, CATALOG_KEY, "f", "{\"f\":1}");
    add_to_table(writer, CATALOG_CLIENT, "b", "{\"c\":1}");
    assert_ok(table_writer_finish(writer, ps_bytes(NULL, 0), &seal));
    assert_ok(table_open(directory, "t", &seal, &table));
    assert_ok(layered_open(table, stored, NULL, &rows));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    catalog_close(rows);
    catalog_close(stored);
    table_free(table);
    (void)unlinkat(directory, "t", 0);
    (void)close(directory);
    (void)rmdir(top);
    return 0;
}

static enum ps_err put_row(void *context, const struct catalog_row *row)
{
    ps_buf_put(context, row->name);
    ps_buf_put(context, row->body);
    return ps_buf_status(context);
}

static void expect_list(struct catalog *catalog, enum catalog_kind kind, const char *after,
                        uint32_t limit, const char *expected)
{
    PS_BUF_AUTO out = {.max = 4096};

    assert_ok(catalog_list(catalog, kind, ps_bytes_str(after), limit, put_row, &out));
    assert_text(ps_buf_bytes(&out), expected);
}

static void what_has_changed_hides_what_the_table_says(void **state)
{
    PS_BUF_AUTO memory = {.max = 4096};
    struct catalog_row row;

    (void)state;
    assert_ptr_equal(layered_table(rows), table);
    assert_null(layered_table(stored));
    apply(rows, CATALOG_KEY, "a", 0, "{\"a\":1}", 9);
    apply(rows, CATALOG_KEY, "d", 1, "{\"d\":2}", 10);
    apply(rows, CATALOG_KEY, "f", 1, "", 11);
    expect_list(rows, CATALOG_KEY, "", UINT32_MAX, "a{\"a\":1}b{\"b\":1}d{\"d\":2}");
    expect_list(rows, CATALOG_KEY, "a", 1, "b{\"b\":1}");
    expect_list(rows, CATALOG_KEY, "c", UINT32_MAX, "d{\"d\":2}");
    expect_list(rows, CATALOG_CLIENT, "", UINT32_MAX, "b{\"c\":1}");
    expect_list(rows, CATALOG_VERSION, "", UINT32_MAX, "");
    assert_ok(catalog_get(rows, CATALOG_KEY, ps_bytes_str("d"), &memory, &row));
    assert_int_equal(row.revision, 2);
    assert_int_equal(row.event, 10);
    assert_ok(layered_get_below(rows, CATALOG_KEY, ps_bytes_str("d"), &memory, &row));
    assert_int_equal(row.revision, 1);
    assert_fails(PS_E_NOT_FOUND, catalog_get(rows, CATALOG_KEY, ps_bytes_str("f"), &memory, &row));
    apply(rows, CATALOG_KEY, "f", 0, "{\"f\":3}", 12);
    assert_ok(catalog_get(rows, CATALOG_KEY, ps_bytes_str("f"), &memory, &row));
    assert_int_equal(row.revision, 1);
    assert_int_equal(layered_changes(rows), 3);
}

static void a_change_has_to_know_the_revision(void **state)
{
    struct catalog_change changes[] = {
        {.kind = CATALOG_KEY, .name = ps_bytes_str("x"), .body = ps_bytes_str("{}")},
        {.kind = CATALOG_KEY, .name = ps_bytes_str("b"), .body = ps_bytes_str("{}")},
    };

    (void)state;
    assert_fails(PS_E_CONFLICT, catalog_apply(rows, changes, 2, 9, NULL));
    expect_list(rows, CATALOG_KEY, "", 2, "b{\"b\":1}d{\"d\":1}");
    changes[1].expected = 2;
    assert_fails(PS_E_CONFLICT, catalog_apply(rows, changes, 2, 9, NULL));
    changes[1].expected = 1;
    assert_ok(catalog_apply(rows, changes, 2, 9, NULL));
    changes[0].expected = 1;
    assert_fails(PS_E_CONFLICT, catalog_apply(rows, changes, 2, 9, NULL));
}

static enum ps_err put_change(void *context, const struct catalog_row *row)
{
    ps_buf_put(context, row->name);
    ps_buf_put_str(context, row->body.len == 0 ? "-" : "+");
    return ps_buf_status(context);
}

static void changes_are_given_with_what_was_removed(void **state)
{
    PS_BUF_AUTO out = {.max = 256};

    (void)state;
    apply(rows, CATALOG_KEY, "b", 1, "", 9);
    apply(rows, CATALOG_KEY, "e", 0, "{}", 9);
    assert_ok(layered_each_change(rows, CATALOG_KEY, put_change, &out));
    assert_text(ps_buf_bytes(&out), "b-e+");
}

static enum ps_err put_entry(void *context, const struct table_entry *entry, struct ps_bytes octets)
{
    ps_buf_put(context, entry->name);
    ps_buf_put_decimal(context, entry->revision);
    ps_buf_put_str(context, octets.len == 0 ? " " : "* ");
    return ps_buf_status(context);
}

static void a_walk_needs_no_bodies(void **state)
{
    PS_BUF_AUTO out = {.max = 256};

    (void)state;
    apply(rows, CATALOG_KEY, "d", 1, "{\"d\":2}", 10);
    apply(stored, CATALOG_KEY, "b", 1, "", 10);
    assert_ok(layered_walk(rows, CATALOG_KEY, ps_bytes(NULL, 0), 9, put_entry, &out));
    assert_text(ps_buf_bytes(&out), "b1 d2* f1 ");
    assert_fails(PS_E_INTERNAL,
                 layered_walk(stored, CATALOG_KEY, ps_bytes(NULL, 0), 9, put_entry, &out));
}

static void without_a_table_all_is_in_memory(void **state)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *alone = NULL;

    (void)state;
    assert_ok(layered_open(NULL, stored, NULL, &alone));
    assert_null(layered_table(alone));
    expect_list(alone, CATALOG_KEY, "", UINT32_MAX, "");
    apply(alone, CATALOG_KEY, "b", 0, "{}", 1);
    expect_list(alone, CATALOG_KEY, "", UINT32_MAX, "b{}");
}

static void what_authorises_nothing_is_kept_beside_it(void **state)
{
    PS_BUF_AUTO memory = {.max = 4096};
    static const uint8_t hash[PS_SHA256_LEN];
    const struct catalog_answer answer = {.caller = ps_bytes_str("c"),
                                          .key = ps_bytes_str("k"),
                                          .body_hash = ps_bytes(hash, sizeof hash),
                                          .expires_ns = 10};
    struct catalog_answer found;

    (void)state;
    apply(rows, CATALOG_OPERATION, "o", 0, "{}", 0);
    expect_list(rows, CATALOG_OPERATION, "", UINT32_MAX, "o{}");
    assert_ok(catalog_begin_answer(rows, &answer));
    assert_fails(PS_E_CONFLICT, catalog_begin_answer(rows, &answer));
    assert_ok(catalog_get_answer(rows, answer.caller, answer.key, 5, &memory, &found));
    assert_ok(catalog_forget_answer(rows, answer.caller, answer.key));
    assert_ok(catalog_begin_answer(rows, &answer));
    assert_ok(catalog_expire_answers(rows, 20));
    assert_ok(catalog_sweep_answers(rows, 20));
    assert_fails(PS_E_NOT_FOUND,
                 catalog_get_answer(rows, answer.caller, answer.key, 5, &memory, &found));
    assert_ok(catalog_check_alive(rows));
}

/* --- Held against the database --- */

static enum ps_err compare_in_steps(uint32_t count)
{
    PS_BUF_AUTO after = {.max = CATALOG_NAME_MAX};

    do {
        PS_TRY(catalog_compare_some(stored, rows, CATALOG_KEY, count, &after));
    } while (after.len != 0);
    return PS_OK;
}

static void each_difference_is_found_some_at_a_time(void **state)
{
    (void)state;
    for (uint32_t count = 1; count < 5; count++) {
        assert_ok(compare_in_steps(count));
    }
    apply(stored, CATALOG_KEY, "e", 0, "{}", 7);
    for (uint32_t count = 1; count < 5; count++) {
        assert_fails(PS_E_DENIED, compare_in_steps(count));
    }
    apply(stored, CATALOG_KEY, "e", 1, "", 7);
    apply(rows, CATALOG_KEY, "g", 0, "{}", 7);
    for (uint32_t count = 1; count < 5; count++) {
        assert_fails(PS_E_DENIED, compare_in_steps(count));
    }
    apply(stored, CATALOG_KEY, "g", 0, "{}", 7);
    assert_ok(compare_in_steps(2));
    apply(rows, CATALOG_KEY, "d", 1, "{}", 8);
    apply(stored, CATALOG_KEY, "d", 1, "{}", 9);
    for (uint32_t count = 1; count < 5; count++) {
        assert_fails(PS_E_DENIED, compare_in_steps(count));
    }
}

static unsigned bodies_read;

static enum ps_err count_get(void *backend, enum catalog_kind kind, struct ps_bytes name,
                             struct ps_buf *memory, struct catalog_row *ret_row)
{
    bodies_read++;
    return catalog_ops(stored)->get(backend, kind, name, memory, ret_row);
}

static void close_nothing(void *backend)
{
    (void)backend;
}

/* Each row of the database is read once, however many there are. */
static void a_comparison_asks_for_no_row_by_its_name(void **state)
{
    struct catalog_ops ops = *catalog_ops(stored);
    PS_CLEANUP(catalog_close_cleanup) struct catalog *counted = NULL;
    PS_CLEANUP(catalog_close_cleanup) struct catalog *above = NULL;
    PS_BUF_AUTO after = {.max = CATALOG_NAME_MAX};

    (void)state;
    ops.get = count_get;
    ops.close = close_nothing;
    bodies_read = 0;
    assert_ok(catalog_open_over(&ops, catalog_backend(stored), &counted));
    assert_ok(layered_open(table, counted, NULL, &above));
    assert_ok(catalog_compare_some(counted, above, CATALOG_KEY, 9, &after));
    assert_int_equal(bodies_read, 0);
    apply(stored, CATALOG_KEY, "d", 1, "{\"d\":2}", 7);
    assert_fails(PS_E_DENIED, catalog_compare_some(counted, above, CATALOG_KEY, 9, &after));
    assert_int_equal(bodies_read, 0);
}

static void a_comparison_by_effects_looks_at_those_alone(void **state)
{
    const struct ps_bytes of_b = ps_bytes_str(
        "[{\"kind\":\"key\",\"name\":\"b\",\"row\":{}},{\"kind\":\"key\",\"name\":\"z\","
        "\"removed\":true}]");

    (void)state;
    apply(rows, CATALOG_KEY, "d", 1, "{}", 8);
    assert_ok(catalog_compare_effects(stored, rows, of_b));
    apply(rows, CATALOG_KEY, "b", 1, "{}", 8);
    assert_fails(PS_E_DENIED, catalog_compare_effects(stored, rows, of_b));
    assert_fails(PS_E_INPUT, catalog_compare_effects(stored, rows, ps_bytes_str("{}")));
    assert_fails(PS_E_INPUT, catalog_compare_effects(
                                 stored, rows, ps_bytes_str("[{\"kind\":\"x\",\"name\":\"b\"}]")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_changed_hides_what_the_table_says, make, clear),
        cmocka_unit_test_setup_teardown(a_change_has_to_know_the_revision, make, clear),
        cmocka_unit_test_setup_teardown(changes_are_given_with_what_was_removed, make, clear),
        cmocka_unit_test_setup_teardown(a_walk_needs_no_bodies, make, clear),
        cmocka_unit_test_setup_teardown(without_a_table_all_is_in_memory, make, clear),
        cmocka_unit_test_setup_teardown(what_authorises_nothing_is_kept_beside_it, make, clear),
        cmocka_unit_test_setup_teardown(each_difference_is_found_some_at_a_time, make, clear),
        cmocka_unit_test_setup_teardown(a_comparison_asks_for_no_row_by_its_name, make, clear),
        cmocka_unit_test_setup_teardown(a_comparison_by_effects_looks_at_those_alone, make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
