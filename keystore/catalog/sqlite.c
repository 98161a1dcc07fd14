#include "keystore/catalog/backend.h"

#include "keystore/catalog/internal.h"
#include "keystore/catalog/migrations.h"
#include "lib/db/db.h"

static void bind_row_name(struct db_query *query, enum catalog_kind kind, struct ps_bytes name)
{
    db_bind_text(query, 1, ps_bytes_str(catalog_kind_name(kind)));
    db_bind_text(query, 2, name);
}

static enum ps_err sqlite_get(void *backend, enum catalog_kind kind, struct ps_bytes name,
                              struct ps_buf *memory, struct catalog_row *ret_row)
{
    DB_QUERY_AUTO *query = NULL;
    struct catalog_row found = {.kind = kind, .name = name};
    bool row = false;

    PS_TRY(db_query_begin(
        backend, "SELECT revision, event, body FROM row WHERE kind = ?1 AND name = ?2", &query));
    bind_row_name(query, kind, name);
    PS_TRY(db_query_step(query, &row));
    if (!row) {
        return catalog_fail_not_found(kind, name);
    }
    found.revision = db_column_u64(query, 0);
    found.event = db_column_u64(query, 1);
    found.body = db_column_text(query, 2);
    PS_TRY(db_query_status(query));
    return catalog_copy_row(&found, memory, ret_row);
}

static enum ps_err sqlite_begin_reading(void *backend)
{
    return db_begin_reading(backend);
}

static void sqlite_end_reading(void *backend)
{
    db_end_reading(backend);
}

/* The file may have been edited by somebody else: who walks it counts on names of our length. */
static enum ps_err check_name(const struct catalog_row *row)
{
    if (row->name.len == 0 || row->name.len > CATALOG_NAME_MAX) {
        return ps_fail(PS_E_DENIED, 0, "a %s has a name of %zu octets: %.40s",
                       catalog_kind_name(row->kind), row->name.len,
                       row->name.len == 0 ? "" : (const char *)row->name.data);
    }
    return PS_OK;
}

static enum ps_err sqlite_list(void *backend, enum catalog_kind kind, struct ps_bytes after,
                               uint32_t limit, catalog_row_fn *fn, void *context)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(backend,
                          "SELECT name, revision, event, body FROM row"
                          " WHERE kind = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
                          &query));
    bind_row_name(query, kind, after);
    db_bind_u64(query, 3, limit);
    for (;;) {
        struct catalog_row found = {.kind = kind};

        PS_TRY(db_query_step(query, &row));
        if (!row) {
            return PS_OK;
        }
        found.name = db_column_text(query, 0);
        found.revision = db_column_u64(query, 1);
        found.event = db_column_u64(query, 2);
        found.body = db_column_text(query, 3);
        PS_TRY(db_query_status(query));
        PS_TRY(check_name(&found));
        PS_TRY(fn(context, &found));
    }
}

static enum ps_err insert_row(struct db *db, const struct catalog_change *change, uint64_t event)
{
    DB_QUERY_AUTO *query = NULL;
    enum ps_err err;

    PS_TRY(db_query_begin(db, "INSERT INTO row VALUES (?1, ?2, 1, ?3, ?4)", &query));
    bind_row_name(query, change->kind, change->name);
    db_bind_u64(query, 3, event);
    db_bind_text(query, 4, change->body);
    err = db_query_run(query);
    return err == PS_E_CONFLICT ? catalog_fail_conflict(change) : err;
}

static enum ps_err update_row(struct db *db, const struct catalog_change *change, uint64_t event)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db,
                          "UPDATE row SET revision = revision + 1, event = ?3, body = ?4"
                          " WHERE kind = ?1 AND name = ?2 AND revision = ?5",
                          &query));
    bind_row_name(query, change->kind, change->name);
    db_bind_u64(query, 3, event);
    db_bind_text(query, 4, change->body);
    db_bind_u64(query, 5, change->expected);
    PS_TRY(db_query_run(query));
    return db_changes(db) == 1 ? PS_OK : catalog_fail_conflict(change);
}

static enum ps_err delete_row(struct db *db, const struct catalog_change *change)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "DELETE FROM row WHERE kind = ?1 AND name = ?2 AND revision = ?3",
                          &query));
    bind_row_name(query, change->kind, change->name);
    db_bind_u64(query, 3, change->expected);
    PS_TRY(db_query_run(query));
    return db_changes(db) == 1 ? PS_OK : catalog_fail_conflict(change);
}

static enum ps_err apply_change(struct db *db, const struct catalog_change *change, uint64_t event)
{
    const uint64_t of_row = catalog_event_of(change->kind, event);

    if (change->body.len == 0) {
        return delete_row(db, change);
    }
    return change->expected == 0 ? insert_row(db, change, of_row) : update_row(db, change, of_row);
}

static void bind_answer(struct db_query *query, const struct catalog_answer *answer)
{
    db_bind_octets(query, 1, answer->caller);
    db_bind_octets(query, 2, answer->key);
    db_bind_octets(query, 3, answer->body_hash);
    db_bind_u64(query, 4, answer->status);
    db_bind_octets(query, 5, answer->answer);
    db_bind_u64(query, 6, answer->expires_ns);
}

static enum ps_err put_answer(struct db *db, const struct catalog_answer *answer)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db,
                          "INSERT INTO answer VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                          " ON CONFLICT (caller, key) DO UPDATE SET status = excluded.status,"
                          " answer = excluded.answer, expires_ns = excluded.expires_ns"
                          " WHERE answer.status = 0 AND answer.body_hash = excluded.body_hash",
                          &query));
    bind_answer(query, answer);
    PS_TRY(db_query_run(query));
    return db_changes(db) == 1 ? PS_OK : catalog_fail_answer();
}

static enum ps_err sqlite_apply(void *backend, const struct catalog_change *changes, size_t count,
                                uint64_t event, const struct catalog_answer *answer)
{
    DB_TRANSACTION_AUTO transaction = {0};

    PS_TRY(db_begin(backend, &transaction));
    for (size_t i = 0; i < count; i++) {
        PS_TRY(apply_change(backend, &changes[i], event));
    }
    if (answer != NULL) {
        PS_TRY(put_answer(backend, answer));
    }
    return db_commit(&transaction);
}

/* Runs a statement whose only parameters are caller and key, or the time. */
static enum ps_err delete_one(struct db *db, const char *sql, struct ps_bytes caller,
                              struct ps_bytes key)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, sql, &query));
    db_bind_octets(query, 1, caller);
    db_bind_octets(query, 2, key);
    return db_query_run(query);
}

static enum ps_err delete_old(struct db *db, const char *sql, uint64_t now_ns)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, sql, &query));
    db_bind_u64(query, 1, now_ns);
    return db_query_run(query);
}

static enum ps_err read_answer(struct db_query *query, struct catalog_answer *ret_answer)
{
    ret_answer->body_hash = db_column_octets(query, 0);
    ret_answer->status = (uint16_t)db_column_u64(query, 1);
    ret_answer->answer = db_column_octets(query, 2);
    ret_answer->expires_ns = db_column_u64(query, 3);
    return db_query_status(query);
}

static enum ps_err sqlite_get_answer(void *backend, struct ps_bytes caller, struct ps_bytes key,
                                     uint64_t now_ns, struct ps_buf *memory,
                                     struct catalog_answer *ret_answer)
{
    DB_QUERY_AUTO *query = NULL;
    struct catalog_answer found = {.caller = caller, .key = key};
    bool row = false;

    PS_TRY(db_query_begin(backend,
                          "SELECT body_hash, status, answer, expires_ns FROM answer"
                          " WHERE caller = ?1 AND key = ?2",
                          &query));
    db_bind_octets(query, 1, caller);
    db_bind_octets(query, 2, key);
    PS_TRY(db_query_step(query, &row));
    if (row) {
        PS_TRY(read_answer(query, &found));
        if (found.expires_ns > now_ns) {
            return catalog_copy_answer(&found, memory, ret_answer);
        }
        PS_TRY(
            delete_one(backend, "DELETE FROM answer WHERE caller = ?1 AND key = ?2", caller, key));
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "no answer to this Idempotency-Key");
}

static enum ps_err sqlite_begin_answer(void *backend, const struct catalog_answer *answer)
{
    DB_QUERY_AUTO *query = NULL;
    enum ps_err err;

    PS_TRY(db_query_begin(backend, "INSERT INTO answer VALUES (?1, ?2, ?3, ?4, ?5, ?6)", &query));
    bind_answer(query, answer);
    err = db_query_run(query);
    return err == PS_E_CONFLICT ? catalog_fail_answer() : err;
}

static enum ps_err sqlite_forget_answer(void *backend, struct ps_bytes caller, struct ps_bytes key)
{
    return delete_one(backend, "DELETE FROM answer WHERE caller = ?1 AND key = ?2 AND status = 0",
                      caller, key);
}

static enum ps_err sqlite_sweep_answers(void *backend, uint64_t now_ns)
{
    return delete_old(backend, "DELETE FROM answer WHERE status = 0 OR expires_ns <= ?1", now_ns);
}

static enum ps_err sqlite_expire_answers(void *backend, uint64_t now_ns)
{
    return delete_old(backend, "DELETE FROM answer WHERE expires_ns <= ?1", now_ns);
}

static enum ps_err sqlite_check_alive(void *backend)
{
    return db_check_alive(backend);
}

static enum ps_err sqlite_data_version(void *backend, uint64_t *ret_version)
{
    return db_data_version(backend, ret_version);
}

static void sqlite_close(void *backend)
{
    db_close(backend);
}

static const struct catalog_ops sqlite_ops = {
    .name = "sqlite",
    .get = sqlite_get,
    .begin_reading = sqlite_begin_reading,
    .end_reading = sqlite_end_reading,
    .list = sqlite_list,
    .apply = sqlite_apply,
    .get_answer = sqlite_get_answer,
    .begin_answer = sqlite_begin_answer,
    .forget_answer = sqlite_forget_answer,
    .sweep_answers = sqlite_sweep_answers,
    .expire_answers = sqlite_expire_answers,
    .check_alive = sqlite_check_alive,
    .data_version = sqlite_data_version,
    .close = sqlite_close,
};

enum ps_err catalog_sqlite_open(const char *path, const struct catalog_ops **ret_ops,
                                void **ret_backend)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;

    PS_TRY(db_open(path, &db));
    PS_TRY(db_migrate(db, &catalog_schema));
    *ret_ops = &sqlite_ops;
    *ret_backend = db;
    db = NULL;
    return PS_OK;
}
