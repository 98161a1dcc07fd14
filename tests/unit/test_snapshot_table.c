#include "tests/unit/support.h"

#include "keystore/snapshot/table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of what rows are: what is found in it is what was written, or nothing. */

#define ROWS 3000u

static char top[64];
static int directory;

static int make(void **state)
{
    (void)state;
    (void)snprintf(top, sizeof top, "/tmp/privyseal-table-XXXXXX");
    assert_non_null(mkdtemp(top));
    directory = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    (void)unlinkat(directory, "t", 0);
    (void)close(directory);
    (void)rmdir(top);
    return 0;
}

static struct table_entry entry_of(enum catalog_kind kind, unsigned number, char name[32])
{
    struct table_entry entry = {.kind = kind, .revision = number + 1, .event = 2 * number};

    (void)snprintf(name, 32, "row-%06u", 2 * number);
    entry.name = ps_bytes_str(name);
    ps_sha256(entry.name, entry.hash);
    return entry;
}

static void add_rows(struct table_writer *writer, enum catalog_kind kind, unsigned count)
{
    char name[32];

    for (unsigned i = 0; i < count; i++) {
        const struct table_entry entry = entry_of(kind, i, name);

        assert_ok(table_writer_add(writer, &entry));
    }
}

/* Keys, versions and clients, and "payload" behind them. */
static struct table_seal write_table(void)
{
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    struct table_seal seal;

    assert_ok(table_writer_new(directory, "t", &writer));
    add_rows(writer, CATALOG_KEY, ROWS);
    add_rows(writer, CATALOG_VERSION, 2);
    add_rows(writer, CATALOG_CLIENT, 1);
    assert_ok(table_writer_finish(writer, ps_bytes_str("payload"), &seal));
    return seal;
}

static void what_was_written_is_found_and_nothing_else(void **state)
{
    const struct table_seal seal = write_table();
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    struct table_entry found;
    char name[32];

    (void)state;
    assert_ok(table_open(directory, "t", &seal, &table));
    assert_text(table_payload(table), "payload");
    assert_int_equal(table_count(table, CATALOG_KEY), ROWS);
    assert_int_equal(table_count(table, CATALOG_GRANT), 0);
    for (unsigned i = 0; i < ROWS; i++) {
        const struct table_entry entry = entry_of(CATALOG_KEY, i, name);

        assert_ok(table_find(table, CATALOG_KEY, entry.name, &found));
        assert_int_equal(found.revision, entry.revision);
        assert_int_equal(found.event, entry.event);
        assert_memory_equal(found.hash, entry.hash, sizeof entry.hash);
        (void)snprintf(name, sizeof name, "row-%06u", 2 * i + 1);
        assert_fails(PS_E_NOT_FOUND, table_find(table, CATALOG_KEY, ps_bytes_str(name), &found));
    }
    assert_fails(PS_E_NOT_FOUND, table_find(table, CATALOG_KEY, ps_bytes_str("a"), &found));
    assert_fails(PS_E_NOT_FOUND, table_find(table, CATALOG_KEY, ps_bytes_str("z"), &found));
    assert_fails(PS_E_NOT_FOUND,
                 table_find(table, CATALOG_GRANT, ps_bytes_str("row-000000"), &found));
    assert_ok(table_find(table, CATALOG_CLIENT, ps_bytes_str("row-000000"), &found));
}

static unsigned count_after(struct table *table, enum catalog_kind kind, const char *after)
{
    struct table_cursor cursor;
    struct table_entry entry;
    unsigned count = 0;
    enum ps_err err;

    assert_ok(table_seek(table, kind, ps_bytes_str(after), &cursor));
    while ((err = table_next(&cursor, &entry)) == PS_OK) {
        assert_int_equal(entry.kind, kind);
        assert_true(ps_bytes_compare(entry.name, ps_bytes_str(after)) > 0);
        count++;
    }
    assert_int_equal(err, PS_E_NOT_FOUND);
    assert_int_equal(table_next(&cursor, &entry), PS_E_NOT_FOUND);
    return count;
}

static void a_walk_gives_all_of_a_kind_behind_a_name(void **state)
{
    const struct table_seal seal = write_table();
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    char name[32];

    (void)state;
    assert_ok(table_open(directory, "t", &seal, &table));
    assert_int_equal(count_after(table, CATALOG_KEY, ""), ROWS);
    assert_int_equal(count_after(table, CATALOG_KEY, "zzz"), 0);
    assert_int_equal(count_after(table, CATALOG_VERSION, ""), 2);
    assert_int_equal(count_after(table, CATALOG_CERTIFICATE, ""), 0);
    assert_int_equal(count_after(table, CATALOG_CLIENT, ""), 1);
    assert_int_equal(count_after(table, CATALOG_APPLIANCE, ""), 0);
    for (unsigned i = 0; i < ROWS; i += 7) {
        (void)snprintf(name, sizeof name, "row-%06u", 2 * i);
        assert_int_equal(count_after(table, CATALOG_KEY, name), ROWS - i - 1);
        (void)snprintf(name, sizeof name, "row-%06u", 2 * i + 1);
        assert_int_equal(count_after(table, CATALOG_KEY, name), ROWS - i - 1);
    }
}

static void a_table_may_be_empty(void **state)
{
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    struct table_entry found;
    struct table_seal seal;

    (void)state;
    assert_ok(table_writer_new(directory, "t", &writer));
    assert_ok(table_writer_finish(writer, ps_bytes(NULL, 0), &seal));
    assert_int_equal(seal.pages, 0);
    assert_ok(table_open(directory, "t", &seal, &table));
    assert_fails(PS_E_NOT_FOUND, table_find(table, CATALOG_KEY, ps_bytes_str("a"), &found));
    assert_int_equal(count_after(table, CATALOG_KEY, ""), 0);
}

static void rows_out_of_order_are_refused(void **state)
{
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    struct table_entry entry;
    char name[32];
    char other[32];

    (void)state;
    assert_ok(table_writer_new(directory, "t", &writer));
    entry = entry_of(CATALOG_VERSION, 5, name);
    assert_ok(table_writer_add(writer, &entry));
    assert_fails(PS_E_INTERNAL, table_writer_add(writer, &entry));
    entry = entry_of(CATALOG_VERSION, 4, other);
    assert_fails(PS_E_INTERNAL, table_writer_add(writer, &entry));
    entry = entry_of(CATALOG_KEY, 9, other);
    assert_fails(PS_E_INTERNAL, table_writer_add(writer, &entry));
    entry = entry_of(CATALOG_OPERATION, 9, other);
    assert_fails(PS_E_INTERNAL, table_writer_add(writer, &entry));
}

static void a_name_has_at_most_its_length(void **state)
{
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    static const uint8_t name[CATALOG_NAME_MAX + 1] = {1};
    struct table_entry entry = {.kind = CATALOG_KEY, .name = ps_bytes(name, sizeof name)};

    (void)state;
    assert_ok(table_writer_new(directory, "t", &writer));
    assert_fails(PS_E_INTERNAL, table_writer_add(writer, &entry));
    entry.name.len = 0;
    assert_fails(PS_E_INTERNAL, table_writer_add(writer, &entry));
    entry.name.len = CATALOG_NAME_MAX;
    assert_ok(table_writer_add(writer, &entry));
}

static void a_payload_has_its_limit(void **state)
{
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    struct table_seal seal;
    uint8_t *octets = calloc(1, TABLE_PAYLOAD_MAX + 1);

    (void)state;
    assert_non_null(octets);
    assert_ok(table_writer_new(directory, "t", &writer));
    assert_fails(PS_E_LIMIT,
                 table_writer_finish(writer, ps_bytes(octets, TABLE_PAYLOAD_MAX + 1), &seal));
    assert_ok(table_writer_finish(writer, ps_bytes(octets, TABLE_PAYLOAD_MAX), &seal));
    free(octets);
}

/* What was begun and not finished is not left behind. */
static void a_writer_that_has_not_finished_leaves_no_file(void **state)
{
    struct table_writer *writer = NULL;
    struct stat status;

    (void)state;
    assert_ok(table_writer_new(directory, "t", &writer));
    add_rows(writer, CATALOG_KEY, ROWS);
    assert_int_equal(fstatat(directory, "t", &status, 0), 0);
    table_writer_free(writer);
    assert_int_equal(fstatat(directory, "t", &status, 0), -1);
    (void)write_table();
    assert_int_equal(fstatat(directory, "t", &status, 0), 0);
}

/* Another one of the same name takes its place, and not its octets. */
static void a_table_that_is_open_is_none_that_is_written(void **state)
{
    const struct table_seal seal = write_table();
    PS_CLEANUP(table_writer_free_cleanup) struct table_writer *writer = NULL;
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    struct table_entry found;

    (void)state;
    assert_ok(table_open(directory, "t", &seal, &table));
    assert_true(table_octets(table) > (uint64_t)seal.pages * TABLE_PAGE);
    assert_ok(table_writer_new(directory, "t", &writer));
    assert_ok(table_find(table, CATALOG_KEY, ps_bytes_str("row-000160"), &found));
}

static void flip(off_t at)
{
    const int fd = openat(directory, "t", O_RDWR | O_CLOEXEC);
    uint8_t octet;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &octet, 1, at), 1);
    octet ^= 1;
    assert_int_equal(pwrite(fd, &octet, 1, at), 1);
    (void)close(fd);
}

static void a_page_that_was_changed_is_not_believed(void **state)
{
    const struct table_seal seal = write_table();
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    struct table_cursor cursor;
    struct table_entry found;

    (void)state;
    assert_ok(table_open(directory, "t", &seal, &table));
    flip(TABLE_PAGE + 100);
    assert_ok(table_find(table, CATALOG_KEY, ps_bytes_str("row-000000"), &found));
    assert_fails(PS_E_STORAGE, table_find(table, CATALOG_KEY, ps_bytes_str("row-000160"), &found));
    assert_ok(table_seek(table, CATALOG_KEY, ps_bytes(NULL, 0), &cursor));
    for (;;) {
        const enum ps_err err = table_next(&cursor, &found);

        if (err != PS_OK) {
            assert_int_equal(err, PS_E_STORAGE);
            break;
        }
    }
    flip(TABLE_PAGE + 100);
    assert_ok(table_find(table, CATALOG_KEY, ps_bytes_str("row-000160"), &found));
}

/* The first page with another octet, sealed as if it had been written so. */
static void forge(off_t at, uint8_t octet, struct table_seal *seal)
{
    const size_t pages = (size_t)seal->pages * TABLE_PAGE;
    const int fd = openat(directory, "t", O_RDWR | O_CLOEXEC);
    uint8_t before[PS_SHA256_LEN];
    uint8_t after[PS_SHA256_LEN];
    uint8_t *octets;
    uint8_t *hash;
    off_t len;

    assert_true(fd >= 0);
    len = lseek(fd, 0, SEEK_END);
    octets = malloc((size_t)len);
    assert_non_null(octets);
    assert_int_equal(pread(fd, octets, (size_t)len, 0), len);
    ps_sha256(ps_bytes(octets, TABLE_PAGE), before);
    octets[at] = octet;
    ps_sha256(ps_bytes(octets, TABLE_PAGE), after);
    hash = memmem(octets + pages, (size_t)len - pages, before, sizeof before);
    assert_non_null(hash);
    memcpy(hash, after, sizeof after);
    ps_sha256(ps_bytes(octets + pages, (size_t)len - pages), seal->hash);
    assert_int_equal(pwrite(fd, octets, (size_t)len, 0), len);
    free(octets);
    (void)close(fd);
}

static void what_is_no_entry_is_a_storage_error(void **state)
{
    /* Octets of each entry, and how many are on a page that keeps room for one of the longest. */
    enum { LEN = 2 + 10 + 8 + 8 + PS_SHA256_LEN, LONGEST = LEN - 10 + CATALOG_NAME_MAX };
    enum { COUNT = (TABLE_PAGE - LONGEST) / LEN + 1 };
    static const struct {
        off_t at;
        uint8_t octet;
        enum ps_err err;
    } forged[] = {
        {LEN, CATALOG_NAME_MAX + 1, PS_E_STORAGE},
        {LEN + 1, CATALOG_AUTHORISING_COUNT, PS_E_STORAGE},
        {LEN * COUNT, CATALOG_NAME_MAX, PS_E_STORAGE}, /* it would end behind the page */
        {LEN, 0, PS_E_NOT_FOUND},                      /* the page ends there */
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(forged); i++) {
        struct table_seal seal = write_table();
        PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
        struct table_cursor cursor;
        struct table_entry found;
        enum ps_err err;

        forge(forged[i].at, forged[i].octet, &seal);
        assert_ok(table_open(directory, "t", &seal, &table));
        assert_ok(table_find(table, CATALOG_KEY, ps_bytes_str("row-000000"), &found));
        assert_int_equal(table_find(table, CATALOG_KEY, ps_bytes_str("row-000129"), &found),
                         forged[i].err);
        assert_ok(table_seek(table, CATALOG_KEY, ps_bytes(NULL, 0), &cursor));
        do {
            err = table_next(&cursor, &found);
        } while (err == PS_OK);
        assert_int_equal(err, forged[i].err);
        assert_int_equal(unlinkat(directory, "t", 0), 0);
    }
}

/* Whoever uses it goes on without it, and does not wait until the page comes back. */
static void a_page_that_cannot_be_read_damages_the_table(void **state)
{
    const struct table_seal seal = write_table();
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    struct table_entry found;
    int fd;

    (void)state;
    assert_ok(table_open(directory, "t", &seal, &table));
    fd = openat(directory, "t", O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_false(table_is_damaged(table));
    assert_fails(PS_E_STORAGE, table_find(table, CATALOG_KEY, ps_bytes_str("row-000000"), &found));
    assert_true(table_is_damaged(table));
}

static void what_was_not_sealed_is_not_opened(void **state)
{
    struct table_seal seal = write_table();
    PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
    struct stat status;

    (void)state;
    assert_fails(PS_E_NOT_FOUND, table_open(directory, "u", &seal, &table));
    seal.hash[0] ^= 1;
    assert_fails(PS_E_DENIED, table_open(directory, "t", &seal, &table));
    seal.hash[0] ^= 1;
    seal.pages--;
    assert_fails(PS_E_DENIED, table_open(directory, "t", &seal, &table));
    seal.pages++;
    assert_int_equal(fstatat(directory, "t", &status, 0), 0);
    flip(status.st_size - 1);
    assert_fails(PS_E_DENIED, table_open(directory, "t", &seal, &table));
    flip(status.st_size - 1);
    flip((off_t)seal.pages * TABLE_PAGE + 40);
    assert_fails(PS_E_DENIED, table_open(directory, "t", &seal, &table));
    flip((off_t)seal.pages * TABLE_PAGE + 40);
    seal.pages += 100;
    assert_fails(PS_E_DENIED, table_open(directory, "t", &seal, &table));
    assert_null(table);
}

/* Under a seal that is right: by another version of the program. */
static void a_tail_of_another_form_is_an_input_error(void **state)
{
    static const char *const tails[] = {"privyseal table 0\n", "",
                                        "privyseal table 2\n0.0.0\n\x0e"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(tails); i++) {
        PS_CLEANUP(table_free_cleanup) struct table *table = NULL;
        struct table_seal seal = {.pages = 0};
        const int fd = openat(directory, "t", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const size_t len = strlen(tails[i]);

        assert_int_equal(write(fd, tails[i], len), len);
        (void)close(fd);
        ps_sha256(ps_bytes_str(tails[i]), seal.hash);
        assert_fails(len == 0 ? PS_E_DENIED : PS_E_INPUT,
                     table_open(directory, "t", &seal, &table));
    }
}

static void it_is_open_until_the_last_user_lets_go(void **state)
{
    const struct table_seal seal = write_table();
    struct table *table;
    struct table_entry found;

    (void)state;
    assert_ok(table_open(directory, "t", &seal, &table));
    assert_ptr_equal(table_hold(table), table);
    table_free(table);
    assert_int_equal(unlinkat(directory, "t", 0), 0);
    assert_ok(table_find(table, CATALOG_KEY, ps_bytes_str("row-000000"), &found));
    table_free(table);
    table_free(NULL);
    assert_null(table_hold(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_found_and_nothing_else, make, clear),
        cmocka_unit_test_setup_teardown(a_walk_gives_all_of_a_kind_behind_a_name, make, clear),
        cmocka_unit_test_setup_teardown(a_table_may_be_empty, make, clear),
        cmocka_unit_test_setup_teardown(rows_out_of_order_are_refused, make, clear),
        cmocka_unit_test_setup_teardown(a_name_has_at_most_its_length, make, clear),
        cmocka_unit_test_setup_teardown(a_payload_has_its_limit, make, clear),
        cmocka_unit_test_setup_teardown(a_writer_that_has_not_finished_leaves_no_file, make, clear),
        cmocka_unit_test_setup_teardown(a_table_that_is_open_is_none_that_is_written, make, clear),
        cmocka_unit_test_setup_teardown(a_page_that_was_changed_is_not_believed, make, clear),
        cmocka_unit_test_setup_teardown(what_is_no_entry_is_a_storage_error, make, clear),
        cmocka_unit_test_setup_teardown(a_page_that_cannot_be_read_damages_the_table, make, clear),
        cmocka_unit_test_setup_teardown(what_was_not_sealed_is_not_opened, make, clear),
        cmocka_unit_test_setup_teardown(a_tail_of_another_form_is_an_input_error, make, clear),
        cmocka_unit_test_setup_teardown(it_is_open_until_the_last_user_lets_go, make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
