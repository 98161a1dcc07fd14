#include "frontends/oidc/assertion.h"
#include "frontends/oidc/claims.h"
#include "frontends/oidc/mint.h"
#include "frontends/oidc/oauth.h"
#include "frontends/oidc/token.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define TOKEN_MAX  16384u
#define CLAIMS_MAX (TRANSACTION_CLAIMS_MAX + 65536u)

struct telling {
    struct seal_userinfo made; /* first: a call is its telling */
    struct exchange *exchange;
};

static void telling_free(struct telling *telling)
{
    if (telling != NULL) {
        ps_buf_clear(&telling->made.claims);
        ps_buf_clear(&telling->made.recipient);
        ps_buf_clear(&telling->made.jwt);
        free(telling);
    }
}
PS_DEFINE_CLEANUP(struct telling, telling_free)

/* RFC 6750 section 3, RFC 9449 section 7.1. `error`: NULL: nothing was shown at all. */
static void refuse(struct exchange *exchange, const char *scheme, unsigned status,
                   const char *error)
{
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    const bool is_dpop = strcmp(scheme, "DPoP") == 0;
    char challenge[200];
    struct http_field fields[3] = {{"WWW-Authenticate", challenge}};
    struct http_answer answer = {.status = status, .fields = fields, .field_count = 1};

    (void)snprintf(challenge, sizeof challenge, "%s %s=\"%s\"%s", scheme,
                   error == NULL ? "realm" : "error", error == NULL ? "userinfo" : error,
                   is_dpop ? ", algs=\"RS256 PS256 ES256\"" : "");
    if (is_dpop) {
        fields[answer.field_count++] =
            (struct http_field){"DPoP-Nonce", dpop_nonce(&exchange->service->nonces, now_s)};
    }
    if (http_request_method(exchange->request) == HTTP_POST) {
        fields[answer.field_count++] = (struct http_field){"Cache-Control", "no-store"};
    }
    http_answer(exchange->request, &answer);
}

/* "Bearer TOKEN" or "DPoP TOKEN"; schemes have no case (RFC 9110 section 11.1). */
static const char *read_token(const struct exchange *exchange, struct ps_bytes *ret_token)
{
    static const char *const schemes[] = {"Bearer", "DPoP"};
    const struct ps_bytes value = http_request_header(exchange->request, HTTP_AUTHORIZATION);

    for (size_t i = 0; i < PS_COUNT_OF(schemes); i++) {
        const size_t len = strlen(schemes[i]);

        if (value.len > len + 1 && value.len <= TOKEN_MAX && value.data[len] == ' ' &&
            strncasecmp((const char *)value.data, schemes[i], len) == 0) {
            *ret_token = ps_bytes_from(value, len + 1);
            return schemes[i];
        }
    }
    return NULL;
}

static enum ps_err find(struct exchange *exchange, struct ps_bytes token,
                        struct transaction *transaction)
{
    const struct store_key key = {STORE_TOKEN, token};
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX + 1);

    PS_TRY(store_get(exchange->service->store, &key, STORE_OPEN, ps_clock_real_ns() / PS_NS_PER_S,
                     &record));
    return transaction_read(ps_buf_bytes(&record), transaction);
}

/* A token that is bound to a key is shown with a proof of it, and no other is. */
static enum ps_err check_proof(struct exchange *exchange, const char *scheme, struct ps_bytes token,
                               const struct transaction *transaction)
{
    struct service *service = exchange->service;
    const struct ps_bytes jkt = transaction_text(transaction, TRANSACTION_DPOP_JKT);
    const struct ps_bytes proof = http_request_header(exchange->request, HTTP_DPOP);
    char url[PLACE_MAX];
    const struct dpop_request asked = {
        .store = service->store,
        .json = service->json,
        .method = http_request_method(exchange->request) == HTTP_POST ? "POST" : "GET",
        .url = url,
        .nonces = &service->nonces,
        .token = token,
        .now_s = ps_clock_real_ns() / PS_NS_PER_S};
    struct dpop_key key = {.jkt = {0}};

    if ((jkt.len != 0) != (strcmp(scheme, "DPoP") == 0)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "a token of another type");
    }
    if (jkt.len == 0) {
        return PS_OK;
    }
    places_put(&service->places, exchange->found.endpoint->path, url);
    PS_TRY(dpop_check(&asked, proof, &key));
    return ps_bytes_equal(jkt, ps_bytes(key.jkt, sizeof key.jkt))
               ? PS_OK
               : ps_fail(PS_E_NOT_FOUND, 0, "a proof of another key");
}

static void answer(const struct telling *telling)
{
    static const struct http_field fields[] = {{"Cache-Control", "no-store"}};
    struct http_request *request = telling->exchange->request;
    const bool is_post = http_request_method(request) == HTTP_POST;
    const struct http_answer told = {.status = 200,
                                     .media = "application/jwt",
                                     .fields = fields,
                                     .field_count = is_post ? 1 : 0};

    ps_buf_put(http_request_out(request), ps_buf_bytes(&telling->made.jwt));
    http_answer(request, &told);
}

static void on_made(struct call *call)
{
    PS_CLEANUP(telling_free_cleanup) struct telling *telling = (struct telling *)(void *)call;

    if (telling->made.good) {
        answer(telling);
        return;
    }
    ps_line(PS_WARNING, "userinfo_not_made",
            PS_TEXT("request", http_request_id(telling->exchange->request)),
            PS_STR("why", telling->made.why));
    oauth_refuse(telling->exchange, 503, "temporarily_unavailable", NULL);
}

/* A JWE has five parts, a JWS three, an object none. */
static size_t dots(struct ps_bytes text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++) {
        count += text.data[i] == '.';
    }
    return text.len != 0 && text.data[0] != '{' ? count : 0;
}

static enum ps_err prepare(struct telling *telling, const struct transaction *transaction)
{
    struct service *service = telling->exchange->service;
    const struct ps_bytes told = transaction_text(transaction, TRANSACTION_CLAIMS);
    struct client_terms terms = {.encrypted_userinfo = false};
    CLIENT_AUTO client;

    client_init(&client);
    PS_TRY(assertion_get_client(service->db, transaction_text(transaction, TRANSACTION_CLIENT),
                                &client));
    PS_TRY(client_terms_of(&client, service->readers[0], &terms));
    if (dots(told) == 0) {
        PS_TRY(claims_put_userinfo(transaction, service->places.issuer, service->json,
                                   &telling->made.claims));
    } else {
        ps_buf_put(&telling->made.jwt, told);
    }
    if (terms.encrypted_userinfo && dots(told) != 4) {
        if (client.fields[CLIENT_ENCRYPTION_KEY].len == 0) {
            return ps_fail(PS_E_INTERNAL, 0, "the client wants JWE and has no encPublicKey");
        }
        ps_buf_put(&telling->made.recipient, ps_buf_bytes(&client.fields[CLIENT_ENCRYPTION_KEY]));
        ps_buf_put_u8(&telling->made.recipient, '\0');
        PS_TRY(ps_buf_status(&telling->made.recipient));
    }
    return ps_buf_status(&telling->made.jwt);
}

static void tell(struct exchange *exchange, const struct transaction *transaction)
{
    PS_CLEANUP(telling_free_cleanup) struct telling *telling = calloc(1, sizeof *telling);
    struct service *service = exchange->service;
    enum ps_err err;

    if (telling == NULL) {
        oauth_fail(exchange, ps_fail(PS_E_NO_MEMORY, 0, "out of memory"));
        return;
    }
    telling->exchange = exchange;
    telling->made.call = (struct call){.work = mint_userinfo, .done = on_made};
    telling->made.key = service->config->oidc.userinfo_key;
    telling->made.claims = PS_BUF_SECRET(CLAIMS_MAX);
    ps_buf_init(&telling->made.recipient, CLIENT_TEXT_MAX);
    telling->made.jwt = PS_BUF_SECRET(4 * CLAIMS_MAX);
    err = prepare(telling, transaction);
    if (err == PS_OK && telling->made.claims.len == 0 && telling->made.recipient.len == 0) {
        answer(telling);
        return;
    }
    if (err == PS_OK) {
        err = calls_make(service->calls, &telling->made.call);
    }
    if (err != PS_OK) {
        oauth_fail(exchange, err);
        return;
    }
    telling = NULL;
}

void userinfo_tell(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct ps_bytes token = ps_bytes(NULL, 0);
    const char *scheme = read_token(exchange, &token);
    TRANSACTION_AUTO transaction;
    enum ps_err err;

    (void)endpoint;
    transaction_init(&transaction);
    if (scheme == NULL) {
        refuse(exchange, "Bearer", 401, NULL);
        return;
    }
    err = find(exchange, token, &transaction);
    if (err == PS_OK) {
        err = check_proof(exchange, scheme, token, &transaction);
    }
    if (err == PS_E_NOT_FOUND) {
        refuse(exchange, scheme, 401, "invalid_token");
    } else if (err == PS_E_DENIED) {
        refuse(exchange, scheme, 401, "invalid_dpop_proof");
    } else if (err == PS_E_STATE) {
        refuse(exchange, scheme, 401, "use_dpop_nonce");
    } else if (err != PS_OK) {
        oauth_fail(exchange, err);
    } else if (transaction.of[TRANSACTION_SCOPES].len == 0) {
        refuse(exchange, scheme, 403, "insufficient_scope");
    } else {
        tell(exchange, &transaction);
    }
}
