#include "lib/db/db.h"

#include "tests/unit/db_fixture.h"
#include "tests/unit/file_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void what_was_put_is_read(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    (void)state;
    assert_int_equal(put_pair(db, "a", INT64_MAX, ps_bytes("\0\xff", 2)), PS_OK);
    assert_int_equal(db_changes(db), 1);
    assert_int_equal(put_pair(db, "", 0, ps_bytes(NULL, 0)), PS_OK);
    assert_int_equal(
        db_query_begin(db, "SELECT name, number, octets FROM pair ORDER BY name", &query), PS_OK);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_true(row);
    assert_int_equal(db_column_text(query, 0).len, 0);
    assert_int_equal(db_column_octets(query, 2).len, 0);
    assert_int_equal(db_query_status(query), PS_OK);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_true(row);
    assert_true(ps_bytes_equal_str(db_column_text(query, 0), "a"));
    assert_int_equal(db_column_u64(query, 1), INT64_MAX);
    assert_true(ps_bytes_equal(db_column_octets(query, 2), ps_bytes("\0\xff", 2)));
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_false(row);
}

static void every_commit_is_synced_to_a_write_ahead_log(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    (void)state;
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(number_of(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number_of(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number_of(db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(number_of(db, "PRAGMA cell_size_check"), 1);
    assert_int_equal(number_of(db, "PRAGMA secure_delete"), 1);
    assert_int_equal(number_of(db, "PRAGMA mmap_size"), 0);
    assert_int_equal(db_query_begin(db, "PRAGMA journal_mode", &query), PS_OK);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_true(ps_bytes_equal_str(db_column_text(query, 0), "wal"));
}

static void files_are_for_us_alone(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    static const char *const endings[] = {"", "-wal", "-shm"};

    (void)state;
    assert_non_null(db);
    for (size_t i = 0; i < PS_COUNT_OF(endings); i++) {
        char name[SCRATCH_PATH_MAX + 8];
        struct stat status;

        (void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
        assert_int_equal(stat(name, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
    }
}

static void number_over_sqlites_range_is_refused(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();

    (void)state;
    assert_int_equal(put_pair(db, "a", (uint64_t)INT64_MAX + 1, ps_bytes("", 0)), PS_E_LIMIT);
    assert_int_equal(number_of(db, "SELECT count(*) FROM pair"), 0);
}

static void value_over_its_limit_is_refused(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    uint8_t *much = test_calloc(1, DB_VALUE_MAX + 1);

    (void)state;
    assert_int_equal(put_pair(db, "a", 1, ps_bytes(much, DB_VALUE_MAX + 1)), PS_E_LIMIT);
    /* The limit is one for the whole row. */
    assert_int_equal(put_pair(db, "a", 1, ps_bytes(much, DB_VALUE_MAX - 64)), PS_OK);
    test_free(much);
}

static void unique_name_is_a_conflict(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();

    (void)state;
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    assert_int_equal(put_pair(db, "a", 2, ps_bytes("", 0)), PS_E_CONFLICT);
    assert_int_equal(ps_detail()->code, SQLITE_CONSTRAINT_PRIMARYKEY);
    assert_int_equal(number_of(db, "SELECT number FROM pair"), 1);
}

static void column_of_another_type_is_a_storage_error(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    (void)state;
    assert_int_equal(db_query_begin(db, "SELECT 'x', -1, x'00', 1", &query), PS_OK);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_int_equal(db_column_u64(query, 3), 1);
    assert_int_equal(db_query_status(query), PS_OK);
    assert_int_equal(db_column_text(query, 2).len, 0);
    assert_int_equal(db_query_status(query), PS_E_STORAGE);
    db_query_end(query);
    assert_int_equal(db_query_begin(db, "SELECT -1", &query), PS_OK);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_int_equal(db_column_u64(query, 0), 0);
    assert_int_equal(db_query_status(query), PS_E_STORAGE);
}

static void statement_inside_its_own_use_is_another_one(void **state)
{
    static const char sql[] = "SELECT number FROM pair ORDER BY number";
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    DB_QUERY_AUTO *outer = NULL;
    bool row = false;

    (void)state;
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    assert_int_equal(put_pair(db, "b", 2, ps_bytes("", 0)), PS_OK);
    assert_int_equal(db_query_begin(db, sql, &outer), PS_OK);
    assert_int_equal(db_query_step(outer, &row), PS_OK);
    assert_int_equal(number_of(db, sql), 1);
    assert_int_equal(db_query_step(outer, &row), PS_OK);
    assert_true(row);
    assert_int_equal(db_column_u64(outer, 0), 2);
}

static void many_statements_are_not_all_kept(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    char texts[80][32];

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < PS_COUNT_OF(texts); i++) {
            (void)snprintf(texts[i], sizeof texts[i], "SELECT %u", i);
            assert_int_equal(number_of(db, texts[i]), i);
        }
    }
}

static void transaction_without_commit_is_rolled_back(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();

    (void)state;
    {
        DB_TRANSACTION_AUTO transaction = {0};

        assert_int_equal(db_begin(db, &transaction), PS_OK);
        assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    }
    assert_int_equal(number_of(db, "SELECT count(*) FROM pair"), 0);
    {
        DB_TRANSACTION_AUTO transaction = {0};

        assert_int_equal(db_begin(db, &transaction), PS_OK);
        assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
        assert_int_equal(db_commit(&transaction), PS_OK);
    }
    assert_int_equal(number_of(db, "SELECT count(*) FROM pair"), 1);
}

#define COUNT "SELECT count(*) FROM pair"

static void what_is_read_together_is_of_one_moment(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();

    (void)state;
    for (uint64_t before = 0; before < 4; before += 2) {
        assert_int_equal(db_begin_reading(db), PS_OK);
        assert_int_equal(number_of(db, COUNT), before);
        elsewhere(before == 0 ? "INSERT INTO pair VALUES ('a', 1, x'')"
                              : "INSERT INTO pair VALUES ('c', 1, x'')");
        assert_int_equal(number_of(db, COUNT), before);
        db_end_reading(db);
        assert_int_equal(number_of(db, COUNT), before + 1);
        assert_int_equal(put_pair(db, before == 0 ? "b" : "d", 1, ps_bytes("", 0)), PS_OK);
    }
}

static void reading_together_within_a_walk_ends_nothing(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    (void)state;
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    assert_int_equal(put_pair(db, "b", 2, ps_bytes("", 0)), PS_OK);
    assert_int_equal(db_query_begin(db, "SELECT number FROM pair ORDER BY name", &query), PS_OK);
    for (uint64_t number = 1; number <= 2; number++) {
        assert_int_equal(db_query_step(query, &row), PS_OK);
        assert_true(row);
        assert_int_equal(db_begin_reading(db), PS_OK);
        assert_int_equal(number_of(db, COUNT), 2);
        db_end_reading(db);
        assert_int_equal(db_column_u64(query, 0), number);
    }
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_false(row);
}

static void another_writer_is_busy_and_goes_away(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    sqlite3 *other = NULL;

    (void)state;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_E_BUSY);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
}

static void data_version_tells_of_changes_by_others(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    uint64_t before = 0;
    uint64_t after = 0;

    (void)state;
    assert_int_equal(db_data_version(db, &before), PS_OK);
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    assert_int_equal(db_data_version(db, &after), PS_OK);
    assert_int_equal(before, after);
    elsewhere("UPDATE pair SET number = 2");
    assert_int_equal(db_data_version(db, &after), PS_OK);
    assert_int_not_equal(before, after);
}

static void triggers_and_views_of_the_file_do_nothing(void **state)
{
    struct db *db = open_with_table();
    struct db_query *query = NULL;

    (void)state;
    db_close(db);
    elsewhere("CREATE TRIGGER more AFTER INSERT ON pair BEGIN"
              " UPDATE pair SET number = 99; END;"
              "CREATE VIEW seen AS SELECT 1 AS number;");
    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    assert_int_equal(number_of(db, "SELECT number FROM pair"), 1);
    assert_int_equal(db_query_begin(db, "SELECT number FROM seen", &query), PS_E_STORAGE);
    db_close(db);
}

static void statement_without_its_table_is_a_storage_error(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();

    (void)state;
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    elsewhere("DROP TABLE pair");
    assert_int_equal(put_pair(db, "b", 1, ps_bytes("", 0)), PS_E_STORAGE);
}

static void removed_file_is_not_alive(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();

    (void)state;
    assert_int_equal(db_check_alive(db), PS_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(db_check_alive(db), PS_E_STORAGE);
    assert_int_equal(ps_detail()->code, ENOENT);
}

static void removed_log_is_not_alive(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    char log[SCRATCH_PATH_MAX + 8];

    (void)state;
    (void)snprintf(log, sizeof log, "%s-wal", path);
    assert_int_equal(unlink(log), 0);
    assert_int_equal(db_check_alive(db), PS_E_STORAGE);
}

static void replaced_file_is_not_alive(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    char copy[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path("copy", copy);
    scratch_copy_file(path, copy);
    assert_int_equal(rename(copy, path), 0);
    assert_int_equal(db_check_alive(db), PS_E_STORAGE);
    assert_non_null(strstr(ps_detail()->text, "replaced"));
}

static void overwritten_and_truncated_files_are_not_alive(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "nothing of the kind", 19, 0), 19);
    assert_int_equal(db_check_alive(db), PS_E_STORAGE);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(db_check_alive(db), PS_E_STORAGE);
    assert_int_equal(close(fd), 0);
}

static void what_is_no_database_is_refused(void **state)
{
    struct db *db = NULL;
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_true(fd >= 0);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(write(fd, "this is some text of somebody", 29), 29);
    }
    assert_int_equal(close(fd), 0);
    assert_int_equal(db_open(path, &db), PS_E_STORAGE);
    assert_null(db);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    char elsewhere_path[SCRATCH_PATH_MAX];
    struct db *db = NULL;

    (void)state;
    scratch_path("elsewhere", elsewhere_path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(db_open(path, &db), PS_E_STORAGE);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(elsewhere_path, path), 0);
    assert_int_equal(db_open(path, &db), PS_E_STORAGE);
    assert_int_not_equal(access(elsewhere_path, F_OK), 0);
}

static void missing_directory_is_a_storage_error(void **state)
{
    struct db *db = NULL;
    char deep[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path("missing/some.sqlite", deep);
    assert_int_equal(db_open(deep, &db), PS_E_STORAGE);
    assert_null(db);
}

static void file_size_limit_leaves_the_data_as_it_was(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    uint8_t *much = test_calloc(1, 1024 * 1024);

    (void)state;
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    limit_files(128 * 1024);
    assert_int_equal(put_pair(db, "b", 2, ps_bytes(much, 1024 * 1024)), PS_E_STORAGE);
    assert_int_equal(number_of(db, "SELECT count(*) FROM pair"), 1);
    unlimit_files();
    assert_int_equal(put_pair(db, "b", 2, ps_bytes(much, 1024 * 1024)), PS_OK);
    assert_int_equal(number_of(db, "SELECT count(*) FROM pair"), 2);
    test_free(much);
}

static off_t size_of_database(void)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void deferred_checkpoints_are_made_by_another_connection_beside_writers(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    PS_CLEANUP(db_close_cleanup) struct db *other = NULL;
    uint8_t *much = test_calloc(1, 1024 * 1024);
    uint64_t pages = 0;

    (void)state;
    assert_int_equal(db_open(path, &other), PS_OK);
    assert_int_equal(db_defer_checkpoints(db), PS_OK);
    for (char name[] = "a"; name[0] < 'i'; name[0]++) {
        assert_int_equal(put_pair(db, name, 1, ps_bytes(much, 1024 * 1024)), PS_OK);
    }
    assert_true(size_of_database() < 1024 * 1024);
    {
        DB_TRANSACTION_AUTO transaction = {0};

        assert_int_equal(db_begin(db, &transaction), PS_OK);
        assert_int_equal(put_pair(db, "more", 1, ps_bytes(much, 1)), PS_OK);
        assert_int_equal(db_checkpoint(other, &pages), PS_OK);
        assert_true(pages > 2048 && size_of_database() > 8 * 1024 * 1024);
        assert_int_equal(db_commit(&transaction), PS_OK);
    }
    assert_int_equal(number_of(db, "SELECT count(*) FROM pair"), 9);
    assert_int_equal(db_checkpoint(other, &pages), PS_OK);
    assert_int_equal(put_pair(db, "last", 1, ps_bytes(much, 1)), PS_OK);
    assert_int_equal(db_checkpoint(other, &pages), PS_OK);
    assert_true(pages < 100);
    assert_int_equal(number_of(other, "SELECT count(*) FROM pair"), 10);
    test_free(much);
}

/* SQLite's own limit on pages yields the code of a full disk. */
static void full_disk_is_a_storage_error_and_nothing_is_changed(void **state)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = open_with_table();
    uint8_t *much = test_calloc(1, 1024 * 1024);

    (void)state;
    assert_int_equal(put_pair(db, "a", 1, ps_bytes("", 0)), PS_OK);
    assert_int_equal(db_run(db, "PRAGMA max_page_count = 16"), PS_OK);
    {
        DB_TRANSACTION_AUTO transaction = {0};

        assert_int_equal(db_begin(db, &transaction), PS_OK);
        assert_int_equal(put_pair(db, "b", 2, ps_bytes("", 0)), PS_OK);
        assert_int_equal(put_pair(db, "c", 2, ps_bytes(much, 1024 * 1024)), PS_E_STORAGE);
        assert_int_equal(ps_detail()->code, SQLITE_FULL);
    }
    assert_int_equal(number_of(db, "SELECT count(*) FROM pair"), 1);
    assert_int_equal(db_run(db, "PRAGMA max_page_count = 100000"), PS_OK);
    assert_int_equal(put_pair(db, "c", 2, ps_bytes(much, 1024 * 1024)), PS_OK);
    test_free(much);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DB_TEST(what_was_put_is_read),
        DB_TEST(every_commit_is_synced_to_a_write_ahead_log),
        DB_TEST(files_are_for_us_alone),
        DB_TEST(number_over_sqlites_range_is_refused),
        DB_TEST(value_over_its_limit_is_refused),
        DB_TEST(unique_name_is_a_conflict),
        DB_TEST(column_of_another_type_is_a_storage_error),
        DB_TEST(statement_inside_its_own_use_is_another_one),
        DB_TEST(many_statements_are_not_all_kept),
        DB_TEST(transaction_without_commit_is_rolled_back),
        DB_TEST(what_is_read_together_is_of_one_moment),
        DB_TEST(reading_together_within_a_walk_ends_nothing),
        DB_TEST(another_writer_is_busy_and_goes_away),
        DB_TEST(data_version_tells_of_changes_by_others),
        DB_TEST(triggers_and_views_of_the_file_do_nothing),
        DB_TEST(statement_without_its_table_is_a_storage_error),
        DB_TEST(removed_file_is_not_alive),
        DB_TEST(removed_log_is_not_alive),
        DB_TEST(replaced_file_is_not_alive),
        DB_TEST(overwritten_and_truncated_files_are_not_alive),
        DB_TEST(what_is_no_database_is_refused),
        DB_TEST(what_is_no_regular_file_is_refused),
        DB_TEST(missing_directory_is_a_storage_error),
        DB_TEST(file_size_limit_leaves_the_data_as_it_was),
        DB_TEST(deferred_checkpoints_are_made_by_another_connection_beside_writers),
        DB_TEST(full_disk_is_a_storage_error_and_nothing_is_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
