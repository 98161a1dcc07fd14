#include "frontends/certify/binding.h"
#include "frontends/certify/issue.h"
#include "frontends/certify/request.h"
#include "frontends/certify/service.h"
#include "frontends/shared/dpop_proof.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* One request for a credential, from its head to its answer. */
struct asking {
    struct call call; /* first: a call is its asking */
    struct token_keys_wait wait;
    struct exchange *exchange;
    struct ps_bytes token_text; /* of the request's head */
    bool with_proof;            /* it was shown as DPoP, and not as Bearer */
    struct ps_buf memory;       /* of the token's text */
    struct jws_parsed jws;
    struct token token;
    struct proof proof;
    struct configuration *configuration;
    struct issue issue;
    struct ps_bytes nonce; /* that was used up; empty: none yet */
    enum ps_err result;    /* of the call, as the next two */
    char why[240];
    struct ps_buf credential;
};

static const struct http_field not_stored = {"Cache-Control", "no-store"};

static struct asking *asking_new(struct exchange *exchange)
{
    struct asking *asking = calloc(1, sizeof *asking);

    if (asking != NULL) {
        asking->exchange = exchange;
        asking->memory = PS_BUF_SECRET(4 * (size_t)TOKEN_TEXT_MAX);
        asking->credential = PS_BUF_SECRET(4 * PROVIDER_DATA_MAX);
        token_init(&asking->token);
        proof_init(&asking->proof);
    }
    return asking;
}

static void asking_free(struct asking *asking)
{
    ps_buf_clear(&asking->memory);
    ps_buf_clear(&asking->credential);
    token_clear(&asking->token);
    proof_clear(&asking->proof);
    configuration_release(asking->configuration);
    free(asking);
}

static void put_error(struct ps_buf *out, const char *code, struct ps_bytes description)
{
    ps_buf_printf(out, "{\"error\":\"%s\",\"error_description\":", code);
    ps_buf_put_json_string(out, description);
    ps_buf_put_u8(out, '}');
}

/* Ends the asking. */
static void refuse_with(struct asking *asking, unsigned status, const struct http_field *fields,
                        size_t count, struct refusal refusal)
{
    struct http_request *request = asking->exchange->request;
    const struct http_answer answer = {.status = status,
                                       .media = "application/json",
                                       .retry_after_s = status == 503 ? 1 : 0,
                                       .fields = fields,
                                       .field_count = count};

    ps_line(PS_INFO, "credential_refused", PS_TEXT("request", http_request_id(request)),
            PS_STR("code", refusal.code), PS_STR("why", refusal.description));
    put_error(http_request_out(request), refusal.code, ps_bytes_str(refusal.description));
    asking_free(asking);
    http_answer(request, &answer);
}

/* OpenID4VCI 1.0 section 8.3.1.2 */
static void refuse(struct asking *asking, unsigned status, const char *code,
                   const char *description)
{
    refuse_with(asking, status, &not_stored, 1, (struct refusal){code, description});
}

/* RFC 6750 section 3, RFC 9449 section 7.1: without a token nothing is said of it. */
static void refuse_token(struct asking *asking, unsigned status, const char *code,
                         const char *description)
{
    char challenge[160];
    const struct http_field fields[] = {{"Cache-Control", "no-store"},
                                        {"WWW-Authenticate", challenge}};

    if (http_request_header(asking->exchange->request, HTTP_AUTHORIZATION).data == NULL) {
        (void)snprintf(challenge, sizeof challenge, "Bearer");
    } else {
        (void)snprintf(challenge, sizeof challenge, "%s error=\"%s\"%s",
                       asking->with_proof ? "DPoP" : "Bearer", code,
                       asking->with_proof ? ", algs=\"" DPOP_ALGORITHMS "\"" : "");
    }
    refuse_with(asking, status, fields, 2, (struct refusal){code, description});
}

static void refuse_away(struct asking *asking, const char *why)
{
    ps_line(PS_WARNING, "credential_not_issued",
            PS_TEXT("request", http_request_id(asking->exchange->request)), PS_STR("why", why));
    refuse(asking, 503, "temporarily_unavailable",
           "the issuer cannot do that now; asking again in a moment helps");
}

/* RFC 9449 section 9: with the nonce that is to be used. */
static void refuse_dpop_nonce(struct asking *asking, uint64_t now_s)
{
    PS_BUF_AUTO nonce = {.max = WALLET_NONCES_TEXT_LEN + 1};
    struct http_field fields[] = {
        {"Cache-Control", "no-store"},
        {"WWW-Authenticate", "DPoP error=\"use_dpop_nonce\", algs=\"" DPOP_ALGORITHMS "\""},
        {"DPoP-Nonce", NULL}};

    wallet_nonces_put_new(asking->exchange->service->nonces, now_s, &nonce);
    ps_buf_put_u8(&nonce, '\0');
    if (ps_buf_status(&nonce) != PS_OK) {
        refuse_away(asking, "out of memory");
        return;
    }
    fields[2].value = (const char *)nonce.data;
    refuse_with(asking, 401, fields, PS_COUNT_OF(fields),
                (struct refusal){"use_dpop_nonce", "the proof lacks a nonce of this issuer"});
}

/* A wallet of draft 13 is told the nonce to use next. */
static void refuse_nonce(struct asking *asking, bool draft, const char *description)
{
    struct http_request *request = asking->exchange->request;
    const struct service *service = asking->exchange->service;
    const struct http_answer answer = {
        .status = 400, .media = "application/json", .fields = &not_stored, .field_count = 1};
    struct ps_buf *out = http_request_out(request);

    if (!draft) {
        refuse(asking, 400, "invalid_nonce", description);
        return;
    }
    put_error(out, "invalid_proof", ps_bytes_str(description));
    out->len--;
    ps_buf_put_str(out, ",\"c_nonce\":\"");
    wallet_nonces_put_new(service->nonces, ps_clock_real_ns() / PS_NS_PER_S, out);
    ps_buf_printf(out, "\",\"c_nonce_expires_in\":%llu}",
                  (unsigned long long)service->config->certify.nonce_ttl_s);
    asking_free(asking);
    http_answer(request, &answer);
}

static void work(struct call *call, struct privyseal *client)
{
    struct asking *asking = (struct asking *)(void *)call;

    asking->result = issue_credential(&asking->issue, client, &asking->credential);
    if (asking->result != PS_OK) {
        (void)snprintf(asking->why, sizeof asking->why, "%s", ps_detail()->text);
    }
}

static void answer_credential(struct asking *asking)
{
    struct http_request *request = asking->exchange->request;
    const struct http_answer answer = {
        .status = 200, .media = "application/json", .fields = &not_stored, .field_count = 1};
    struct ps_buf *out = http_request_out(request);
    const bool draft = asking->issue.draft;

    ps_line(PS_INFO, "credential_issued", PS_TEXT("request", http_request_id(request)),
            PS_TEXT("configuration", asking->configuration->id),
            PS_TEXT("client", ps_buf_bytes(&asking->token.client)));
    ps_buf_put_str(out, draft ? "{\"credential\":" : "{\"credentials\":[{\"credential\":");
    if (asking->configuration->format == CREDENTIAL_LDP_VC) {
        ps_buf_put(out, ps_buf_bytes(&asking->credential));
    } else {
        ps_buf_put_json_string(out, ps_buf_bytes(&asking->credential));
    }
    ps_buf_put_str(out, draft ? "}" : "}]}");
    asking_free(asking);
    http_answer(request, &answer);
}

/* Nothing was issued: the wallet may use its nonce once more. */
static void done(struct call *call)
{
    struct asking *asking = (struct asking *)(void *)call;

    if (asking->result == PS_OK) {
        answer_credential(asking);
        return;
    }
    wallet_nonces_give_back(asking->exchange->service->nonces, asking->nonce);
    if (asking->result == PS_E_BUSY) {
        refuse_away(asking, asking->why);
    } else if (asking->result == PS_E_NOT_FOUND) {
        refuse(asking, 400, "credential_request_denied", "there are no data for this credential");
    } else {
        ps_line(PS_ERROR, "credential_not_issued",
                PS_TEXT("request", http_request_id(asking->exchange->request)),
                PS_TEXT("configuration", asking->configuration->id), PS_STR("why", asking->why));
        refuse(asking, 500, "vc_issuance_failed", "the credential could not be made");
    }
}

static void begin_issue(struct asking *asking, bool draft, uint64_t now_s)
{
    struct service *service = asking->exchange->service;

    asking->issue = (struct issue){
        .configuration = asking->configuration,
        .provider = certify_provider(service, asking->configuration->provider),
        .contexts = service->contexts,
        .keys = service->issuer_keys,
        .issuer = service->config->certify.issuer,
        .did = ps_buf_bytes(&service->did),
        .draft = draft,
        .token = &asking->token,
        .proof = &asking->proof,
        .now_s = now_s,
    };
    asking->call = (struct call){.work = work, .done = done};
    if (asking->issue.provider == NULL || calls_make(service->calls, &asking->call) != PS_OK) {
        wallet_nonces_give_back(service->nonces, asking->nonce);
        refuse_away(asking, asking->issue.provider == NULL ? "its data provider is not configured"
                                                           : ps_detail()->text);
    }
}

/*
 * One proof, one credential. A nonce is one of ours, or the one that the token brings; it is used
 * up last, when everything else is right.
 */
static void check_nonce(struct asking *asking, bool draft, uint64_t now_s)
{
    struct service *service = asking->exchange->service;
    const struct ps_bytes nonce = ps_buf_bytes(&asking->proof.nonce);
    const bool is_tokens = asking->token.nonce.len != 0 &&
                           ps_bytes_equal(nonce, ps_buf_bytes(&asking->token.nonce)) &&
                           wallet_nonces_remember(service->nonces, asking->token.nonce_since_s) &&
                           now_s < asking->token.nonce_until_s;
    struct wallet_nonce used = {.text = nonce,
                                .whose = ps_buf_bytes(&asking->token.whose),
                                .until_s = asking->token.nonce_until_s};
    enum ps_err err;

    if (nonce.len == 0) {
        if (draft) {
            refuse_nonce(asking, draft, "the proof has no nonce");
        } else {
            refuse(asking, 400, "invalid_proof", "the proof has no nonce");
        }
        return;
    }
    if (!is_tokens && !wallet_nonces_is_ours(service->nonces, nonce, now_s, &used.until_s)) {
        refuse_nonce(asking, draft, "the proof's nonce is none that may be used now");
        return;
    }
    err = wallet_nonces_use(service->nonces, &used, now_s);
    if (err == PS_E_CONFLICT) {
        refuse_nonce(asking, draft, "the proof's nonce was used before");
        return;
    }
    if (err != PS_OK) {
        refuse_away(asking, ps_detail()->text);
        return;
    }
    asking->nonce = nonce;
    begin_issue(asking, draft, now_s);
}

static void check_proof(struct asking *asking, const struct credential_request *request,
                        uint64_t now_s)
{
    struct service *service = asking->exchange->service;
    const struct proof_expected expected = {
        .audience = ps_bytes_str(service->config->certify.issuer),
        .client = ps_buf_bytes(&asking->token.client),
        .now_s = now_s,
    };
    const bool draft = request->draft;
    PS_BUF_AUTO jwt = {.max = REQUEST_MAX};
    enum ps_err err;

    ps_buf_put(&jwt, request->proof);
    err = ps_buf_status(&jwt);
    if (err == PS_OK) {
        err = proof_check(ps_buf_bytes(&jwt), &expected, service->json, &asking->proof);
    }
    if (err == PS_E_INPUT) {
        refuse(asking, 400, "invalid_proof", ps_detail()->text);
    } else if (err != PS_OK) {
        refuse_away(asking, ps_detail()->text);
    } else {
        check_nonce(asking, draft, now_s);
    }
}

/* A configuration of draft 13 is the one that a scope of the token and the request lead to. */
static struct configuration *select_by_format(const struct asking *asking, struct ps_bytes selector,
                                              bool *ret_knows_scope)
{
    const struct service *service = asking->exchange->service;
    struct configuration *configuration;

    *ret_knows_scope = false;
    for (size_t i = 0; (configuration = configurations_at(service->configurations, i)) != NULL;
         i++) {
        if (token_has_scope(&asking->token, configuration->scope)) {
            *ret_knows_scope = true;
            if (ps_bytes_equal(ps_buf_bytes(&configuration->selector), selector)) {
                return configuration;
            }
        }
    }
    return NULL;
}

/* False: it was refused. */
static bool choose_by_format(struct asking *asking, const struct credential_request *request)
{
    struct refusal refusal = {NULL, NULL};
    struct configuration *configuration;
    bool knows_scope;
    PS_BUF_AUTO selector = {.max = REQUEST_MAX + 64};

    if (request_put_selector(request, &selector, &refusal) != PS_OK) {
        refuse(asking, 400, refusal.code == NULL ? "invalid_credential_request" : refusal.code,
               refusal.description == NULL ? "too long" : refusal.description);
        return false;
    }
    configuration = select_by_format(asking, ps_buf_bytes(&selector), &knows_scope);
    if (configuration == NULL) {
        refuse(asking, 400, knows_scope ? "invalid_credential_request" : "invalid_scope",
               "the token's scopes lead to no such credential");
        return false;
    }
    asking->configuration = configuration_keep(configuration);
    return true;
}

static bool choose_by_id(struct asking *asking, const struct credential_request *request)
{
    struct configuration *configuration =
        configurations_find(asking->exchange->service->configurations, request->id);

    if (configuration == NULL) {
        refuse(asking, 400, "unknown_credential_configuration", "there is no such configuration");
        return false;
    }
    if (!token_has_scope(&asking->token, configuration->scope)) {
        refuse_token(asking, 403, "insufficient_scope", "the token is not for this credential");
        return false;
    }
    asking->configuration = configuration_keep(configuration);
    return true;
}

static void read_request(struct asking *asking, uint64_t now_s)
{
    struct service *service = asking->exchange->service;
    struct credential_request request = {.draft = false};
    struct refusal refusal = {"invalid_credential_request", "the request cannot be read"};
    const enum ps_err err = request_read(http_request_body(asking->exchange->request),
                                         service->json, &request, &refusal);

    if (err != PS_OK) {
        refuse(asking, err == PS_E_INPUT ? 400 : 503, refusal.code, refusal.description);
        return;
    }
    if (request.draft ? choose_by_format(asking, &request) : choose_by_id(asking, &request)) {
        check_proof(asking, &request, now_s);
    }
}

/* A token that is bound to a key is not for who has it, and one that is not proves nothing. */
static void check_binding(struct asking *asking, uint64_t now_s)
{
    struct service *service = asking->exchange->service;
    const struct binding binding = {
        .token = &asking->token,
        .token_text = asking->token_text,
        .proof = http_request_header(asking->exchange->request, HTTP_DPOP),
        .url = (const char *)service->endpoint.data,
        .nonces = service->nonces,
        .now_s = now_s,
    };
    enum ps_err err = PS_OK;

    if (asking->token.bound != asking->with_proof) {
        refuse_token(asking, 401, "invalid_token",
                     asking->token.bound
                         ? "the access token is bound to a key, and was shown as bearer"
                         : "the access token is bound to no key");
        return;
    }
    if (asking->with_proof) {
        err = binding_check(&binding, service->json);
    }
    if (err == PS_E_STATE) {
        refuse_dpop_nonce(asking, now_s);
    } else if (err == PS_E_DENIED) {
        refuse_token(asking, 401, "invalid_dpop_proof", ps_detail()->text);
    } else if (err != PS_OK) {
        refuse_away(asking, ps_detail()->text);
    } else {
        read_request(asking, now_s);
    }
}

/* Who asks comes before what is asked for. */
static void check_token(struct asking *asking)
{
    struct service *service = asking->exchange->service;
    const struct settings_tokens *settings = &service->config->tokens;
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    const struct token_expected expected = {
        .issuer = ps_bytes_str(settings->issuer[0] != '\0' ? settings->issuer : settings->server),
        .audiences = ps_buf_bytes(&service->audience),
        .now_s = now_s,
    };
    struct public_key *key = token_keys_find(service->token_keys, asking->jws.kid, asking->jws.alg);
    enum ps_err err;

    if (!token_keys_are_there(service->token_keys)) {
        refuse_away(asking, "the authorization server's keys are not there");
        return;
    }
    if (key == NULL) {
        refuse_token(asking, 401, "invalid_token", "the access token is signed by no known key");
        return;
    }
    err = token_check(&asking->jws, key, &expected, service->json, &asking->token);
    if (err == PS_E_DENIED) {
        refuse_token(asking, 401, "invalid_token", ps_detail()->text);
    } else if (err != PS_OK) {
        refuse_away(asking, ps_detail()->text);
    } else {
        check_binding(asking, now_s);
    }
}

static void on_keys(struct token_keys_wait *wait)
{
    check_token((struct asking *)(void *)((uint8_t *)wait - offsetof(struct asking, wait)));
}

/* The scheme's case is nobody's matter: RFC 9110 section 11.1. */
static struct ps_bytes after_scheme(struct ps_bytes value, const char *scheme)
{
    const size_t len = strlen(scheme);

    if (value.len <= len || strncasecmp((const char *)value.data, scheme, len) != 0) {
        return ps_bytes(NULL, 0);
    }
    return ps_bytes_from(value, len);
}

static void read_authorization(struct asking *asking)
{
    const struct ps_bytes value =
        http_request_header(asking->exchange->request, HTTP_AUTHORIZATION);

    asking->token_text = after_scheme(value, "Bearer ");
    if (asking->token_text.len == 0) {
        asking->token_text = after_scheme(value, "DPoP ");
        asking->with_proof = asking->token_text.len != 0;
    }
}

void credential_issue(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct token_keys *keys = exchange->service->token_keys;
    struct asking *asking = asking_new(exchange);

    (void)endpoint;
    if (asking == NULL) {
        http_refuse(exchange->request, &(struct http_problem){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    read_authorization(asking);
    if (asking->token_text.len == 0 ||
        token_parse(asking->token_text, &asking->memory, &asking->jws) != PS_OK) {
        refuse_token(asking, 401, "invalid_token", "there is no access token that can be read");
        return;
    }
    if (!token_keys_are_old(keys, asking->jws.kid)) {
        check_token(asking);
        return;
    }
    asking->wait.ready = on_keys;
    if (token_keys_read(keys, &asking->wait) != PS_OK) {
        refuse_away(asking, ps_detail()->text);
    }
}
