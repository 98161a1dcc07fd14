#include "frontends/oidc/attempts.h"

#include "lib/base/buf.h"
#include "lib/base/hash.h"

#include <stdlib.h>

#define NAME_MAX 1024u

enum scope { SCOPE_TRANSACTION = 1, SCOPE_SOURCE, SCOPE_INDIVIDUAL, SCOPE_ADDRESS };

struct attempts {
    struct store *store;
    const struct attempts_limits *limits;
    uint8_t secret[32]; /* individuals have short ids: their hashes say nothing without it */
};

enum ps_err attempts_new(struct store *store, const struct attempts_limits *limits,
                         struct attempts **ret_attempts)
{
    struct attempts *attempts = calloc(1, sizeof *attempts);

    if (attempts == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    attempts->store = store;
    attempts->limits = limits;
    ps_random(attempts->secret, sizeof attempts->secret);
    *ret_attempts = attempts;
    return PS_OK;
}

void attempts_free(struct attempts *attempts)
{
    free(attempts);
}

static void put_text(struct ps_buf *out, struct ps_bytes text)
{
    ps_buf_put_u32(out, (uint32_t)text.len);
    ps_buf_put(out, text);
}

static enum ps_err put_name(const struct attempts *attempts, const struct attempt *attempt,
                            enum scope scope, struct ps_buf *out)
{
    ps_buf_put_u8(out, (uint8_t)scope);
    ps_buf_put_u8(out, (uint8_t)attempt->kind);
    if (scope == SCOPE_TRANSACTION) {
        put_text(out, attempt->transaction);
        return ps_buf_status(out);
    }
    ps_buf_put(out, ps_bytes(attempts->secret, sizeof attempts->secret));
    if (scope != SCOPE_ADDRESS) {
        put_text(out, attempt->individual);
    }
    if (scope != SCOPE_INDIVIDUAL) {
        put_text(out, attempt->source);
    }
    return ps_buf_status(out);
}

static enum ps_err count(struct attempts *attempts, const struct attempt *attempt, enum scope scope,
                         uint64_t now_s, uint64_t *ret_count)
{
    PS_BUF_AUTO name = {.max = NAME_MAX};

    PS_TRY(put_name(attempts, attempt, scope, &name));
    return store_tally(attempts->store, ps_buf_bytes(&name), now_s, attempts->limits->window_s,
                       ret_count);
}

static enum ps_err judge(uint64_t tries, uint64_t most, const char *code, const char **ret_code)
{
    if (tries <= most) {
        return PS_OK;
    }
    *ret_code = code;
    return ps_fail(PS_E_DENIED, 0, "%s", code);
}

/* One secret tried with everybody: what few tries for one person do not stop. */
static bool counts_for_address(const struct attempt *attempt)
{
    return attempt->kind == ATTEMPT_LOGIN && attempt->has_address;
}

static enum ps_err begin(struct attempts *attempts, const struct attempt *attempt, uint64_t now_s,
                         const char **ret_code)
{
    const struct attempts_limits *limits = attempts->limits;
    const uint64_t most = attempt->kind == ATTEMPT_CLAIMS ? 1 : limits->per_transaction;
    uint64_t tries = 0;

    PS_TRY(count(attempts, attempt, SCOPE_TRANSACTION, now_s, &tries));
    PS_TRY(judge(tries, most, "no_attempts_left", ret_code));
    if (attempt->individual.len == 0) {
        return PS_OK;
    }
    if (counts_for_address(attempt)) {
        PS_TRY(count(attempts, attempt, SCOPE_ADDRESS, now_s, &tries));
        PS_TRY(judge(tries, limits->per_address, "individual_id_blocked", ret_code));
    }
    PS_TRY(count(attempts, attempt, SCOPE_SOURCE, now_s, &tries));
    PS_TRY(judge(tries, limits->per_source, "individual_id_blocked", ret_code));
    PS_TRY(count(attempts, attempt, SCOPE_INDIVIDUAL, now_s, &tries));
    return judge(tries, limits->per_individual, "individual_id_blocked", ret_code);
}

enum ps_err attempts_begin(struct attempts *attempts, const struct attempt *attempt, uint64_t now_s,
                           const char **ret_code)
{
    DB_TRANSACTION_AUTO transaction = {0};
    enum ps_err err;

    PS_TRY(store_begin(attempts->store, &transaction));
    err = begin(attempts, attempt, now_s, ret_code);
    /* What is refused was counted, too. */
    if (err == PS_OK || err == PS_E_DENIED) {
        PS_TRY(db_commit(&transaction));
    }
    return err;
}

static enum ps_err take_off(struct attempts *attempts, const struct attempt *attempt,
                            enum scope scope)
{
    PS_BUF_AUTO name = {.max = NAME_MAX};

    PS_TRY(put_name(attempts, attempt, scope, &name));
    return store_untally(attempts->store, ps_buf_bytes(&name), 1);
}

enum ps_err attempts_forgive(struct attempts *attempts, const struct attempt *attempt)
{
    DB_TRANSACTION_AUTO transaction = {0};

    PS_TRY(store_begin(attempts->store, &transaction));
    PS_TRY(take_off(attempts, attempt, SCOPE_SOURCE));
    PS_TRY(take_off(attempts, attempt, SCOPE_INDIVIDUAL));
    if (counts_for_address(attempt)) {
        PS_TRY(take_off(attempts, attempt, SCOPE_ADDRESS));
    }
    return db_commit(&transaction);
}
