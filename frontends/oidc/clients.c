#include "frontends/oidc/clients.h"

/* Version 1. The columns stand in the order of enum client_field. */
static const char first[] = "CREATE TABLE client ("
                            " id TEXT NOT NULL PRIMARY KEY,"
                            " name TEXT NOT NULL,"
                            " names TEXT NOT NULL,"
                            " relying_party TEXT NOT NULL,"
                            " logo_uri TEXT NOT NULL,"
                            " redirect_uris TEXT NOT NULL,"
                            " claims TEXT NOT NULL,"
                            " acr_values TEXT NOT NULL,"
                            " public_key TEXT NOT NULL,"
                            " public_key_id TEXT NOT NULL UNIQUE,"
                            " encryption_key TEXT NOT NULL,"
                            " grant_types TEXT NOT NULL,"
                            " auth_methods TEXT NOT NULL,"
                            " status TEXT NOT NULL CHECK (status IN ('ACTIVE', 'INACTIVE')),"
                            " additional_config TEXT NOT NULL,"
                            " created_s INTEGER NOT NULL,"
                            " updated_s INTEGER NOT NULL"
                            ") STRICT, WITHOUT ROWID;";

/* Version 2: consent.c. */
static const char second[] = "CREATE TABLE consent ("
                             " client TEXT NOT NULL,"
                             " subject TEXT NOT NULL,"
                             " asked BLOB NOT NULL,"
                             " accepted TEXT NOT NULL,"
                             " permitted TEXT NOT NULL,"
                             " given_s INTEGER NOT NULL,"
                             " ends_s INTEGER NOT NULL,"
                             " PRIMARY KEY (client, subject)"
                             ") STRICT, WITHOUT ROWID;"
                             "CREATE TABLE consent_history ("
                             " number INTEGER PRIMARY KEY,"
                             " client TEXT NOT NULL,"
                             " subject TEXT NOT NULL,"
                             " asked BLOB NOT NULL,"
                             " accepted TEXT NOT NULL,"
                             " permitted TEXT NOT NULL,"
                             " given_s INTEGER NOT NULL,"
                             " ends_s INTEGER NOT NULL"
                             ") STRICT;";

/* Version 3: life.c. */
static const char third[] = "CREATE TABLE life ("
                            " one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),"
                            " boot TEXT NOT NULL,"
                            " since_s INTEGER NOT NULL"
                            ") STRICT;";

static const char *const steps[] = {first, second, third};

static const struct db_schema schema = {
    .what = "database of privyseal-oidc",
    .application_id = 0x50564F49, /* "PVOI" */
    .steps = steps,
    .count = PS_COUNT_OF(steps),
};

enum ps_err clients_open(const char *directory, struct db **ret_db)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = NULL;
    PS_BUF_AUTO path = {.max = 4096};

    ps_buf_printf(&path, "%s/oidc.db", directory);
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    PS_TRY(db_open((const char *)path.data, &db));
    PS_TRY(db_migrate(db, &schema));
    *ret_db = db;
    db = NULL;
    return PS_OK;
}

/* Parameter 1 is the id, then come the fields. */
static void bind(struct db_query *query, const struct client *client)
{
    db_bind_text(query, 1, ps_buf_bytes(&client->id));
    for (int i = 0; i < CLIENT_FIELDS; i++) {
        db_bind_text(query, 2 + i, ps_buf_bytes(&client->fields[i]));
    }
}

static enum ps_err find(struct db *db, struct ps_bytes id, bool *ret_found)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "SELECT 1 FROM client WHERE id = ?1", &query));
    db_bind_text(query, 1, id);
    return db_query_step(query, ret_found);
}

static enum ps_err insert(struct db *db, const struct client *client, uint64_t now_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db,
                          "INSERT INTO client VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                          " ?11, ?12, ?13, ?14, ?15, ?16, ?16)",
                          &query));
    bind(query, client);
    db_bind_u64(query, 2 + CLIENT_FIELDS, now_s);
    return db_query_run(query);
}

enum ps_err clients_add(struct db *db, const struct client *client, uint64_t now_s,
                        bool *ret_same_id)
{
    bool found = false;

    PS_TRY(find(db, ps_buf_bytes(&client->id), &found));
    *ret_same_id = found;
    if (found) {
        return ps_fail(PS_E_CONFLICT, 0, "there is a client of this id");
    }
    return insert(db, client, now_s);
}

enum ps_err clients_get(struct db *db, struct ps_bytes id, struct client *client)
{
    DB_QUERY_AUTO *query = NULL;
    bool found = false;

    PS_TRY(db_query_begin(db,
                          "SELECT name, names, relying_party, logo_uri, redirect_uris, claims,"
                          " acr_values, public_key, public_key_id, encryption_key, grant_types,"
                          " auth_methods, status, additional_config FROM client WHERE id = ?1",
                          &query));
    db_bind_text(query, 1, id);
    PS_TRY(db_query_step(query, &found));
    if (!found) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no client of this id");
    }
    ps_buf_reset(&client->id);
    ps_buf_put(&client->id, id);
    PS_TRY(ps_buf_status(&client->id));
    for (int i = 0; i < CLIENT_FIELDS; i++) {
        ps_buf_reset(&client->fields[i]);
        ps_buf_put(&client->fields[i], db_column_text(query, i));
        PS_TRY(ps_buf_status(&client->fields[i]));
    }
    return db_query_status(query);
}

enum ps_err clients_set(struct db *db, const struct client *client, uint64_t now_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db,
                          "UPDATE client SET name = ?2, names = ?3, relying_party = ?4,"
                          " logo_uri = ?5, redirect_uris = ?6, claims = ?7, acr_values = ?8,"
                          " public_key = ?9, public_key_id = ?10, encryption_key = ?11,"
                          " grant_types = ?12, auth_methods = ?13, status = ?14,"
                          " additional_config = ?15, updated_s = ?16 WHERE id = ?1",
                          &query));
    bind(query, client);
    db_bind_u64(query, 2 + CLIENT_FIELDS, now_s);
    PS_TRY(db_query_run(query));
    return db_changes(db) == 0 ? ps_fail(PS_E_NOT_FOUND, 0, "there is no client of this id")
                               : PS_OK;
}
