#include "frontends/plugins/registry/otp.h"

#include "frontends/plugins/registry/mark.h"
#include "lib/base/hash.h"

#include <stdio.h>

/* Every number is as likely as every other one. */
static uint32_t random_below(uint32_t bound)
{
    const uint32_t most = UINT32_MAX - UINT32_MAX % bound;
    uint32_t number;

    do {
        ps_random(&number, sizeof number);
    } while (number >= most);
    return number % bound;
}

static void mark_of(const struct otp_place *place, struct ps_bytes otp, uint8_t mark[MARK_LEN])
{
    const struct ps_bytes parts[] = {ps_bytes_str("otp"), place->person, place->login, otp};

    mark_make(place->secret, parts, PS_COUNT_OF(parts), mark);
}

static enum ps_err drop_old(struct db *db, uint64_t now_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "DELETE FROM otp WHERE ends_s <= ?1", &query));
    db_bind_u64(query, 1, now_s);
    return db_query_run(query);
}

enum ps_err otp_make(struct db *db, const struct otp_place *place, uint64_t life_s,
                     char ret_otp[OTP_DIGITS + 1])
{
    DB_QUERY_AUTO *query = NULL;
    uint8_t mark[MARK_LEN];
    char otp[OTP_DIGITS + 1];

    (void)snprintf(otp, sizeof otp, "%06u", random_below(1000000) % 1000000);
    mark_of(place, ps_bytes(otp, OTP_DIGITS), mark);
    PS_TRY(drop_old(db, place->now_s));
    PS_TRY(db_query_begin(db, "INSERT OR REPLACE INTO otp VALUES (?1, ?2, ?3, ?4, ?5)", &query));
    db_bind_text(query, 1, place->person);
    db_bind_text(query, 2, place->login);
    db_bind_octets(query, 3, ps_bytes(mark, sizeof mark));
    db_bind_u64(query, 4, OTP_TRIES);
    db_bind_u64(query, 5, place->now_s + life_s);
    PS_TRY(db_query_run(query));
    memcpy(ret_otp, otp, sizeof otp);
    return PS_OK;
}

static enum ps_err run_for(struct db *db, const char *sql, const struct otp_place *place)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, sql, &query));
    db_bind_text(query, 1, place->person);
    db_bind_text(query, 2, place->login);
    return db_query_run(query);
}

/* Whether there is one with a try left, and whether it is this one. */
static enum ps_err look(struct db *db, const struct otp_place *place, const uint8_t mark[MARK_LEN],
                        bool *ret_same)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(db,
                          "SELECT mark FROM otp WHERE person = ?1 AND login = ?2 AND tries > 0 AND"
                          " ends_s > ?3",
                          &query));
    db_bind_text(query, 1, place->person);
    db_bind_text(query, 2, place->login);
    db_bind_u64(query, 3, place->now_s);
    PS_TRY(db_query_step(query, &row));
    *ret_same = row && ps_bytes_equal_secret(db_column_octets(query, 0), ps_bytes(mark, MARK_LEN));
    return db_query_status(query);
}

enum ps_err otp_use(struct db *db, const struct otp_place *place, struct ps_bytes otp)
{
    uint8_t mark[MARK_LEN];
    bool same = false;

    mark_of(place, otp, mark);
    PS_TRY(look(db, place, mark, &same));
    PS_TRY(run_for(db,
                   same ? "DELETE FROM otp WHERE person = ?1 AND login = ?2"
                        : "UPDATE otp SET tries = tries - 1 WHERE person = ?1 AND login = ?2 AND"
                          " tries > 0",
                   place));
    return same ? PS_OK : ps_fail(PS_E_DENIED, 0, "not the one-time password");
}
