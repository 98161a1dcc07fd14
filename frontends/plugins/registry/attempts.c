#include "frontends/plugins/registry/attempts.h"

static enum ps_err drop_old(struct db *db, uint64_t now_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "DELETE FROM attempt WHERE ends_s <= ?1", &query));
    db_bind_u64(query, 1, now_s);
    return db_query_run(query);
}

static void bind(struct db_query *query, enum attempt_kind kind, struct ps_bytes person,
                 struct ps_bytes source)
{
    db_bind_u64(query, 1, kind);
    db_bind_text(query, 2, person);
    db_bind_text(query, 3, source);
}

static enum ps_err count(struct db *db, enum attempt_kind kind, struct ps_bytes person,
                         struct ps_bytes source, uint64_t *ret_all, uint64_t *ret_source)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(db,
                          "SELECT count(*), count(*) FILTER (WHERE source = ?3) FROM attempt"
                          " WHERE kind = ?1 AND person = ?2",
                          &query));
    bind(query, kind, person, source);
    PS_TRY(db_query_step(query, &row));
    *ret_all = db_column_u64(query, 0);
    *ret_source = db_column_u64(query, 1);
    return db_query_status(query);
}

static enum ps_err add(struct db *db, enum attempt_kind kind, struct ps_bytes person,
                       struct ps_bytes source, uint64_t ends_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "INSERT INTO attempt VALUES (?1, ?2, ?3, ?4)", &query));
    bind(query, kind, person, source);
    db_bind_u64(query, 4, ends_s);
    return db_query_run(query);
}

enum ps_err attempts_take(struct db *db, const struct attempt_limit *limit, struct ps_bytes person,
                          struct ps_bytes source, uint64_t now_s)
{
    uint64_t all = 0;
    uint64_t own = 0;

    PS_TRY(drop_old(db, now_s));
    PS_TRY(count(db, limit->kind, person, source, &all, &own));
    if (all >= limit->per_person || (source.len != 0 && own >= limit->per_source)) {
        return ps_fail(PS_E_LIMIT, 0, "too many attempts for one person");
    }
    return add(db, limit->kind, person, source, now_s + limit->window_s);
}

enum ps_err attempts_forget(struct db *db, enum attempt_kind kind, struct ps_bytes person,
                            struct ps_bytes source)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "DELETE FROM attempt WHERE kind = ?1 AND person = ?2 AND source = ?3",
                          &query));
    bind(query, kind, person, source);
    return db_query_run(query);
}
