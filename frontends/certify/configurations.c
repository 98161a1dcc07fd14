#include "frontends/certify/configurations.h"

#include "lib/db/migrate.h"

#include <stdlib.h>

/* Version 1. What selects a configuration in a request of draft 13 is one configuration's alone. */
static const char first[] = "CREATE TABLE configuration ("
                            " id TEXT NOT NULL PRIMARY KEY,"
                            " scope TEXT NOT NULL,"
                            " selector TEXT NOT NULL,"
                            " definition TEXT NOT NULL,"
                            " created_s INTEGER NOT NULL,"
                            " updated_s INTEGER NOT NULL,"
                            " UNIQUE (scope, selector)"
                            ") STRICT, WITHOUT ROWID;";

/*
 * Version 2. Keys that ever made proofs: what they signed is verified by did.json, whatever becomes
 * of the configurations.
 */
static const char second[] = "CREATE TABLE proof_key ("
                             " name TEXT NOT NULL PRIMARY KEY"
                             ") STRICT, WITHOUT ROWID;";

static const char *const steps[] = {first, second};

static const struct db_schema schema = {
    .what = "database of privyseal-certify",
    .application_id = 0x50564345, /* "PVCE" */
    .steps = steps,
    .count = PS_COUNT_OF(steps),
};

struct configurations {
    struct db *db;
    struct configuration *all[CONFIGURATIONS_MAX]; /* by id */
    size_t count;
};

/* Where the id stands, or would. */
static size_t place_of(const struct configurations *configurations, struct ps_bytes id,
                       bool *ret_there)
{
    size_t low = 0;
    size_t high = configurations->count;

    *ret_there = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = ps_bytes_compare(configurations->all[middle]->id, id);

        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return low;
}

static void insert_at(struct configurations *configurations, size_t at,
                      struct configuration *configuration)
{
    memmove(&configurations->all[at + 1], &configurations->all[at],
            (configurations->count - at) * sizeof(struct configuration *));
    configurations->all[at] = configuration;
    configurations->count++;
}

static enum ps_err load(struct configurations *configurations)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = true;

    PS_TRY(db_query_begin(configurations->db,
                          "SELECT id, definition FROM configuration ORDER BY id", &query));
    while (true) {
        struct configuration *configuration = NULL;

        PS_TRY(db_query_step(query, &row));
        if (!row) {
            return db_query_status(query);
        }
        if (configurations->count == CONFIGURATIONS_MAX ||
            configuration_read(db_column_text(query, 0), db_column_text(query, 1),
                               &configuration) != PS_OK) {
            return ps_fail(PS_E_STORAGE, 0, "a credential configuration that cannot be read");
        }
        configurations->all[configurations->count++] = configuration;
    }
}

enum ps_err configurations_open(const char *directory, struct configurations **ret_configurations)
{
    struct configurations *configurations = calloc(1, sizeof *configurations);
    PS_BUF_AUTO path = {.max = 4096};
    enum ps_err err;

    if (configurations == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_printf(&path, "%s/certify.db", directory);
    ps_buf_put_u8(&path, '\0');
    err = ps_buf_status(&path);
    if (err == PS_OK) {
        err = db_open((const char *)path.data, &configurations->db);
    }
    if (err == PS_OK) {
        err = db_migrate(configurations->db, &schema);
    }
    if (err == PS_OK) {
        err = load(configurations);
    }
    if (err != PS_OK) {
        configurations_close(configurations);
        return err;
    }
    *ret_configurations = configurations;
    return PS_OK;
}

void configurations_close(struct configurations *configurations)
{
    if (configurations != NULL) {
        for (size_t i = 0; i < configurations->count; i++) {
            configuration_release(configurations->all[i]);
        }
        db_close(configurations->db);
        free(configurations);
    }
}

struct configuration *configurations_at(const struct configurations *configurations, size_t i)
{
    return i < configurations->count ? configurations->all[i] : NULL;
}

struct configuration *configurations_find(const struct configurations *configurations,
                                          struct ps_bytes id)
{
    bool there;
    const size_t at = place_of(configurations, id, &there);

    return there ? configurations->all[at] : NULL;
}

static void bind(struct db_query *query, const struct configuration *configuration, uint64_t now_s)
{
    db_bind_text(query, 1, configuration->id);
    db_bind_text(query, 2, configuration->scope);
    db_bind_text(query, 3, ps_buf_bytes(&configuration->selector));
    db_bind_text(query, 4, ps_buf_bytes(&configuration->text));
    db_bind_u64(query, 5, now_s);
}

static enum ps_err note_proof_key(struct db *db, const struct configuration *configuration)
{
    DB_QUERY_AUTO *query = NULL;

    if (configuration->format != CREDENTIAL_LDP_VC) {
        return PS_OK;
    }
    PS_TRY(db_query_begin(db, "INSERT OR IGNORE INTO proof_key VALUES (?1)", &query));
    db_bind_text(query, 1, ps_bytes_str(configuration->key));
    return db_query_run(query);
}

static enum ps_err write_row(struct db *db, const char *sql,
                             const struct configuration *configuration, uint64_t now_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, sql, &query));
    bind(query, configuration, now_s);
    return db_query_run(query);
}

/* `sql`: a literal, with what `bind` binds. */
static enum ps_err store(struct db *db, const char *sql, const struct configuration *configuration,
                         uint64_t now_s)
{
    DB_TRANSACTION_AUTO transaction = {.db = NULL};

    PS_TRY(db_begin(db, &transaction));
    PS_TRY(write_row(db, sql, configuration, now_s));
    PS_TRY(note_proof_key(db, configuration));
    return db_commit(&transaction);
}

enum ps_err configurations_put_proof_keys(struct configurations *configurations, struct ps_buf *out)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = true;

    PS_TRY(db_query_begin(configurations->db, "SELECT name FROM proof_key ORDER BY name", &query));
    while (true) {
        PS_TRY(db_query_step(query, &row));
        if (!row) {
            PS_TRY(db_query_status(query));
            return ps_buf_status(out);
        }
        ps_buf_put(out, db_column_text(query, 0));
        ps_buf_put_u8(out, '\n');
    }
}

enum ps_err configurations_add(struct configurations *configurations,
                               struct configuration *configuration, uint64_t now_s)
{
    bool there;
    const size_t at = place_of(configurations, configuration->id, &there);

    if (configurations->count == CONFIGURATIONS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u configurations", CONFIGURATIONS_MAX);
    }
    PS_TRY(store(configurations->db, "INSERT INTO configuration VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                 configuration, now_s));
    insert_at(configurations, at, configuration);
    return PS_OK;
}

enum ps_err configurations_replace(struct configurations *configurations,
                                   struct configuration *configuration, uint64_t now_s)
{
    bool there;
    const size_t at = place_of(configurations, configuration->id, &there);

    if (!there) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such configuration");
    }
    PS_TRY(store(configurations->db,
                 "UPDATE configuration SET scope = ?2, selector = ?3, definition = ?4,"
                 " updated_s = ?5 WHERE id = ?1",
                 configuration, now_s));
    configuration_release(configurations->all[at]);
    configurations->all[at] = configuration;
    return PS_OK;
}

enum ps_err configurations_remove(struct configurations *configurations, struct ps_bytes id)
{
    DB_QUERY_AUTO *query = NULL;
    bool there;
    const size_t at = place_of(configurations, id, &there);

    if (!there) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such configuration");
    }
    PS_TRY(db_query_begin(configurations->db, "DELETE FROM configuration WHERE id = ?1", &query));
    db_bind_text(query, 1, id);
    PS_TRY(db_query_run(query));
    configuration_release(configurations->all[at]);
    configurations->count--;
    memmove(&configurations->all[at], &configurations->all[at + 1],
            (configurations->count - at) * sizeof(struct configuration *));
    return PS_OK;
}
