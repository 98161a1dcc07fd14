#ifndef TESTS_UNIT_DB_FIXTURE_H
#define TESTS_UNIT_DB_FIXTURE_H

#include "lib/db/db.h"

#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include <sqlite3.h>

/* A database in a directory of the test's own, and another program that opens it. */

static char path[SCRATCH_PATH_MAX];

static PS_UNUSED int make_directory(void **state)
{
    scratch_make(state);
    scratch_path("some.sqlite", path);
    return 0;
}

/* Another program, with SQLite's own defaults. */
static PS_UNUSED void elsewhere(const char *sql)
{
    sqlite3 *other = NULL;
    int code;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    code = sqlite3_exec(other, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        print_error("%s\n", sqlite3_errmsg(other));
    }
    assert_int_equal(code, SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static PS_UNUSED struct db *open_with_table(void)
{
    struct db *db = NULL;

    assert_int_equal(db_open(path, &db), PS_OK);
    assert_int_equal(db_run(db, "CREATE TABLE pair (name TEXT PRIMARY KEY NOT NULL,"
                                " number INTEGER NOT NULL, octets BLOB NOT NULL) STRICT"),
                     PS_OK);
    return db;
}

static PS_UNUSED enum ps_err put_pair(struct db *db, const char *name, uint64_t number,
                                      struct ps_bytes octets)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "INSERT INTO pair VALUES (?1, ?2, ?3)", &query));
    db_bind_text(query, 1, ps_bytes_str(name));
    db_bind_u64(query, 2, number);
    db_bind_octets(query, 3, octets);
    return db_query_run(query);
}

static PS_UNUSED uint64_t number_of(struct db *db, const char *sql)
{
    DB_QUERY_AUTO *query = NULL;
    uint64_t number;
    bool row = false;

    assert_int_equal(db_query_begin(db, sql, &query), PS_OK);
    assert_int_equal(db_query_step(query, &row), PS_OK);
    assert_true(row);
    number = db_column_u64(query, 0);
    assert_int_equal(db_query_status(query), PS_OK);
    return number;
}

#define DB_TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, scratch_remove)

#endif
