#ifndef TESTS_KEEPER_SQL_H
#define TESTS_KEEPER_SQL_H

#include "tests/keeper/fixture.h"

#include <sqlite3.h>

/* Somebody else who writes to the keeper's database. `fn` gets each row, or is NULL. */
static inline void sql_each(const char *statement, int (*fn)(void *, int, char **, char **),
                            void *context)
{
    char path[220];
    sqlite3 *db;

    (void)snprintf(path, sizeof path, "%s/catalog.sqlite", stack.data);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, WIRE_LIMIT_MS);
    if (sqlite3_exec(db, statement, fn, context, NULL) != SQLITE_OK) {
        print_error("%s: %s\n", statement, sqlite3_errmsg(db));
        fail();
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline PS_UNUSED void sql(const char *statement)
{
    sql_each(statement, NULL, NULL);
}

#endif
