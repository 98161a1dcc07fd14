#include "keystore/catalog/migrations.h"

#include "tests/unit/catalog_support.h"
#include "tests/unit/file_limit.h"

#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* What the backend in a file has to survive. */

static void elsewhere(const char *sql)
{
    sqlite3 *other = NULL;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static void reopen(void)
{
    catalog_close(catalog);
    catalog = NULL;
    assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
}

static void rows_and_answers_survive_closing(void **state)
{
    const struct catalog_answer done = answer("c", "k", hash_a, 201, 200);

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    put(CATALOG_KEY, "a", 1, "{\"x\":2}");
    assert_int_equal(catalog_apply(catalog, NULL, 0, 7, &done), PS_OK);
    reopen();
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    assert_int_equal(find("c", "k", 1), PS_OK);
}

static void change_behind_our_back_is_found(void **state)
{
    static const char *const tampering[] = {
        "UPDATE row SET body = '{\"x\":9}' WHERE kind = 'key'",
        "UPDATE row SET revision = 9 WHERE kind = 'key'",
        "UPDATE row SET event = 9 WHERE kind = 'key'",
        "UPDATE row SET name = 'A' WHERE kind = 'key'",
        "DELETE FROM row WHERE kind = 'key'",
        "INSERT INTO row VALUES ('grant', 'mine', 1, 7, '{}')",
        "INSERT INTO row VALUES ('grant', char(10), 1, 7, '{}')",
        "UPDATE row SET kind = 'client' WHERE kind = 'key'",
    };
    const struct catalog_change one = change(CATALOG_KEY, "a", 0, "{\"x\":1}");

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(tampering); i++) {
        PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
        uint64_t before = 0;
        uint64_t after = 0;

        assert_int_equal(catalog_open_memory(&derived), PS_OK);
        assert_int_equal(catalog_apply(derived, &one, 1, 7, NULL), PS_OK);
        elsewhere("DELETE FROM row");
        assert_int_equal(catalog_apply(catalog, &one, 1, 7, NULL), PS_OK);
        assert_int_equal(catalog_compare(catalog, derived), PS_OK);
        assert_int_equal(catalog_data_version(catalog, &before), PS_OK);
        elsewhere(tampering[i]);
        assert_int_equal(catalog_data_version(catalog, &after), PS_OK);
        assert_int_not_equal(before, after);
        assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
        assert_int_equal(catalog_check_alive(catalog), PS_OK);
    }
}

static void database_of_another_form_is_a_storage_error(void **state)
{
    PS_BUF_AUTO memory;
    struct catalog_row row;

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    elsewhere("ALTER TABLE row RENAME TO old;"
              "CREATE TABLE row (kind, name, revision, event, body);"
              "INSERT INTO row VALUES ('key', 'a', 'many', 7, x'00')");
    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(catalog, CATALOG_KEY, text("a"), &memory, &row), PS_E_STORAGE);
    elsewhere("DROP TABLE row");
    assert_int_equal(catalog_get(catalog, CATALOG_KEY, text("a"), &memory, &row), PS_E_STORAGE);
    assert_int_equal(apply_one(CATALOG_KEY, "b", 0, "{}", 1), PS_E_STORAGE);
}

static void removed_or_replaced_file_is_noticed(void **state)
{
    char copy[SCRATCH_PATH_MAX];

    (void)state;
    scratch_path("copy", copy);
    scratch_copy_file(path, copy);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(catalog_check_alive(catalog), PS_E_STORAGE);
    assert_int_equal(rename(copy, path), 0);
    assert_int_equal(catalog_check_alive(catalog), PS_E_STORAGE);
}

static void newer_catalog_is_refused_in_a_sentence(void **state)
{
    struct catalog *other = NULL;
    char expected[240];

    (void)state;
    elsewhere("UPDATE schema SET version = 1000");
    assert_int_equal(catalog_open_sqlite(path, &other), PS_E_STATE);
    assert_null(other);
    (void)snprintf(expected, sizeof expected,
                   "the catalog is of version 1000, written by a newer Privyseal; this one knows "
                   "versions up to %u: start the newer one",
                   catalog_schema.count);
    assert_string_equal(ps_detail()->text, expected);
}

/* Every released version's rows are there after all later steps. */
static void every_version_is_brought_to_the_newest(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= catalog_schema.count; version++) {
        struct db_schema old = catalog_schema;
        struct db *db = NULL;

        catalog_close(catalog);
        catalog = NULL;
        assert_int_equal(unlink(path), 0);
        old.count = version;
        assert_int_equal(db_open(path, &db), PS_OK);
        assert_int_equal(db_migrate(db, &old), PS_OK);
        db_close(db);
        elsewhere("INSERT INTO row VALUES ('key', 'a', 3, 7, '{\"x\":1}');"
                  "INSERT INTO row VALUES ('operation', 'o', 1, 0, '{}');"
                  "INSERT INTO answer VALUES (CAST('c' AS BLOB), CAST('k' AS BLOB),"
                  " zeroblob(32), 201, CAST('answers' AS BLOB), 200)");
        assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
        assert_row(CATALOG_KEY, "a", 3, "{\"x\":1}");
        assert_row(CATALOG_OPERATION, "o", 1, "{}");
        assert_int_equal(find("c", "k", 1), PS_OK);
        put(CATALOG_KEY, "a", 3, "{\"x\":2}");
    }
}

/* Three rows that are always changed together. */
static enum ps_err change_three(uint64_t revision)
{
    static char body[64];
    struct catalog_change changes[3];

    (void)snprintf(body, sizeof body, "{\"x\":%u}", (unsigned)revision);
    changes[0] = change(CATALOG_KEY, "a", revision, body);
    changes[1] = change(CATALOG_CLIENT, "b", revision, body);
    changes[2] = change(CATALOG_OPERATION, "c", revision, body);
    return catalog_apply(catalog, changes, 3, revision, NULL);
}

static void change_until_killed(int acknowledge)
{
    if (catalog_open_sqlite(path, &catalog) != PS_OK) {
        _exit(1);
    }
    for (uint64_t revision = 0; change_three(revision) == PS_OK; revision++) {
        if (write(acknowledge, "x", 1) != 1) {
            _exit(1);
        }
    }
    _exit(1);
}

static uint64_t revision_of(enum catalog_kind kind, const char *name)
{
    PS_BUF_AUTO memory;
    struct catalog_row row = {0};

    ps_buf_init(&memory, 4096);
    assert_int_equal(catalog_get(catalog, kind, text(name), &memory, &row), PS_OK);
    return row.revision;
}

static void kill_in_the_middle_leaves_all_or_nothing(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 20; round++) {
        uint64_t acknowledged = 0;
        int ends[2];
        char octets[64];
        ssize_t len;
        pid_t child;

        catalog_close(catalog);
        catalog = NULL;
        assert_int_equal(unlink(path), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            change_until_killed(ends[1]);
        }
        (void)close(ends[1]);
        while (acknowledged <= round * 3 && (len = read(ends[0], octets, sizeof octets)) > 0) {
            acknowledged += (uint64_t)len;
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        while ((len = read(ends[0], octets, sizeof octets)) > 0) {
            acknowledged += (uint64_t)len;
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        (void)close(ends[0]);
        assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
        assert_true(revision_of(CATALOG_KEY, "a") >= acknowledged);
        assert_int_equal(revision_of(CATALOG_CLIENT, "b"), revision_of(CATALOG_KEY, "a"));
        assert_int_equal(revision_of(CATALOG_OPERATION, "c"), revision_of(CATALOG_KEY, "a"));
    }
}

/* A row that does not fit where 256 KiB are left. */
static const char *large_body(void)
{
    static char body[512 * 1024];

    memset(body, 'x', sizeof body - 1);
    memcpy(body, "{\"x\":\"", 6);
    memcpy(body + sizeof body - 3, "\"}", 3);
    return body;
}

static void file_size_limit_leaves_all_as_it_was(void **state)
{
    const struct catalog_change changes[] = {
        change(CATALOG_KEY, "a", 1, "{\"x\":2}"),
        change(CATALOG_OPERATION, "b", 0, large_body()),
    };

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    limit_files(256 * 1024);
    assert_int_equal(catalog_apply(catalog, changes, 2, 8, NULL), PS_E_STORAGE);
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_no_row(CATALOG_OPERATION, "b");
    unlimit_files();
    assert_int_equal(catalog_apply(catalog, changes, 2, 8, NULL), PS_OK);
    reopen();
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
}

#define CANNOT_MOUNT 77

/* In a child with file systems of its own; false when the kernel does not allow that. */
static bool mount_small_disk(const char *where)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV, "size=600k") == 0;
}

static void fill_a_small_disk(void)
{
    const struct catalog_change changes[] = {
        change(CATALOG_KEY, "a", 1, "{\"x\":2}"),
        change(CATALOG_OPERATION, "b", 0, large_body()),
    };
    char filler[SCRATCH_PATH_MAX];
    int fd;

    if (!mount_small_disk(scratch_directory)) {
        _exit(CANNOT_MOUNT);
    }
    assert_int_equal(catalog_open_sqlite(path, &catalog), PS_OK);
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    scratch_path("filler", filler);
    fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, large_body(), 4096) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(catalog_apply(catalog, changes, 2, 8, NULL), PS_E_STORAGE);
    assert_int_equal(ps_detail()->code & 0xff, SQLITE_FULL);
    assert_row(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_no_row(CATALOG_OPERATION, "b");
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(catalog_apply(catalog, changes, 1, 8, NULL), PS_OK);
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    reopen();
    assert_row(CATALOG_KEY, "a", 2, "{\"x\":2}");
    catalog_close(catalog);
}

static void full_disk_leaves_all_as_it_was(void **state)
{
    int status = 0;
    pid_t child;

    (void)state;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        catalog_close(catalog);
        fill_a_small_disk();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_MOUNT) {
        print_message("cannot mount a file system of its own here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SQLITE(rows_and_answers_survive_closing),
        ON_SQLITE(change_behind_our_back_is_found),
        ON_SQLITE(database_of_another_form_is_a_storage_error),
        ON_SQLITE(removed_or_replaced_file_is_noticed),
        ON_SQLITE(newer_catalog_is_refused_in_a_sentence),
        ON_SQLITE(every_version_is_brought_to_the_newest),
        ON_SQLITE(kill_in_the_middle_leaves_all_or_nothing),
        ON_SQLITE(file_size_limit_leaves_all_as_it_was),
        ON_SQLITE(full_disk_leaves_all_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
