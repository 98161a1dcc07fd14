#include "frontends/oidc/store.h"

#include "frontends/oidc/life.h"
#include "frontends/oidc/seal.h"
#include "frontends/shared/shares.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/db/migrate.h"

#include <stdlib.h>

struct store {
    struct db *db;
    uint64_t since_s; /* what was before is forgotten; 0: nothing is */
    struct store_limits limits;
    uint64_t count;
    struct shares *shares; /* of owners */
    uint8_t secret[32];    /* owners are addresses: their hashes say nothing without it */
};

/* Version 1. */
static const char first[] = "CREATE TABLE item ("
                            " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),"
                            " state INTEGER NOT NULL,"
                            " expires_s INTEGER NOT NULL,"
                            " body BLOB NOT NULL"
                            ") STRICT, WITHOUT ROWID;"
                            "CREATE INDEX item_expires ON item (expires_s);"
                            "CREATE TABLE used ("
                            " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),"
                            " expires_s INTEGER NOT NULL"
                            ") STRICT, WITHOUT ROWID;"
                            "CREATE INDEX used_expires ON used (expires_s);"
                            "CREATE TABLE life ("
                            " one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),"
                            " boot TEXT NOT NULL,"
                            " since_s INTEGER NOT NULL"
                            ") STRICT;";

/* Version 2. */
static const char second[] = "CREATE TABLE tally ("
                             " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),"
                             " count INTEGER NOT NULL,"
                             " expires_s INTEGER NOT NULL"
                             ") STRICT, WITHOUT ROWID;"
                             "CREATE INDEX tally_expires ON tally (expires_s);";

/* Version 3. */
static const char third[] = "ALTER TABLE item ADD COLUMN owner BLOB NOT NULL DEFAULT x'';";

/* Version 4: it stands in the program's own database. */
static const char fourth[] = "DROP TABLE life;";

static const char *const steps[] = {first, second, third, fourth};

static const struct db_schema schema = {
    .what = "database of transactions of privyseal-oidc",
    .application_id = 0x50565452, /* "PVTR" */
    .steps = steps,
    .count = PS_COUNT_OF(steps),
};

void store_make_handle(char ret_handle[STORE_HANDLE_LEN + 1])
{
    uint8_t random[32];

    ps_random(random, sizeof random);
    ps_base64url_encode(ps_bytes(random, sizeof random), ret_handle);
    ret_handle[STORE_HANDLE_LEN] = '\0';
}

static void hash_key(const struct store_key *key, uint8_t ret_id[PS_SHA256_LEN])
{
    const uint8_t kind = (uint8_t)key->kind;
    const struct ps_bytes parts[] = {ps_bytes(&kind, 1), key->handle};

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), ret_id);
}

static enum ps_err count_items(struct store *store)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(store->db, "SELECT count(*) FROM item", &query));
    PS_TRY(db_query_step(query, &row));
    store->count = db_column_u64(query, 0);
    return db_query_status(query);
}

static enum ps_err open_db(struct store *store, const char *path)
{
    PS_TRY(db_open(path, &store->db));
    PS_TRY(db_migrate(store->db, &schema));
    /* Nobody else opens it, so that nobody has to be locked out again and again. */
    PS_TRY(db_run(store->db, "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"));
    PS_TRY(shares_new(&store->shares));
    ps_random(store->secret, sizeof store->secret);
    return count_items(store);
}

enum ps_err oidc_store_open(const struct store_place *place, const struct store_limits *limits,
                            uint64_t now_s, struct store **ret_store)
{
    PS_CLEANUP(store_close_cleanup) struct store *store = calloc(1, sizeof *store);
    PS_BUF_AUTO path = {.max = 4096};
    struct life life = {.is_new = false};

    if (store == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_printf(&path, "%s/transactions.db", place->directory);
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    PS_TRY(life_find(place->db, (const char *)path.data, place->boot, now_s, &life));
    store->since_s = life.since_s;
    store->limits = *limits;
    PS_TRY(open_db(store, (const char *)path.data));
    if (life.is_new) {
        PS_TRY(life_begin(place->db, place->boot, &life));
    }
    *ret_store = store;
    store = NULL;
    return PS_OK;
}

void store_close(struct store *store)
{
    if (store != NULL) {
        db_close(store->db);
        shares_free(store->shares);
        free(store);
    }
}

bool store_may_forget(const struct store *store, uint64_t signed_s)
{
    return signed_s <= store->since_s && store->since_s != 0;
}

/* What is put: a row. */
struct row {
    enum store_state state;
    uint64_t expires_s;
    const uint8_t *owner; /* NULL: none */
};

static enum ps_err insert(struct store *store, const struct store_key *key, const struct row *row,
                          struct ps_bytes record)
{
    uint8_t id[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;
    PS_BUF_AUTO sealed = {.max = STORE_RECORD_MAX + SEAL_EXTRA};

    hash_key(key, id);
    PS_TRY(seal_close(key->handle, record, &sealed));
    PS_TRY(db_query_begin(store->db, "INSERT INTO item VALUES (?1, ?2, ?3, ?4, ifnull(?5, x''))",
                          &query));
    db_bind_octets(query, 1, ps_bytes(id, sizeof id));
    db_bind_u64(query, 2, (uint64_t)row->state);
    db_bind_u64(query, 3, row->expires_s);
    db_bind_octets(query, 4, ps_buf_bytes(&sealed));
    if (row->owner != NULL) {
        db_bind_octets(query, 5, ps_bytes(row->owner, SHARES_NAME_LEN));
    }
    PS_TRY(db_query_run(query));
    store->count++;
    return PS_OK;
}

static enum ps_err check_room(const struct store *store, uint64_t most)
{
    return store->count < most ? PS_OK
                               : ps_fail(PS_E_LIMIT, 0, "%llu logins are under way",
                                         (unsigned long long)store->count);
}

enum ps_err store_put(struct store *store, const struct store_key *key, enum store_state state,
                      uint64_t expires_s, struct ps_bytes record)
{
    const struct row row = {.state = state, .expires_s = expires_s};

    PS_TRY(check_room(store, store->limits.most));
    return insert(store, key, &row, record);
}

enum ps_err store_put_of(struct store *store, const struct store_key *key, struct ps_bytes owner,
                         uint64_t expires_s, struct ps_bytes record)
{
    const struct ps_bytes parts[] = {ps_bytes(store->secret, sizeof store->secret), owner};
    uint8_t name[PS_SHA256_LEN];
    const struct row row = {.state = STORE_OPEN, .expires_s = expires_s, .owner = name};
    enum ps_err err;

    PS_TRY(check_room(store, store->limits.most - store->limits.most / 8));
    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), name);
    PS_TRY(shares_take(store->shares, name, store->limits.per_owner));
    err = insert(store, key, &row, record);
    if (err != PS_OK) {
        shares_leave(store->shares, name);
    }
    return err;
}

enum ps_err store_get(struct store *store, const struct store_key *key, enum store_state state,
                      uint64_t now_s, struct ps_buf *record)
{
    uint8_t id[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;
    bool found = false;

    hash_key(key, id);
    PS_TRY(db_query_begin(store->db,
                          "SELECT state, body FROM item WHERE id = ?1 AND expires_s > ?2", &query));
    db_bind_octets(query, 1, ps_bytes(id, sizeof id));
    db_bind_u64(query, 2, now_s);
    PS_TRY(db_query_step(query, &found));
    if (!found) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is none, or its time is over");
    }
    if (db_column_u64(query, 0) != (uint64_t)state) {
        PS_TRY(db_query_status(query));
        return ps_fail(PS_E_STATE, 0, "it is in another state");
    }
    PS_TRY(seal_open(key->handle, db_column_octets(query, 1), record));
    return db_query_status(query);
}

/* Something is gone; an owner of before a start is nobody's any more. */
static void leave(struct store *store, struct ps_bytes owner)
{
    if (owner.len == SHARES_NAME_LEN) {
        shares_leave(store->shares, owner.data);
    }
    store->count--;
}

static enum ps_err remove_item(struct store *store, const struct store_key *key,
                               struct ps_buf *ret_owner, bool *ret_there)
{
    uint8_t id[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;
    bool more = false;

    hash_key(key, id);
    PS_TRY(db_query_begin(store->db, "DELETE FROM item WHERE id = ?1 RETURNING owner", &query));
    db_bind_octets(query, 1, ps_bytes(id, sizeof id));
    PS_TRY(db_query_step(query, ret_there));
    if (*ret_there) {
        ps_buf_put(ret_owner, db_column_octets(query, 0));
        PS_TRY(ps_buf_status(ret_owner));
        PS_TRY(db_query_status(query));
        /* Only its end makes it lasting. */
        PS_TRY(db_query_step(query, &more));
    }
    return PS_OK;
}

enum ps_err store_drop(struct store *store, const struct store_key *key)
{
    PS_BUF_AUTO owner = {.max = SHARES_NAME_LEN};
    bool there = false;

    PS_TRY(remove_item(store, key, &owner, &there));
    if (there) {
        leave(store, ps_buf_bytes(&owner));
    }
    return PS_OK;
}

enum ps_err store_take(struct store *store, const struct store_key *key, enum store_state state,
                       uint64_t now_s, struct ps_buf *record)
{
    DB_TRANSACTION_AUTO transaction = {0};
    PS_BUF_AUTO owner = {.max = SHARES_NAME_LEN};
    bool there = false;

    PS_TRY(db_begin(store->db, &transaction));
    PS_TRY(store_get(store, key, state, now_s, record));
    PS_TRY(remove_item(store, key, &owner, &there));
    PS_TRY(db_commit(&transaction));
    leave(store, ps_buf_bytes(&owner));
    return PS_OK;
}

/* What has another state, or none, changes nothing. */
enum ps_err store_move(struct store *store, const struct store_key *key,
                       const struct store_move *move, struct ps_bytes record)
{
    uint8_t id[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;
    PS_BUF_AUTO sealed = {.max = STORE_RECORD_MAX + SEAL_EXTRA};

    hash_key(key, id);
    PS_TRY(seal_close(key->handle, record, &sealed));
    PS_TRY(db_query_begin(store->db,
                          "UPDATE item SET state = ?3, body = ?5,"
                          " expires_s = CASE WHEN ?4 = 0 THEN expires_s ELSE ?4 END"
                          " WHERE id = ?1 AND state = ?2 AND expires_s > ?6",
                          &query));
    db_bind_octets(query, 1, ps_bytes(id, sizeof id));
    db_bind_u64(query, 2, (uint64_t)move->from);
    db_bind_u64(query, 3, (uint64_t)move->to);
    db_bind_u64(query, 4, move->expires_s);
    db_bind_octets(query, 5, ps_buf_bytes(&sealed));
    db_bind_u64(query, 6, move->now_s);
    PS_TRY(db_query_run(query));
    return db_changes(store->db) == 1 ? PS_OK
                                      : ps_fail(PS_E_STATE, 0, "it is in another state, or over");
}

enum ps_err store_begin(struct store *store, struct db_transaction *ret_transaction)
{
    return db_begin(store->db, ret_transaction);
}

enum ps_err store_tally(struct store *store, struct ps_bytes name, uint64_t now_s,
                        uint64_t window_s, uint64_t *ret_count)
{
    uint8_t id[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    ps_sha256(name, id);
    PS_TRY(db_query_begin(store->db,
                          "INSERT INTO tally VALUES (?1, 1, ?2 + ?3) ON CONFLICT (id) DO UPDATE SET"
                          " count = CASE WHEN expires_s <= ?2 THEN 1 ELSE count + 1 END,"
                          " expires_s = CASE WHEN expires_s <= ?2 THEN ?2 + ?3 ELSE expires_s END"
                          " RETURNING count",
                          &query));
    db_bind_octets(query, 1, ps_bytes(id, sizeof id));
    db_bind_u64(query, 2, now_s);
    db_bind_u64(query, 3, window_s);
    PS_TRY(db_query_step(query, &row));
    *ret_count = db_column_u64(query, 0);
    PS_TRY(db_query_status(query));
    /* Only its end makes it lasting. */
    return db_query_step(query, &row);
}

enum ps_err store_untally(struct store *store, struct ps_bytes name, uint64_t count)
{
    uint8_t id[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;

    ps_sha256(name, id);
    PS_TRY(db_query_begin(store->db, "UPDATE tally SET count = max(0, count - ?2) WHERE id = ?1",
                          &query));
    db_bind_octets(query, 1, ps_bytes(id, sizeof id));
    db_bind_u64(query, 2, count);
    return db_query_run(query);
}

enum ps_err store_use_once(struct store *store, struct ps_bytes whose, struct ps_bytes id,
                           uint64_t expires_s)
{
    const uint8_t between = 0;
    const struct ps_bytes parts[] = {whose, ps_bytes(&between, 1), id};
    uint8_t hash[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), hash);
    PS_TRY(db_query_begin(store->db, "INSERT INTO used VALUES (?1, ?2)", &query));
    db_bind_octets(query, 1, ps_bytes(hash, sizeof hash));
    db_bind_u64(query, 2, expires_s);
    return db_query_run(query);
}

static enum ps_err leave_all(struct store *store, struct db_query *gone)
{
    bool row = false;

    PS_TRY(db_query_step(gone, &row));
    while (row) {
        leave(store, db_column_octets(gone, 0));
        PS_TRY(db_query_step(gone, &row));
    }
    return db_query_status(gone);
}

enum ps_err store_sweep(struct store *store, uint64_t now_s)
{
    DB_QUERY_AUTO *items = NULL;
    DB_QUERY_AUTO *used = NULL;
    DB_QUERY_AUTO *tallies = NULL;

    PS_TRY(db_query_begin(store->db, "DELETE FROM item WHERE expires_s <= ?1 RETURNING owner",
                          &items));
    db_bind_u64(items, 1, now_s);
    PS_TRY(leave_all(store, items));
    PS_TRY(db_query_begin(store->db, "DELETE FROM used WHERE expires_s <= ?1", &used));
    db_bind_u64(used, 1, now_s);
    PS_TRY(db_query_run(used));
    PS_TRY(db_query_begin(store->db, "DELETE FROM tally WHERE expires_s <= ?1", &tallies));
    db_bind_u64(tallies, 1, now_s);
    return db_query_run(tallies);
}

uint64_t store_count(const struct store *store)
{
    return store->count;
}
