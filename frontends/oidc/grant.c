#include "frontends/oidc/challenge.h"
#include "frontends/oidc/claims.h"
#include "frontends/oidc/mint.h"
#include "frontends/oidc/oauth.h"
#include "frontends/oidc/token.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/base/line.h"

#include <stdlib.h>

#define CODE_MAX   512u
#define CLAIMS_MAX (64u * 1024u)

struct grant {
    struct mint mint;         /* first: a call is its grant */
    struct question question; /* of the plugin */
    struct exchange *exchange;
    struct transaction transaction;
    struct ps_buf code;
    char c_nonce[STORE_HANDLE_LEN + 1];
    uint64_t now_s;
    uint64_t life_s; /* of the access token */
};

static void grant_free(struct grant *grant)
{
    if (grant != NULL) {
        transaction_clear(&grant->transaction);
        ps_buf_clear(&grant->code);
        ps_buf_clear(&grant->mint.access_claims);
        ps_buf_clear(&grant->mint.id_claims);
        ps_buf_clear(&grant->mint.access_token);
        ps_buf_clear(&grant->mint.id_token);
        free(grant);
    }
}
PS_DEFINE_CLEANUP(struct grant, grant_free)

static struct grant *grant_new(struct exchange *exchange)
{
    struct grant *grant = calloc(1, sizeof *grant);

    if (grant != NULL) {
        grant->exchange = exchange;
        transaction_init(&grant->transaction);
        grant->code = PS_BUF_SECRET(CODE_MAX);
        grant->mint.access_claims = PS_BUF_SECRET(CLAIMS_MAX);
        grant->mint.id_claims = PS_BUF_SECRET(CLAIMS_MAX);
        grant->mint.access_token = PS_BUF_SECRET(2 * CLAIMS_MAX);
        grant->mint.id_token = PS_BUF_SECRET(2 * CLAIMS_MAX);
        grant->now_s = ps_clock_real_ns() / PS_NS_PER_S;
    }
    return grant;
}

static struct store_key key_of(const struct grant *grant)
{
    return (struct store_key){STORE_CODE, ps_buf_bytes(&grant->code)};
}

/* Of many at once one gets from `from` to `to`. */
static enum ps_err move(struct grant *grant, enum store_state from, enum store_state to,
                        uint64_t expires_s)
{
    const struct store_key key = key_of(grant);
    const struct store_move move = {from, to, ps_clock_real_ns() / PS_NS_PER_S, expires_s};
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX);

    PS_TRY(transaction_write(&grant->transaction, &record));
    return store_move(grant->exchange->service->store, &key, &move, ps_buf_bytes(&record));
}

static enum ps_err load(struct grant *grant, enum store_state state)
{
    const struct store_key key = key_of(grant);
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX + 1);

    PS_TRY(store_get(grant->exchange->service->store, &key, state, grant->now_s, &record));
    return transaction_read(ps_buf_bytes(&record), &grant->transaction);
}

/* RFC 7636 section 4.6. A verifier where no challenge was is refused, too: RFC 9700 section 2.1.1.
 */
static bool verifier_fits(const struct transaction *transaction, struct ps_bytes verifier)
{
    const struct ps_bytes challenge = transaction_text(transaction, TRANSACTION_CODE_CHALLENGE);
    uint8_t hash[PS_SHA256_LEN];
    char text[64];

    if (challenge.len == 0 || verifier.len == 0) {
        return challenge.len == verifier.len;
    }
    ps_sha256(verifier, hash);
    ps_base64url_encode(ps_bytes(hash, sizeof hash), text);
    return ps_bytes_equal_secret(challenge, ps_bytes(text, ps_base64url_len(sizeof hash)));
}

static bool is_for(const struct transaction *transaction, const struct grant_request *request)
{
    const struct ps_bytes jkt = transaction_text(transaction, TRANSACTION_DPOP_JKT);

    return ps_bytes_equal(transaction_text(transaction, TRANSACTION_CLIENT), request->client) &&
           ps_bytes_equal(transaction_text(transaction, TRANSACTION_REDIRECT_URI),
                          request->redirect_uri) &&
           verifier_fits(transaction, request->verifier) &&
           (jkt.len == 0 || ps_bytes_equal(jkt, request->jkt));
}

/* Somebody has the code who should not, or the client is not careful: either way it ends here. */
static enum ps_err revoke_token(struct grant *grant, const struct grant_request *request)
{
    struct store_key token = {.kind = STORE_TOKEN};

    PS_TRY(load(grant, STORE_USED));
    if (!ps_bytes_equal(transaction_text(&grant->transaction, TRANSACTION_CLIENT),
                        request->client)) {
        return PS_OK;
    }
    token.handle = transaction_text(&grant->transaction, TRANSACTION_ACCESS_TOKEN);
    ps_line(PS_WARNING, "code_used_again",
            PS_TEXT("request", http_request_id(grant->exchange->request)),
            PS_TEXT("client", request->client));
    return store_drop(grant->exchange->service->store, &token);
}

static void refuse(const struct grant *grant, const char *why)
{
    ps_line(PS_INFO, "grant_refused", PS_TEXT("request", http_request_id(grant->exchange->request)),
            PS_STR("why", why));
    oauth_refuse(grant->exchange, 400, "invalid_grant", NULL);
}

/* Nothing was told: the client may come again with the code, while it is good. */
static void release(struct grant *grant, const char *why)
{
    struct ps_bytes detail = ps_bytes_str(why);

    ps_line(PS_WARNING, "tokens_not_made",
            PS_TEXT("request", http_request_id(grant->exchange->request)), PS_TEXT("why", detail));
    if (move(grant, STORE_IN_USE, STORE_OPEN, 0) != PS_OK) {
        ps_line(PS_INFO, "code_is_over", PS_STR("why", ps_detail()->text));
    }
    oauth_refuse(grant->exchange, 503, "temporarily_unavailable", NULL);
}

/* The token is there before it is told, and the code remembers it. */
static enum ps_err keep(struct grant *grant)
{
    const struct ps_bytes token = ps_buf_bytes(&grant->mint.access_token);
    const struct store_key key = {STORE_TOKEN, token};
    const uint64_t expires_s = grant->now_s + grant->life_s;
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX);
    enum ps_err err;

    PS_TRY(transaction_write(&grant->transaction, &record));
    PS_TRY(store_put(grant->exchange->service->store, &key, STORE_OPEN, expires_s,
                     ps_buf_bytes(&record)));
    ps_buf_reset(&grant->transaction.of[TRANSACTION_CLAIMS]);
    PS_TRY(transaction_set(&grant->transaction, TRANSACTION_ACCESS_TOKEN, token));
    err = move(grant, STORE_IN_USE, STORE_USED, expires_s);
    /* Its own time may be over by now; then nobody can use it again. */
    return err == PS_E_STATE ? PS_OK : err;
}

static void answer(struct grant *grant)
{
    const struct transaction *transaction = &grant->transaction;
    struct ps_buf *out = http_request_out(grant->exchange->request);
    const bool bound = transaction->of[TRANSACTION_DPOP_JKT].len != 0;

    ps_buf_printf(out, "{\"access_token\":\"%.*s\",\"token_type\":\"%s\",\"expires_in\":%llu",
                  PS_BYTES_FMT(ps_buf_bytes(&grant->mint.access_token)), bound ? "DPoP" : "Bearer",
                  (unsigned long long)grant->life_s);
    if (grant->mint.id_token.len != 0) {
        ps_buf_printf(out, ",\"id_token\":\"%.*s\"",
                      PS_BYTES_FMT(ps_buf_bytes(&grant->mint.id_token)));
    }
    if (transaction->of[TRANSACTION_PERMITTED].len != 0) {
        ps_buf_put_str(out, ",\"scope\":");
        ps_buf_put_json_string(out, transaction_text(transaction, TRANSACTION_PERMITTED));
    }
    if (transaction->of[TRANSACTION_CREDENTIAL_SCOPES].len != 0) {
        ps_buf_printf(out, ",\"c_nonce\":\"%s\",\"c_nonce_expires_in\":%llu", grant->c_nonce,
                      (unsigned long long)grant->life_s);
    }
    ps_buf_put_str(out, "}");
    oauth_answer(grant->exchange, 200);
}

static void on_minted(struct call *call)
{
    PS_CLEANUP(grant_free_cleanup) struct grant *grant = (struct grant *)(void *)call;

    if (!grant->mint.good) {
        release(grant, grant->mint.why);
    } else if (keep(grant) != PS_OK) {
        release(grant, ps_detail()->text);
    } else {
        answer(grant);
    }
}

static void mint(struct grant **grant)
{
    struct service *service = (*grant)->exchange->service;
    const struct settings_oidc *settings = &service->config->oidc;
    struct mint *mint = &(*grant)->mint;
    const struct claims_terms terms = {
        .issuer = service->places.issuer,
        .now_s = (*grant)->now_s,
        .access_s = (*grant)->life_s,
        .id_s = settings->id_token_s,
        .credential_audience = settings->credential_audience,
        .c_nonce = (*grant)->c_nonce,
    };

    store_make_handle((*grant)->c_nonce);
    mint->call = (struct call){.work = mint_tokens, .done = on_minted};
    mint->access_key = settings->access_token_key;
    mint->id_key = settings->id_token_key;
    claims_put_access(&(*grant)->transaction, &terms, &mint->access_claims);
    if ((*grant)->transaction.of[TRANSACTION_SCOPES].len != 0) {
        claims_put_id(&(*grant)->transaction, &terms, &mint->id_claims);
    }
    if (ps_buf_status(&mint->access_claims) != PS_OK || ps_buf_status(&mint->id_claims) != PS_OK ||
        calls_make(service->calls, &mint->call) != PS_OK) {
        release(*grant, ps_detail()->text);
        return;
    }
    *grant = NULL;
}

static struct grant *grant_of(struct question *question)
{
    return (struct grant *)(void *)((char *)question - offsetof(struct grant, question));
}

static void on_exchanged(struct question *question, const struct privyseal_auth_answer *told)
{
    PS_CLEANUP(grant_free_cleanup) struct grant *grant = grant_of(question);

    if (told->result == PRIVYSEAL_AUTH_REFUSED) {
        refuse(grant, "the plugin refuses");
        return;
    }
    if (told->result != PRIVYSEAL_AUTH_OK ||
        transaction_set(&grant->transaction, TRANSACTION_CLAIMS,
                        ps_bytes(told->claims.data, told->claims.len)) != PS_OK) {
        release(grant, "the plugin is away");
        return;
    }
    mint(&grant);
}

static size_t list_of(struct ps_bytes words, struct privyseal_auth_text *items, size_t most)
{
    struct ps_bytes word;
    size_t count = 0;

    while (count < most && words_next(&words, &word)) {
        items[count++] = challenge_text(word);
    }
    return count;
}

static struct privyseal_auth_text text_of(const struct grant *grant, enum transaction_field field)
{
    return challenge_text(transaction_text(&grant->transaction, field));
}

/* What is told of the person is asked for once; after that it stands in the record. */
static void ask(struct grant **grant)
{
    const struct service *service = (*grant)->exchange->service;
    struct privyseal_auth_text claims[PRIVYSEAL_AUTH_LIST_MAX];
    struct privyseal_auth_text locales[PRIVYSEAL_AUTH_LIST_MAX];
    const struct privyseal_auth_request request = {
        .relying_party = text_of(*grant, TRANSACTION_RELYING_PARTY),
        .client = text_of(*grant, TRANSACTION_CLIENT),
        .transaction = text_of(*grant, TRANSACTION_AUTHENTICATOR_ID),
        .individual = text_of(*grant, TRANSACTION_INDIVIDUAL),
        .timeout_ms = (uint32_t)service->config->authenticator.timeout_ms,
        .kyc_token = text_of(*grant, TRANSACTION_KYC_TOKEN),
        .claims = {claims, list_of(transaction_text(&(*grant)->transaction, TRANSACTION_ACCEPTED),
                                   claims, PS_COUNT_OF(claims))},
        .locales = {locales,
                    list_of(transaction_text(&(*grant)->transaction, TRANSACTION_CLAIMS_LOCALES),
                            locales, PS_COUNT_OF(locales))},
        .form = PRIVYSEAL_AUTH_JWS,
    };

    (*grant)->question = (struct question){.kind = QUESTION_EXCHANGE, .done = on_exchanged};
    if (service->authenticator == NULL ||
        authenticator_ask(service->authenticator, &request, &(*grant)->question) != PS_OK) {
        release(*grant, "the plugin cannot be asked");
        return;
    }
    *grant = NULL;
}

static uint64_t number_of(struct ps_bytes text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len; i++) {
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return number;
}

/* No token outlives the consent that it stands on. */
static bool set_life(struct grant *grant)
{
    const uint64_t end_s =
        number_of(transaction_text(&grant->transaction, TRANSACTION_CONSENT_END));

    grant->life_s = grant->exchange->service->config->oidc.access_token_s;
    if (end_s != 0 && end_s <= grant->now_s) {
        return false;
    }
    if (end_s != 0 && end_s - grant->now_s < grant->life_s) {
        grant->life_s = end_s - grant->now_s;
    }
    return true;
}

static enum ps_err take(struct grant *grant, const struct grant_request *request)
{
    ps_buf_put(&grant->code, request->code);
    PS_TRY(ps_buf_status(&grant->code));
    PS_TRY(load(grant, STORE_OPEN));
    if (!is_for(&grant->transaction, request) || !set_life(grant)) {
        return ps_fail(PS_E_DENIED, 0, "it was given for something else");
    }
    PS_TRY(transaction_set(&grant->transaction, TRANSACTION_DPOP_JKT, request->jkt));
    return move(grant, STORE_OPEN, STORE_IN_USE, 0);
}

void grant_redeem(struct exchange *exchange, const struct grant_request *request)
{
    PS_CLEANUP(grant_free_cleanup) struct grant *grant = grant_new(exchange);
    enum ps_err err = grant == NULL ? ps_fail(PS_E_NO_MEMORY, 0, "out of memory") : PS_OK;

    if (err == PS_OK) {
        err = take(grant, request);
    }
    if (err == PS_E_STATE && revoke_token(grant, request) != PS_OK) {
        ps_line(PS_INFO, "code_is_in_use", PS_STR("why", ps_detail()->text));
    }
    if (err == PS_E_STATE || err == PS_E_NOT_FOUND || err == PS_E_DENIED) {
        refuse(grant, ps_detail()->text);
    } else if (err != PS_OK) {
        oauth_fail(exchange, err);
    } else if (grant->transaction.of[TRANSACTION_SCOPES].len != 0 &&
               grant->transaction.of[TRANSACTION_CLAIMS].len == 0) {
        ask(&grant);
    } else {
        mint(&grant);
    }
}
