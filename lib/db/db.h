#ifndef DB_DB_H
#define DB_DB_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * One SQLite database in a file, opened in the one way we use it: write-ahead log, every commit
 * synced, nothing in the file trusted (no triggers, no views, no functions from the schema), freed
 * octets overwritten. One thread at a time.
 *
 * Errors of all calls: PS_E_STORAGE (disk, file or schema are not what we left), PS_E_BUSY (another
 * program held the database for longer than DB_BUSY_MS), PS_E_NO_MEMORY; the detail's code is
 * SQLite's extended result code. A failed statement or commit leaves the database as it was before.
 */
struct db;

#define DB_BUSY_MS 1000

/* Longest text or blob, and longest statement, in octets. */
#define DB_VALUE_MAX (4u * 1024u * 1024u)

/*
 * Opens a database or makes an empty one, mode 0600. `path` is a regular file in a directory that
 * only we can write; SQLite keeps path-wal and path-shm beside it.
 */
PS_MUST_USE enum ps_err db_open(const char *path, struct db **ret_db);

void db_close(struct db *db);
PS_DEFINE_CLEANUP(struct db, db_close)

/*
 * Still the database that was opened: its files exist under their names, are the ones that were
 * opened, and can be read from the disk. Errors: PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err db_check_alive(struct db *db);

/* Changes when another connection, of whatever program, has committed a change. */
PS_MUST_USE enum ps_err db_data_version(struct db *db, uint64_t *ret_version);

/* Runs statements without parameters, one after the other; rows are dropped. */
PS_MUST_USE enum ps_err db_run(struct db *db, const char *sql);

/*
 * A statement with parameters. `sql` is a literal: what it compiles to is kept under its address
 * for the next time. While one use of it has not ended another one gets a copy of its own.
 */
struct db_query;
PS_MUST_USE enum ps_err db_query_begin(struct db *db, const char *sql, struct db_query **ret_query);
void db_query_end(struct db_query *query); /* NULL is fine */
PS_DEFINE_CLEANUP(struct db_query, db_query_end)
#define DB_QUERY_AUTO PS_CLEANUP(db_query_end_cleanup) struct db_query

/*
 * Parameters, from 1. Octets are borrowed until db_query_end. An error, such as a number over 2^63,
 * is kept and returned by the next db_query_step.
 */
void db_bind_u64(struct db_query *query, int index, uint64_t value);
void db_bind_text(struct db_query *query, int index, struct ps_bytes text);
void db_bind_octets(struct db_query *query, int index, struct ps_bytes octets);

/*
 * Goes to the next row; *ret_row is false when there is none (any more). Further error:
 * PS_E_CONFLICT: a constraint of the schema, such as a unique name, is violated.
 */
PS_MUST_USE enum ps_err db_query_step(struct db_query *query, bool *ret_row);

/* For statements that yield no row. */
PS_MUST_USE enum ps_err db_query_run(struct db_query *query);

/*
 * Columns of the row, from 0; octets are valid until the next step. A value of another type than
 * asked for gives 0 or nothing, and db_query_status is PS_E_STORAGE from then on.
 */
uint64_t db_column_u64(struct db_query *query, int column);
struct ps_bytes db_column_text(struct db_query *query, int column);
struct ps_bytes db_column_octets(struct db_query *query, int column);
PS_MUST_USE enum ps_err db_query_status(const struct db_query *query);

/* Rows that the last statement inserted, changed or deleted. */
uint64_t db_changes(const struct db *db);

/*
 * A writing transaction. Declared with DB_TRANSACTION_AUTO it is rolled back when it goes out of
 * scope without db_commit. They do not nest.
 */
struct db_transaction {
    struct db *db; /* NULL: over */
};
#define DB_TRANSACTION_AUTO PS_CLEANUP(db_rollback) struct db_transaction
PS_MUST_USE enum ps_err db_begin(struct db *db, struct db_transaction *ret_transaction);
PS_MUST_USE enum ps_err db_commit(struct db_transaction *transaction);
void db_rollback(struct db_transaction *transaction); /* nothing when it is over */

/*
 * Between the two everything is read as it was in one moment, and one lock is taken instead of one
 * for each statement. Nothing is written meanwhile, no other such pair is begun, and no
 * transaction.
 */
PS_MUST_USE enum ps_err db_begin_reading(struct db *db);
void db_end_reading(struct db *db);

/*
 * When the write-ahead log has grown, a commit moves its pages into the database and syncs both.
 * After db_defer_checkpoints commits through this connection do not; db_checkpoint on another one
 * does, beside those who read and write. The log begins anew with the first commit that finds all
 * of it moved: as long as somebody writes the whole time, it grows.
 *
 * ret_pages: how many the log has, moved or not
 */
PS_MUST_USE enum ps_err db_defer_checkpoints(struct db *db);
PS_MUST_USE enum ps_err db_checkpoint(struct db *db, uint64_t *ret_pages);

#endif
