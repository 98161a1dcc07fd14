#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "keystore/backup/restored_files.h"
#include "lib/ceremony/backup/restore_format.h"

#include <sys/stat.h>

/* What was restored is taken in whole, however often that is begun, or not at all. */

#define FACTS                                                                                      \
    "{\"created\":\"2026-11-21T02:41:30Z\",\"file\":\"f\",\"leaves\":5,\"mirrored\":true,"         \
    "\"shard\":\"2026-11-0003\"}"
#define ROW                                                                                        \
    "{\"body\":{\"a\":1},\"kind\":\"wrapped\",\"name\":\"0102030405060708090a0b0c0d0e0f10\"}"

static struct catalog *catalog;

static void make(const char *name)
{
    char path[SCRATCH_PATH_MAX];

    scratch_path(name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void put(const char *name, struct ps_bytes octets)
{
    char path[SCRATCH_PATH_MAX];
    FILE *file;

    scratch_path(name, path);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(octets.data, 1, octets.len, file), octets.len);
    assert_int_equal(fclose(file), 0);
}

static bool is_there(const char *name)
{
    char path[SCRATCH_PATH_MAX];

    scratch_path(name, path);
    return access(path, F_OK) == 0;
}

static void put_row(const char *text)
{
    PS_BUF_AUTO record = {.max = 4096};
    uint8_t head[BACKUP_RECORD_HEAD];

    backup_put_head(BACKUP_ROW, strlen(text), head);
    ps_buf_put(&record, ps_bytes(head, sizeof head));
    ps_buf_put_str(&record, text);
    put("restore/rows", ps_buf_bytes(&record));
}

static int begin(void **state)
{
    (void)scratch_make(state);
    assert_ok(catalog_open_memory(&catalog));
    make("restore");
    make("restore/events");
    put("restore/events/entries", ps_bytes("\0\1x", 3));
    put("restore/events/checkpoint", ps_bytes_str("note"));
    put("restore/facts", ps_bytes_str(FACTS));
    put_row(ROW);
    return 0;
}

static int end(void **state)
{
    catalog_close(catalog);
    return scratch_remove(state);
}

static struct ps_bytes data(void)
{
    return ps_bytes_str(scratch_directory);
}

static void assert_taken(void)
{
    PS_BUF_AUTO memory = {.max = 4096};
    struct catalog_row row;

    assert_true(is_there("log/events/entries") && is_there("log/events/checkpoint"));
    assert_true(is_there("log/use/2026-11-0003"));
    assert_false(is_there("restore/events"));
    assert_ok(catalog_get(catalog, CATALOG_WRAPPED,
                          ps_bytes_str("0102030405060708090a0b0c0d0e0f10"), &memory, &row));
    assert_true(ps_bytes_equal_str(row.body, "{\"a\":1}"));
}

static void it_is_taken_in_and_removed(void **state)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO text = {.max = RESTORE_FACTS_MAX};
    struct restored_facts facts;
    bool exist;

    (void)state;
    assert_ok(json_new(&json));
    assert_ok(restored_files_exist(data(), &exist));
    assert_true(exist);
    assert_ok(restored_files_take(data(), catalog));
    assert_taken();
    assert_ok(restored_files_read_facts(data(), json, &text, &facts));
    assert_int_equal(facts.leaves, 5);
    assert_true(facts.mirrored);
    assert_ok(restored_files_remove(data()));
    assert_ok(restored_files_exist(data(), &exist));
    assert_false(exist);
    assert_false(is_there("restore.part"));
}

/* A crash anywhere in it: the next start does all of it again. */
static void it_may_be_begun_again_at_every_point(void **state)
{
    (void)state;
    assert_ok(restored_files_take(data(), catalog));
    assert_ok(restored_files_take(data(), catalog));
    assert_taken();
    assert_int_equal(restored_files_remove(ps_bytes_str("/no/such")), PS_E_STORAGE);
}

static void the_empty_log_of_a_new_appliance_gives_way(void **state)
{
    static const uint8_t room[8192];

    (void)state;
    make("log");
    make("log/events");
    put("log/events/entries", ps_bytes(room, sizeof room)); /* room for leaves, and none in it */
    put("log/events/offsets", ps_bytes(NULL, 0));
    assert_ok(restored_files_take(data(), catalog));
    assert_taken();
    assert_true(is_there("restore/empty/offsets"));
    assert_ok(restored_files_remove(data()));
    assert_false(is_there("restore.part"));
}

static void a_log_with_leaves_is_left_alone(void **state)
{
    (void)state;
    make("log");
    make("log/events");
    put("log/events/entries", ps_bytes("\0\2{}", 4));
    assert_int_equal(restored_files_take(data(), catalog), PS_E_DENIED);
    assert_true(is_there("restore/events/entries"));
}

/* A start after the log was moved finds rows and uses that came of it. */
static void what_came_of_it_is_no_other_appliance(void **state)
{
    const struct catalog_change change = {
        .kind = CATALOG_CLIENT, .name = ps_bytes_str("a"), .body = ps_bytes_str("{}")};

    (void)state;
    make("log");
    make("log/use");
    make("log/use/2026-11-0001");
    put("log/use/2026-11-0001/entries", ps_bytes("\0\0\0", 3)); /* nobody has used a key */
    assert_ok(restored_files_take(data(), catalog));
    assert_taken();
    assert_false(is_there("log/use/2026-11-0001"));
    assert_ok(catalog_apply(catalog, &change, 1, 0, NULL)); /* as the log made it */
    put("log/use/2026-11-0003/entries", ps_bytes("\0\2{}", 4));
    assert_ok(restored_files_take(data(), catalog));
}

static void assert_not_taken(void)
{
    PS_BUF_AUTO memory = {.max = 4096};
    struct catalog_row row;

    assert_int_equal(restored_files_take(data(), catalog), PS_E_DENIED);
    assert_true(is_there("restore/events/entries"));
    assert_false(is_there("log/events"));
    assert_int_equal(catalog_get(catalog, CATALOG_WRAPPED,
                                 ps_bytes_str("0102030405060708090a0b0c0d0e0f10"), &memory, &row),
                     PS_E_NOT_FOUND);
}

static void a_catalog_of_another_appliance_is_left_alone(void **state)
{
    const struct catalog_change change = {
        .kind = CATALOG_CLIENT, .name = ps_bytes_str("a"), .body = ps_bytes_str("{}")};

    (void)state;
    assert_ok(catalog_apply(catalog, &change, 1, 0, NULL));
    assert_not_taken();
}

/* Whole, or pruned, of which the checkpoint stays. */
static void uses_of_another_appliance_are_left_alone(void **state)
{
    (void)state;
    make("log");
    make("log/use");
    make("log/use/2026-11-0001");
    put("log/use/2026-11-0001/entries", ps_bytes("\0\2{}", 4));
    assert_not_taken();
    put("log/use/2026-11-0001/entries", ps_bytes(NULL, 0));
    put("log/use/2026-11-0001/checkpoint", ps_bytes_str("note"));
    assert_not_taken();
}

static void put_record(struct ps_buf *file, unsigned number, size_t filler)
{
    PS_BUF_AUTO text = {.max = BACKUP_RECORD_MAX};
    uint8_t head[BACKUP_RECORD_HEAD];

    ps_buf_printf(&text, "{\"body\":{\"a\":\"");
    for (size_t i = 0; i < filler; i++) {
        ps_buf_put_u8(&text, 'x');
    }
    ps_buf_printf(&text, "\"},\"kind\":\"wrapped\",\"name\":\"%032x\"}", number);
    backup_put_head(BACKUP_ROW, text.len, head);
    ps_buf_put(file, ps_bytes(head, sizeof head));
    ps_buf_put(file, ps_buf_bytes(&text));
    assert_ok(ps_buf_status(file));
}

static enum ps_err count_row(void *context, const struct catalog_row *row)
{
    (void)row;
    ++*(unsigned *)context;
    return PS_OK;
}

/*
 * More than one transaction takes, by their number and by their octets, some of them there before
 * as after a crash, and one twice.
 */
static void many_rows_are_taken_whatever_is_there_of_them(void **state)
{
    const struct catalog_change present = {.kind = CATALOG_WRAPPED,
                                           .name = ps_bytes_str("000000000000000000000000000000c8"),
                                           .body = ps_bytes_str("{\"a\":1}")};
    PS_BUF_AUTO file = {.max = 2u * 1024u * 1024u};
    PS_BUF_AUTO memory = {.max = 4096};
    struct catalog_row row;
    unsigned count = 0;

    (void)state;
    assert_ok(catalog_apply(catalog, &present, 1, 0, NULL));
    for (unsigned i = 0; i < 1000; i++) {
        put_record(&file, i, i < 20 ? 60000 : 10);
    }
    put_record(&file, 7, 10);
    put("restore/rows", ps_buf_bytes(&file));
    assert_ok(restored_files_take(data(), catalog));
    assert_ok(
        catalog_list(catalog, CATALOG_WRAPPED, ps_bytes(NULL, 0), UINT32_MAX, count_row, &count));
    assert_int_equal(count, 1000);
    assert_ok(catalog_get(catalog, CATALOG_WRAPPED, present.name, &memory, &row));
    assert_true(ps_bytes_equal_str(row.body, "{\"a\":1}"));
}

static void only_rows_of_wrapped_keys_are_taken(void **state)
{
    static const char *const wrong[] = {
        "{\"body\":{},\"kind\":\"client\",\"name\":\"a\"}",
        "{\"body\":{},\"kind\":\"operation\",\"name\":\"a\"}",
        "{\"body\":{},\"name\":\"a\"}",
        "{\"body\":{},\"kind\":\"wrapped\",\"name\":\"a\",\"x\":1}",
        "[]",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        put_row(wrong[i]);
        assert_int_equal(restored_files_take(data(), catalog), PS_E_INPUT);
        assert_true(is_there("restore/events"));
    }
    put("restore/rows", ps_bytes("\2\0\0\0\7abc", 8));
    assert_int_equal(restored_files_take(data(), catalog), PS_E_INPUT);
    put("restore/rows", ps_bytes("\2\0\1\0\1", 5));
    assert_int_equal(restored_files_take(data(), catalog), PS_E_INPUT);
    put("restore/rows", ps_bytes("\3\0\0\0\1x", 6));
    assert_int_equal(restored_files_take(data(), catalog), PS_E_INPUT);
    put("restore/rows", ps_bytes(NULL, 0));
    assert_ok(restored_files_take(data(), catalog));
}

static void facts_of_another_form_are_refused(void **state)
{
    static const char *const wrong[] = {"", "{}", "{\"created\":\"x\",\"file\":\"f\",\"leaves\":5}",
                                        "{\"created\":\"x\",\"file\":\"f\",\"leaves\":5,"
                                        "\"mirrored\":true,\"shard\":\"../../etc/x\"}",
                                        "{\"created\":\"x\",\"file\":\"f\",\"leaves\":5,"
                                        "\"mirrored\":true,\"shard\":\"2026-13-0001\"}"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        put("restore/facts", ps_bytes_str(wrong[i]));
        assert_int_equal(restored_files_take(data(), catalog), PS_E_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_taken_in_and_removed, begin, end),
        cmocka_unit_test_setup_teardown(it_may_be_begun_again_at_every_point, begin, end),
        cmocka_unit_test_setup_teardown(the_empty_log_of_a_new_appliance_gives_way, begin, end),
        cmocka_unit_test_setup_teardown(a_log_with_leaves_is_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(what_came_of_it_is_no_other_appliance, begin, end),
        cmocka_unit_test_setup_teardown(a_catalog_of_another_appliance_is_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(uses_of_another_appliance_are_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(many_rows_are_taken_whatever_is_there_of_them, begin, end),
        cmocka_unit_test_setup_teardown(only_rows_of_wrapped_keys_are_taken, begin, end),
        cmocka_unit_test_setup_teardown(facts_of_another_form_are_refused, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
