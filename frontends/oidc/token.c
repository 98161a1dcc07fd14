#include "frontends/oidc/token.h"

#include "frontends/oidc/oauth.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#define CODE_MAX     512u
#define VERIFIER_MIN 43u /* RFC 7636 section 4.1 */
#define VERIFIER_MAX 128u

/* RFC 9449 section 8: the nonce comes with the refusal, and the client tries again with it. */
static void refuse_nonce(struct exchange *exchange)
{
    const struct http_field fields[] = {
        {"Cache-Control", "no-store"},
        {"Pragma", "no-cache"},
        {"DPoP-Nonce", dpop_nonce(&exchange->service->nonces, ps_clock_real_ns() / PS_NS_PER_S)}};
    const struct http_answer answer = {.status = 400,
                                       .media = "application/json",
                                       .fields = fields,
                                       .field_count = PS_COUNT_OF(fields)};

    ps_buf_put_str(http_request_out(exchange->request), "{\"error\":\"use_dpop_nonce\"}");
    http_answer(exchange->request, &answer);
}

/* False: it is answered. Without a proof `ret_key` stays empty. */
static bool read_proof(struct exchange *exchange, const struct client *client,
                       struct dpop_key *ret_key, bool *ret_has)
{
    struct service *service = exchange->service;
    const struct ps_bytes proof = http_request_header(exchange->request, HTTP_DPOP);
    const struct dpop_request asked = {.store = service->store,
                                       .json = service->json,
                                       .method = "POST",
                                       .url = service->places.token,
                                       .nonces = &service->nonces,
                                       .now_s = ps_clock_real_ns() / PS_NS_PER_S};
    struct client_terms terms = {.dpop = false};
    enum ps_err err = client_terms_of(client, service->readers[0], &terms);

    *ret_has = proof.data != NULL;
    if (err == PS_OK && *ret_has) {
        err = dpop_check(&asked, proof, ret_key);
    } else if (err == PS_OK && terms.dpop) {
        err = ps_fail(PS_E_DENIED, 0, "DPoP: the client is registered for tokens with proofs");
    }
    if (err == PS_E_STATE) {
        refuse_nonce(exchange);
    } else if (err == PS_E_DENIED) {
        ps_line(PS_INFO, "proof_refused", PS_TEXT("request", http_request_id(exchange->request)),
                PS_STR("why", ps_detail()->text));
        oauth_refuse(exchange, 400, "invalid_dpop_proof", NULL);
    } else if (err != PS_OK) {
        oauth_fail(exchange, err);
    }
    return err == PS_OK;
}

static bool read_grant(struct exchange *exchange, const struct form *form,
                       struct grant_request *request)
{
    struct ps_bytes type;

    if (!form_get(form, "grant_type", &type)) {
        oauth_refuse(exchange, 400, "invalid_request", "grant_type");
    } else if (!ps_bytes_equal_str(type, "authorization_code")) {
        oauth_refuse(exchange, 400, "unsupported_grant_type", NULL);
    } else if (!form_get(form, "code", &request->code) || request->code.len > CODE_MAX) {
        oauth_refuse(exchange, 400, "invalid_request", "code");
    } else if (!form_get(form, "redirect_uri", &request->redirect_uri)) {
        oauth_refuse(exchange, 400, "invalid_request", "redirect_uri");
    } else if (form_get(form, "code_verifier", &request->verifier) &&
               (request->verifier.len < VERIFIER_MIN || request->verifier.len > VERIFIER_MAX)) {
        oauth_refuse(exchange, 400, "invalid_request", "code_verifier");
    } else {
        return true;
    }
    return false;
}

void token_give(struct exchange *exchange, const struct endpoint *endpoint)
{
    PS_BUF_AUTO memory = PS_BUF_SECRET(FORM_MAX + 1);
    struct form form = {.count = 0};
    struct grant_request request = {.code = {NULL, 0}};
    struct dpop_key key = {.jkt = {0}};
    bool has_proof = false;
    CLIENT_AUTO client;

    client_init(&client);
    if (!oauth_begin(exchange, endpoint->path, &memory, &form, &client) ||
        !read_grant(exchange, &form, &request) ||
        !read_proof(exchange, &client, &key, &has_proof)) {
        return;
    }
    request.client = ps_buf_bytes(&client.id);
    if (has_proof) {
        request.jkt = ps_bytes(key.jkt, sizeof key.jkt);
    }
    grant_redeem(exchange, &request);
}
