#include "frontends/plugins/registry/persons.h"

#include "lib/db/migrate.h"

/* Version 1. */
static const char first[] =
    "CREATE TABLE person ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " policy TEXT NOT NULL,"
    " pin TEXT NOT NULL,"
    " password TEXT NOT NULL,"
    " claims TEXT NOT NULL,"
    " updated_s INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX person_policy ON person (policy) WHERE policy <> '';"
    "CREATE TABLE otp ("
    " person TEXT NOT NULL,"
    " login TEXT NOT NULL,"
    " mark BLOB NOT NULL,"
    " tries INTEGER NOT NULL,"
    " ends_s INTEGER NOT NULL,"
    " PRIMARY KEY (person, login)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX otp_end ON otp (ends_s);"
    "CREATE TABLE login ("
    " token BLOB NOT NULL PRIMARY KEY,"
    " person TEXT NOT NULL,"
    " whose BLOB NOT NULL,"
    " ends_s INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX login_end ON login (ends_s);"
    "CREATE TABLE attempt ("
    " kind INTEGER NOT NULL,"
    " person TEXT NOT NULL,"
    " source TEXT NOT NULL,"
    " ends_s INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX attempt_person ON attempt (kind, person, source);"
    "CREATE INDEX attempt_end ON attempt (ends_s);"
    "CREATE TABLE secret (only_row INTEGER PRIMARY KEY CHECK (only_row = 1),"
    " octets BLOB NOT NULL) STRICT;";

static const char *const steps[] = {first};

static const struct db_schema schema = {
    .what = "registry of people",
    .application_id = 0x50565247, /* "PVRG" */
    .steps = steps,
    .count = PS_COUNT_OF(steps),
};

enum ps_err persons_open(const char *path, struct db **ret_db)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;

    PS_TRY(db_open(path, &db));
    PS_TRY(db_migrate(db, &schema));
    *ret_db = db;
    db = NULL;
    return PS_OK;
}

static enum ps_err make_secret(struct db *db)
{
    DB_QUERY_AUTO *query = NULL;
    uint8_t octets[REGISTRY_SECRET_LEN];

    ps_random(octets, sizeof octets);
    PS_TRY(db_query_begin(db, "INSERT OR IGNORE INTO secret VALUES (1, ?1)", &query));
    db_bind_octets(query, 1, ps_bytes(octets, sizeof octets));
    return db_query_run(query);
}

enum ps_err persons_secret(struct db *db, uint8_t ret_secret[REGISTRY_SECRET_LEN])
{
    DB_QUERY_AUTO *query = NULL;
    struct ps_bytes octets;
    bool row = false;

    PS_TRY(make_secret(db));
    PS_TRY(db_query_begin(db, "SELECT octets FROM secret", &query));
    PS_TRY(db_query_step(query, &row));
    octets = row ? db_column_octets(query, 0) : ps_bytes(NULL, 0);
    if (octets.len != REGISTRY_SECRET_LEN) {
        return ps_fail(PS_E_STORAGE, 0, "database: its secret is not what was stored");
    }
    memcpy(ret_secret, octets.data, REGISTRY_SECRET_LEN);
    return PS_OK;
}

enum ps_err persons_put(struct db *db, const struct person *person, uint64_t now_s)
{
    DB_QUERY_AUTO *query = NULL;
    enum ps_err err;

    PS_TRY(db_query_begin(db,
                          "INSERT INTO person VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                          " ON CONFLICT (id) DO UPDATE SET policy = ?2, pin = ?3, password = ?4,"
                          " claims = ?5, updated_s = ?6",
                          &query));
    db_bind_text(query, 1, ps_buf_bytes(&person->id));
    db_bind_text(query, 2, ps_buf_bytes(&person->policy));
    db_bind_text(query, 3, ps_buf_bytes(&person->pin));
    db_bind_text(query, 4, ps_buf_bytes(&person->password));
    db_bind_text(query, 5, ps_buf_bytes(&person->claims));
    db_bind_u64(query, 6, now_s);
    err = db_query_run(query);
    if (err == PS_E_CONFLICT) {
        return ps_fail(PS_E_CONFLICT, 0, "somebody else has a policy of this number");
    }
    return err;
}

static enum ps_err take_text(struct db_query *query, int column, struct ps_buf *out)
{
    ps_buf_reset(out);
    ps_buf_put(out, db_column_text(query, column));
    PS_TRY(ps_buf_status(out));
    return db_query_status(query);
}

static enum ps_err take_person(struct db_query *query, struct person *person)
{
    struct ps_buf *const fields[] = {&person->id, &person->policy, &person->pin, &person->password,
                                     &person->claims};

    for (int i = 0; i < (int)PS_COUNT_OF(fields); i++) {
        PS_TRY(take_text(query, i, fields[i]));
    }
    return PS_OK;
}

/* An id that is somebody else's policy number finds whose id it is. */
enum ps_err persons_find(struct db *db, struct ps_bytes name, struct person *person)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(db,
                          "SELECT id, policy, pin, password, claims FROM person WHERE id = ?1 OR"
                          " (policy = ?1 AND policy <> '') ORDER BY id <> ?1 LIMIT 1",
                          &query));
    db_bind_text(query, 1, name);
    PS_TRY(db_query_step(query, &row));
    if (!row) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such person");
    }
    return take_person(query, person);
}

enum ps_err persons_remove(struct db *db, struct ps_bytes id)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "DELETE FROM person WHERE id = ?1", &query));
    db_bind_text(query, 1, id);
    PS_TRY(db_query_run(query));
    return db_changes(db) == 0 ? ps_fail(PS_E_NOT_FOUND, 0, "there is no such person") : PS_OK;
}

static enum ps_err each_of(struct db_query *query, persons_fn *fn, void *context)
{
    PERSON_AUTO person;
    bool row = false;

    person_init(&person);
    for (;;) {
        PS_TRY(db_query_step(query, &row));
        if (!row) {
            return PS_OK;
        }
        PS_TRY(take_person(query, &person));
        PS_TRY(fn(context, &person));
    }
}

enum ps_err persons_each(struct db *db, persons_fn *fn, void *context)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "SELECT id, policy, pin, password, claims FROM person ORDER BY id",
                          &query));
    return each_of(query, fn, context);
}
