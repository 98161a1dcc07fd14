#include "lib/db/internal.h"

#include <assert.h>

enum ps_err db_begin(struct db *db, struct db_transaction *ret_transaction)
{
    DB_QUERY_AUTO *query = NULL;

    /* IMMEDIATE: waits for other writers here and not in the middle. */
    PS_TRY(db_query_begin(db, "BEGIN IMMEDIATE", &query));
    PS_TRY(db_query_run(query));
    ret_transaction->db = db;
    return PS_OK;
}

enum ps_err db_begin_reading(struct db *db)
{
    DB_QUERY_AUTO *query = NULL;

    assert(sqlite3_get_autocommit(db->sqlite) != 0);
    PS_TRY(db_query_begin(db, "BEGIN DEFERRED", &query));
    return db_query_run(query);
}

/* There is nothing to be lost, so that a commit that fails is as good as one that does not. */
void db_end_reading(struct db *db)
{
    struct db_transaction transaction = {.db = db};

    if (db_commit(&transaction) != PS_OK) {
        db_rollback(&transaction);
    }
}

enum ps_err db_commit(struct db_transaction *transaction)
{
    DB_QUERY_AUTO *query = NULL;

    assert(transaction->db != NULL);
    PS_TRY(db_query_begin(transaction->db, "COMMIT", &query));
    PS_TRY(db_query_run(query));
    transaction->db = NULL;
    return PS_OK;
}

void db_rollback(struct db_transaction *transaction)
{
    struct db *db = transaction->db;

    transaction->db = NULL;
    /* After some errors, such as a full disk, SQLite has rolled back by itself. */
    if (db == NULL || sqlite3_get_autocommit(db->sqlite) != 0) {
        return;
    }
    /* It needs no memory and writes nothing to disk; were it to fail, no later begin succeeds. */
    (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}
