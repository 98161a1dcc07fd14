#include "lib/db/internal.h"

#include <assert.h>
#include <stdlib.h>

static enum ps_err compile(struct db *db, const char *sql, unsigned flags,
                           sqlite3_stmt **ret_statement)
{
    const int code = sqlite3_prepare_v3(db->sqlite, sql, -1, flags, ret_statement, NULL);

    return code == SQLITE_OK ? PS_OK : db_fail(db->sqlite, code, "prepare");
}

static enum ps_err begin_kept(struct db_query *query, struct db_query **ret_query)
{
    query->in_use = true;
    query->status = PS_OK;
    *ret_query = query;
    return PS_OK;
}

/* The same statement inside its own use, or one too many to keep. */
static enum ps_err begin_copy(struct db *db, const char *sql, struct db_query **ret_query)
{
    struct db_query *query = calloc(1, sizeof *query);
    enum ps_err err;

    if (query == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    query->db = db;
    err = compile(db, sql, 0, &query->statement);
    if (err != PS_OK) {
        free(query);
        return err;
    }
    *ret_query = query;
    return PS_OK;
}

enum ps_err db_query_begin(struct db *db, const char *sql, struct db_query **ret_query)
{
    struct db_query *query;

    for (size_t i = 0; i < db->kept_count; i++) {
        if (db->kept[i].sql == sql) {
            return db->kept[i].in_use ? begin_copy(db, sql, ret_query)
                                      : begin_kept(&db->kept[i], ret_query);
        }
    }
    if (db->kept_count == KEPT_QUERIES_MAX) {
        return begin_copy(db, sql, ret_query);
    }
    query = &db->kept[db->kept_count];
    PS_TRY(compile(db, sql, SQLITE_PREPARE_PERSISTENT, &query->statement));
    query->db = db;
    query->sql = sql;
    db->kept_count++;
    return begin_kept(query, ret_query);
}

void db_query_end(struct db_query *query)
{
    if (query == NULL) {
        return;
    }
    if (query->sql == NULL) {
        (void)sqlite3_finalize(query->statement);
        free(query);
        return;
    }
    (void)sqlite3_reset(query->statement);
    (void)sqlite3_clear_bindings(query->statement);
    query->in_use = false;
}

void db_forget_queries(struct db *db)
{
    for (size_t i = 0; i < db->kept_count; i++) {
        assert(!db->kept[i].in_use);
        (void)sqlite3_finalize(db->kept[i].statement);
    }
    db->kept_count = 0;
}

static void note(struct db_query *query, int code)
{
    if (code != SQLITE_OK && query->status == PS_OK) {
        query->status = db_fail(query->db->sqlite, code, "bind");
    }
}

void db_bind_u64(struct db_query *query, int index, uint64_t value)
{
    if (value > INT64_MAX) {
        note(query, SQLITE_TOOBIG);
        return;
    }
    note(query, sqlite3_bind_int64(query->statement, index, (sqlite3_int64)value));
}

/* SQLite takes a null pointer for NULL, which is not the empty string. */
static const void *start_of(struct ps_bytes octets)
{
    return octets.len == 0 ? "" : (const void *)octets.data;
}

void db_bind_text(struct db_query *query, int index, struct ps_bytes text)
{
    note(query, sqlite3_bind_text64(query->statement, index, start_of(text), text.len,
                                    SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_octets(struct db_query *query, int index, struct ps_bytes octets)
{
    note(query,
         sqlite3_bind_blob64(query->statement, index, start_of(octets), octets.len, SQLITE_STATIC));
}

enum ps_err db_query_step(struct db_query *query, bool *ret_row)
{
    int code;

    if (query->status != PS_OK) {
        return query->status;
    }
    code = sqlite3_step(query->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        return db_fail(query->db->sqlite, code, "step");
    }
    *ret_row = code == SQLITE_ROW;
    return PS_OK;
}

enum ps_err db_query_run(struct db_query *query)
{
    bool row = false;

    PS_TRY(db_query_step(query, &row));
    if (row) {
        return ps_fail(PS_E_INTERNAL, 0, "database: a row where none was expected");
    }
    return PS_OK;
}

static bool has_type(struct db_query *query, int column, int type)
{
    if (sqlite3_column_type(query->statement, column) == type) {
        return true;
    }
    query->status = ps_fail(PS_E_STORAGE, 0, "database: column %s is of another type",
                            sqlite3_column_name(query->statement, column) == NULL
                                ? "?"
                                : sqlite3_column_name(query->statement, column));
    return false;
}

uint64_t db_column_u64(struct db_query *query, int column)
{
    sqlite3_int64 value;

    if (!has_type(query, column, SQLITE_INTEGER)) {
        return 0;
    }
    value = sqlite3_column_int64(query->statement, column);
    if (value < 0) {
        query->status = ps_fail(PS_E_STORAGE, 0, "database: a negative number");
        return 0;
    }
    return (uint64_t)value;
}

static struct ps_bytes column(struct db_query *query, int column, int type)
{
    const void *data;
    int len;

    if (!has_type(query, column, type)) {
        return ps_bytes(NULL, 0);
    }
    /* For text this yields its UTF-8 octets as they are stored: the encoding is UTF-8. */
    data = sqlite3_column_blob(query->statement, column);
    len = sqlite3_column_bytes(query->statement, column);
    if (data == NULL && len != 0) {
        query->status = ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        return ps_bytes(NULL, 0);
    }
    return ps_bytes(data, (size_t)len);
}

struct ps_bytes db_column_text(struct db_query *query, int index)
{
    return column(query, index, SQLITE_TEXT);
}

struct ps_bytes db_column_octets(struct db_query *query, int index)
{
    return column(query, index, SQLITE_BLOB);
}

enum ps_err db_query_status(const struct db_query *query)
{
    return query->status;
}
