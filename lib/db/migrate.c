#include "lib/db/migrate.h"

#include <assert.h>
#include <stdio.h>

static enum ps_err read_number(struct db *db, const char *sql, uint64_t *ret_number)
{
    DB_QUERY_AUTO *query = NULL;
    uint64_t number;
    bool row = false;

    PS_TRY(db_query_begin(db, sql, &query));
    PS_TRY(db_query_step(query, &row));
    if (!row) {
        return ps_fail(PS_E_STORAGE, 0, "database: its schema has no version");
    }
    number = db_column_u64(query, 0);
    PS_TRY(db_query_status(query));
    *ret_number = number;
    return PS_OK;
}

/* Version 0: an empty database that is marked as ours. */
static enum ps_err make_empty_schema(struct db *db, const struct db_schema *schema)
{
    char mark[64];

    (void)snprintf(mark, sizeof mark, "PRAGMA application_id = %u", schema->application_id);
    PS_TRY(db_run(db, mark));
    return db_run(db, "CREATE TABLE schema ("
                      " only_row INTEGER PRIMARY KEY CHECK (only_row = 1),"
                      " version INTEGER NOT NULL) STRICT;"
                      "INSERT INTO schema VALUES (1, 0);");
}

static enum ps_err read_version(struct db *db, const struct db_schema *schema,
                                uint64_t *ret_version)
{
    uint64_t application = 0;
    uint64_t objects = 0;

    PS_TRY(read_number(db, "PRAGMA application_id", &application));
    PS_TRY(read_number(db, "SELECT count(*) FROM sqlite_schema", &objects));
    if (application == 0 && objects == 0) {
        PS_TRY(make_empty_schema(db, schema));
    } else if (application != schema->application_id) {
        return ps_fail(PS_E_STORAGE, 0, "the file holds another database than a %s", schema->what);
    }
    return read_number(db, "SELECT version FROM schema", ret_version);
}

static enum ps_err set_version(struct db *db, uint64_t version)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "UPDATE schema SET version = ?1", &query));
    db_bind_u64(query, 1, version);
    return db_query_run(query);
}

/* One step, or none when there is none left: *ret_done is then true. */
static enum ps_err step(struct db *db, const struct db_schema *schema, bool *ret_done)
{
    DB_TRANSACTION_AUTO transaction = {0};
    uint64_t version = 0;

    PS_TRY(db_begin(db, &transaction));
    PS_TRY(read_version(db, schema, &version));
    if (version > schema->count) {
        return ps_fail(PS_E_STATE, 0,
                       "the %s is of version %llu, written by a newer Privyseal; this one knows "
                       "versions up to %u: start the newer one",
                       schema->what, (unsigned long long)version, schema->count);
    }
    if (version == schema->count) {
        *ret_done = true;
        return PS_OK;
    }
    PS_TRY(db_run(db, schema->steps[version]));
    PS_TRY(set_version(db, version + 1));
    PS_TRY(db_commit(&transaction));
    *ret_done = false;
    return PS_OK;
}

enum ps_err db_migrate(struct db *db, const struct db_schema *schema)
{
    bool done = false;

    assert(schema->count != 0);
    assert(schema->application_id != 0 && schema->application_id <= INT32_MAX);
    while (!done) {
        PS_TRY(step(db, schema, &done));
    }
    return PS_OK;
}
