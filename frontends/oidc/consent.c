#include "frontends/oidc/consent.h"

#include "lib/base/hash.h"

/* What is asked for: claims in the order in which the client is registered, and scopes. */
static void hash_asked(const struct transaction *transaction, uint8_t ret_hash[PS_SHA256_LEN])
{
    static const uint8_t end = 0;
    const struct ps_bytes parts[] = {
        transaction_text(transaction, TRANSACTION_ESSENTIAL), ps_bytes(&end, 1),
        transaction_text(transaction, TRANSACTION_VOLUNTARY), ps_bytes(&end, 1),
        transaction_text(transaction, TRANSACTION_AUTHORIZE_SCOPES)};

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), ret_hash);
}

static enum ps_err set_number(struct transaction *transaction, enum transaction_field field,
                              uint64_t number)
{
    ps_buf_reset(&transaction->of[field]);
    ps_buf_put_decimal(&transaction->of[field], number);
    return ps_buf_status(&transaction->of[field]);
}

static void bind_who(struct db_query *query, const struct transaction *transaction)
{
    db_bind_text(query, 1, transaction_text(transaction, TRANSACTION_CLIENT));
    db_bind_text(query, 2, transaction_text(transaction, TRANSACTION_SUBJECT));
}

static enum ps_err find(struct db *db, struct transaction *transaction, uint64_t now_s,
                        bool *ret_found)
{
    uint8_t asked[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;

    hash_asked(transaction, asked);
    PS_TRY(db_query_begin(db,
                          "SELECT accepted, permitted, ends_s FROM consent WHERE client = ?1"
                          " AND subject = ?2 AND asked = ?3 AND (ends_s = 0 OR ends_s > ?4)",
                          &query));
    bind_who(query, transaction);
    db_bind_octets(query, 3, ps_bytes(asked, sizeof asked));
    db_bind_u64(query, 4, now_s);
    PS_TRY(db_query_step(query, ret_found));
    if (*ret_found) {
        PS_TRY(transaction_set(transaction, TRANSACTION_ACCEPTED, db_column_text(query, 0)));
        PS_TRY(transaction_set(transaction, TRANSACTION_PERMITTED, db_column_text(query, 1)));
        PS_TRY(set_number(transaction, TRANSACTION_CONSENT_END, db_column_u64(query, 2)));
    }
    return db_query_status(query);
}

enum ps_err consent_judge(struct db *db, struct transaction *transaction, uint64_t now_s)
{
    const bool asks = transaction->of[TRANSACTION_ESSENTIAL].len +
                          transaction->of[TRANSACTION_VOLUNTARY].len +
                          transaction->of[TRANSACTION_AUTHORIZE_SCOPES].len !=
                      0;
    bool done = !asks;

    if (asks &&
        !words_have(transaction_text(transaction, TRANSACTION_PROMPT), ps_bytes_str("consent"))) {
        PS_TRY(find(db, transaction, now_s, &done));
    }
    return transaction_set(transaction, TRANSACTION_CONSENT_ACTION,
                           ps_bytes_str(done ? CONSENT_DONE : CONSENT_ASK));
}

static enum ps_err write_row(struct db *db, const char *sql, const struct transaction *transaction,
                             uint64_t now_s, uint64_t end_s)
{
    uint8_t asked[PS_SHA256_LEN];
    DB_QUERY_AUTO *query = NULL;

    hash_asked(transaction, asked);
    PS_TRY(db_query_begin(db, sql, &query));
    bind_who(query, transaction);
    db_bind_octets(query, 3, ps_bytes(asked, sizeof asked));
    db_bind_text(query, 4, transaction_text(transaction, TRANSACTION_ACCEPTED));
    db_bind_text(query, 5, transaction_text(transaction, TRANSACTION_PERMITTED));
    db_bind_u64(query, 6, now_s);
    db_bind_u64(query, 7, end_s);
    return db_query_run(query);
}

enum ps_err consent_record(struct db *db, const struct transaction *transaction, uint64_t now_s,
                           uint64_t end_s)
{
    PS_TRY(write_row(db, "INSERT OR REPLACE INTO consent VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     transaction, now_s, end_s));
    return write_row(db,
                     "INSERT INTO consent_history (client, subject, asked, accepted, permitted,"
                     " given_s, ends_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     transaction, now_s, end_s);
}
