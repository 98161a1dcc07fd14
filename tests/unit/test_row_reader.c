#include "tests/unit/support.h"

#include "keystore/custody/records.h"
#include "keystore/custody/row_reader.h"
#include "lib/ceremony/backup/backup_format.h"
#include "lib/ipc/messages_token.h"

/* The memory catalog, and how often it is asked for a row. */
static struct catalog *memory;
static struct catalog *catalog;
static struct ps_loop *loop;
static struct row_reader *reader;
static unsigned gets;
static bool get_fails;

static enum ps_err get(void *backend, enum catalog_kind kind, struct ps_bytes name,
                       struct ps_buf *octets, struct catalog_row *ret_row)
{
    (void)backend;
    gets++;
    if (get_fails) {
        return ps_fail(PS_E_STORAGE, 0, "bad sector");
    }
    return catalog_get(memory, kind, name, octets, ret_row);
}

static void close_none(void *backend)
{
    (void)backend;
}

static const struct catalog_ops ops = {.name = "counting", .get = get, .close = close_none};

static int make(void **state)
{
    (void)state;
    gets = 0;
    get_fails = false;
    assert_ok(ps_loop_new(&loop));
    assert_ok(catalog_open_memory(&memory));
    assert_ok(catalog_open_over(&ops, &memory, &catalog));
    assert_ok(row_reader_new(loop, &reader));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    row_reader_free(reader);
    catalog_close(catalog);
    catalog_close(memory);
    ps_loop_free(loop);
    return 0;
}

static struct ps_bytes id_of(const char *text)
{
    return ps_bytes_str(text);
}

static void put_body(const char *id, uint64_t expected, struct ps_bytes body)
{
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};

    record_put_name(id_of(id), &name);
    assert_ok(catalog_apply(memory,
                            &(struct catalog_change){.kind = CATALOG_WRAPPED,
                                                     .name = ps_buf_bytes(&name),
                                                     .expected = expected,
                                                     .body = body},
                            1, 0, NULL));
}

static void put(const char *id, uint64_t expected, uint32_t wrapping)
{
    static const uint8_t mac[WRAPPED_MAC_LEN];
    PS_BUF_AUTO body = {.max = 4096};

    wrapped_row_put(&(struct wrapped_row){.blob = ps_bytes_str(id),
                                          .mac = ps_bytes(mac, sizeof mac),
                                          .key = ps_bytes_str("k"),
                                          .version = 1,
                                          .wrapping = wrapping},
                    &body);
    put_body(id, expected, ps_buf_bytes(&body));
}

static void assert_row(const char *id, uint32_t wrapping)
{
    struct wrapped_row row;

    assert_ok(row_reader_get(reader, catalog, id_of(id), &row));
    assert_text(row.blob, id);
    assert_int_equal(row.wrapping, wrapping);
}

static void read_ahead(const char *id)
{
    struct key_version version = {.object_id_len = strlen(id)};

    memcpy(version.object_id, id, strlen(id));
    row_reader_read_ahead(reader, catalog, &version);
}

static void rows_are_read_one_after_the_other(void **state)
{
    struct wrapped_row row;

    (void)state;
    put("one", 0, 1);
    put("another", 0, 2);
    assert_row("one", 1);
    assert_row("another", 2);
    assert_row("one", 1);
    assert_int_equal(gets, 3);
    assert_fails(PS_E_NOT_FOUND, row_reader_get(reader, catalog, id_of("none"), &row));
    assert_row("one", 1);
}

static void a_row_of_another_form_is_an_input_error(void **state)
{
    struct wrapped_row row;

    (void)state;
    put_body("one", 0, ps_bytes_str("{\"blob\":5}"));
    assert_fails(PS_E_INPUT, row_reader_get(reader, catalog, id_of("one"), &row));
    read_ahead("one");
    assert_fails(PS_E_INPUT, row_reader_get(reader, catalog, id_of("one"), &row));
    put("another", 0, 2);
    assert_row("another", 2);
}

/* Of the longest blob that a token may answer with: a row that none could read would be a key lost.
 */
static void the_longest_row_is_read_and_a_backup_holds_it(void **state)
{
    static const uint8_t octets[WRAPPED_BLOB_MAX];
    const struct ps_bytes blob = ps_bytes(octets, sizeof octets);
    char name[PS_NAME_MAX + 1] = {0};
    PS_BUF_AUTO body = {.max = BACKUP_RECORD_MAX - CATALOG_NAME_MAX - 64};
    struct wrapped_row row;

    (void)state;
    assert_int_equal(TOKEN_BLOB_MAX, WRAPPED_BLOB_MAX);
    memset(name, 'n', PS_NAME_MAX);
    wrapped_row_put(&(struct wrapped_row){.blob = blob,
                                          .mac = ps_bytes(octets, WRAPPED_MAC_LEN),
                                          .key = ps_bytes_str(name),
                                          .version = UINT32_MAX,
                                          .wrapping = UINT32_MAX},
                    &body);
    assert_ok(ps_buf_status(&body));
    put_body("one", 0, ps_buf_bytes(&body));
    assert_ok(row_reader_get(reader, catalog, id_of("one"), &row));
    assert_true(ps_bytes_equal(row.blob, blob));
}

static void what_was_read_ahead_is_not_asked_for_again_in_the_same_turn(void **state)
{
    (void)state;
    put("one", 0, 1);
    read_ahead("one");
    assert_int_equal(gets, 1);
    assert_row("one", 1);
    assert_row("one", 1);
    assert_int_equal(gets, 1);
}

static void what_was_read_ahead_is_forgotten_at_the_end_of_the_turn(void **state)
{
    (void)state;
    put("one", 0, 1);
    read_ahead("one");
    put("one", 1, 7);
    assert_ok(ps_loop_turn(loop, 0));
    assert_row("one", 7);
    assert_int_equal(gets, 2);
}

static void what_was_read_ahead_stands_for_no_other_row(void **state)
{
    struct wrapped_row row;

    (void)state;
    put("one", 0, 1);
    put("another", 0, 2);
    read_ahead("one");
    assert_row("another", 2);
    assert_row("one", 1);
    read_ahead("one");
    assert_fails(PS_E_NOT_FOUND, row_reader_get(reader, catalog, id_of("on"), &row));
    assert_fails(PS_E_INPUT, row_reader_get(reader, catalog, id_of(""), &row));
    read_ahead("one");
    read_ahead("another");
    assert_row("one", 1);
}

/* It is told of when the row is asked for. */
static void what_cannot_be_read_ahead_is_read_when_it_is_asked_for(void **state)
{
    struct wrapped_row row;

    (void)state;
    put("one", 0, 1);
    read_ahead("one");
    get_fails = true;
    read_ahead("one");
    assert_fails(PS_E_STORAGE, row_reader_get(reader, catalog, id_of("one"), &row));
    get_fails = false;
    assert_row("one", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_read_one_after_the_other, make, clear),
        cmocka_unit_test_setup_teardown(a_row_of_another_form_is_an_input_error, make, clear),
        cmocka_unit_test_setup_teardown(the_longest_row_is_read_and_a_backup_holds_it, make, clear),
        cmocka_unit_test_setup_teardown(what_was_read_ahead_is_not_asked_for_again_in_the_same_turn,
                                        make, clear),
        cmocka_unit_test_setup_teardown(what_was_read_ahead_is_forgotten_at_the_end_of_the_turn,
                                        make, clear),
        cmocka_unit_test_setup_teardown(what_was_read_ahead_stands_for_no_other_row, make, clear),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_ahead_is_read_when_it_is_asked_for,
                                        make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
