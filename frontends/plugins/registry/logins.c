#include "frontends/plugins/registry/logins.h"

#include "frontends/plugins/registry/mark.h"
#include "lib/base/encode.h"

#define TOKEN_LEN 32u

static struct ps_bytes bytes_of(struct privyseal_auth_text text)
{
    return ps_bytes(text.data, text.len);
}

/* Of which login a token is. */
static void whose(const struct login_place *place, uint8_t mark[MARK_LEN])
{
    const struct privyseal_auth_request *request = place->request;
    const struct ps_bytes parts[] = {ps_bytes_str("login"), bytes_of(request->relying_party),
                                     bytes_of(request->client), bytes_of(request->transaction),
                                     bytes_of(request->individual)};

    mark_make(place->secret, parts, PS_COUNT_OF(parts), mark);
}

static enum ps_err drop_old(struct db *db, uint64_t now_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "DELETE FROM login WHERE ends_s <= ?1", &query));
    db_bind_u64(query, 1, now_s);
    return db_query_run(query);
}

enum ps_err login_make(struct db *db, const struct login_place *place, struct ps_bytes person,
                       uint64_t life_s, struct ps_buf *ret_token)
{
    DB_QUERY_AUTO *query = NULL;
    uint8_t token[TOKEN_LEN];
    uint8_t hash[PS_SHA256_LEN];
    uint8_t mark[MARK_LEN];

    ps_random(token, sizeof token);
    ps_buf_put_base64url(ret_token, ps_bytes(token, sizeof token));
    PS_TRY(ps_buf_status(ret_token));
    ps_sha256(ps_buf_bytes(ret_token), hash);
    whose(place, mark);
    PS_TRY(drop_old(db, place->now_s));
    PS_TRY(db_query_begin(db, "INSERT INTO login VALUES (?1, ?2, ?3, ?4)", &query));
    db_bind_octets(query, 1, ps_bytes(hash, sizeof hash));
    db_bind_text(query, 2, person);
    db_bind_octets(query, 3, ps_bytes(mark, sizeof mark));
    db_bind_u64(query, 4, place->now_s + life_s);
    return db_query_run(query);
}

/* Takes it away. ret_good: it was there, is not too old, and of this login */
static enum ps_err take(struct db *db, const struct login_place *place,
                        const uint8_t hash[PS_SHA256_LEN], bool *ret_good,
                        struct ps_buf *ret_person)
{
    DB_QUERY_AUTO *query = NULL;
    uint8_t mark[MARK_LEN];
    bool row = false;

    whose(place, mark);
    PS_TRY(db_query_begin(db, "DELETE FROM login WHERE token = ?1 RETURNING person, whose, ends_s",
                          &query));
    db_bind_octets(query, 1, ps_bytes(hash, PS_SHA256_LEN));
    PS_TRY(db_query_step(query, &row));
    if (!row) {
        *ret_good = false;
        return PS_OK;
    }
    *ret_good = ps_bytes_equal(db_column_octets(query, 1), ps_bytes(mark, sizeof mark)) &&
                db_column_u64(query, 2) > place->now_s;
    ps_buf_put(ret_person, db_column_text(query, 0));
    PS_TRY(db_query_status(query));
    PS_TRY(ps_buf_status(ret_person));
    /* The last step is what makes the deletion whole. */
    return db_query_step(query, &row);
}

enum ps_err login_use(struct db *db, const struct login_place *place, struct ps_buf *ret_person)
{
    uint8_t hash[PS_SHA256_LEN];
    bool good = false;

    ps_sha256(bytes_of(place->request->kyc_token), hash);
    PS_TRY(take(db, place, hash, &good, ret_person));
    return good ? PS_OK : ps_fail(PS_E_DENIED, 0, "no login with this token waits");
}

void login_put_subject(const uint8_t *secret, struct ps_bytes person, struct ps_bytes relying_party,
                       struct ps_buf *out)
{
    const struct ps_bytes parts[] = {ps_bytes_str("subject"), person, relying_party};
    uint8_t mark[MARK_LEN];

    mark_make(secret, parts, PS_COUNT_OF(parts), mark);
    ps_buf_put_base64url(out, ps_bytes(mark, sizeof mark));
}
