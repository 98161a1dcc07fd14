#include "frontends/oidc/authorize.h"
#include "frontends/oidc/dpop.h"
#include "frontends/oidc/oauth.h"
#include "lib/base/clock.h"

/* Pushed authorization requests (RFC 9126). */

/* Section 2.1: request_uri is not there. */
static const char *find_unwanted(const struct form *form)
{
    struct ps_bytes value;

    if (form_get(form, "request_uri", &value)) {
        return "request_uri";
    }
    return authorize_find_unwanted(form);
}

/* RFC 9449 section 10.1: a proof that comes with the request binds the code, too. */
static enum ps_err take_proof(struct exchange *exchange, struct authorize *request,
                              struct dpop_key *key, const char **ret_code)
{
    struct service *service = exchange->service;
    const struct ps_bytes proof = http_request_header(exchange->request, HTTP_DPOP);
    struct ps_bytes *jkt = &request->of[AUTHORIZE_DPOP_JKT];
    char url[PLACE_MAX];
    const struct dpop_request asked = {.store = service->store,
                                       .json = service->json,
                                       .method = "POST",
                                       .url = url,
                                       .now_s = ps_clock_real_ns() / PS_NS_PER_S};
    enum ps_err err;

    if (proof.data == NULL) {
        return PS_OK;
    }
    places_put(&service->places, exchange->found.endpoint->path, url);
    err = dpop_check(&asked, proof, key);
    if (err == PS_OK && jkt->len != 0 &&
        !ps_bytes_equal(*jkt, ps_bytes(key->jkt, sizeof key->jkt))) {
        err = ps_fail(PS_E_DENIED, 0, "DPoP: dpop_jkt is of another key");
    }
    if (err == PS_OK) {
        *jkt = ps_bytes(key->jkt, sizeof key->jkt);
    } else if (err == PS_E_DENIED) {
        *ret_code = "invalid_dpop_proof";
    }
    return err;
}

static enum ps_err judge(struct exchange *exchange, const struct form *form,
                         const struct client *client, struct transaction *ret_transaction,
                         const char **ret_code)
{
    const struct authorize_terms terms = service_terms(exchange->service, client, true);
    struct client_mistakes mistakes = {.count = 0};
    struct authorize request = {.max_age = ""};
    struct dpop_key key = {.jkt = {0}};

    *ret_code = find_unwanted(form);
    if (*ret_code != NULL) {
        return ps_fail(PS_E_DENIED, 0, "%s", *ret_code);
    }
    if (authorize_read_form(form, &request, &mistakes) != PS_OK) {
        *ret_code = mistakes.of[0].code;
        return PS_E_DENIED;
    }
    PS_TRY(take_proof(exchange, &request, &key, ret_code));
    return authorize_judge(&request, &terms, ret_transaction, ret_code);
}

static enum ps_err keep(struct service *service, const struct transaction *transaction,
                        const char *handle)
{
    const struct store_key key = {STORE_PUSHED, ps_bytes_str(handle)};
    const uint64_t expires_s =
        ps_clock_real_ns() / PS_NS_PER_S + service->config->oidc.pushed_request_s;
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX);
    PS_BUF_AUTO owner = {.max = CLIENT_ID_MAX + 8};

    ps_buf_put_str(&owner, "client ");
    ps_buf_put(&owner, transaction_text(transaction, TRANSACTION_CLIENT));
    PS_TRY(ps_buf_status(&owner));
    PS_TRY(transaction_write(transaction, &record));
    return store_put_of(service->store, &key, ps_buf_bytes(&owner), expires_s,
                        ps_buf_bytes(&record));
}

void par_take(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct service *service = exchange->service;
    char handle[STORE_HANDLE_LEN + 1];
    const char *code = NULL;
    PS_BUF_AUTO memory = PS_BUF_SECRET(FORM_MAX + 1);
    struct form form = {.count = 0};
    CLIENT_AUTO client;
    TRANSACTION_AUTO transaction;
    enum ps_err err;

    client_init(&client);
    transaction_init(&transaction);
    if (!oauth_begin(exchange, endpoint->path, &memory, &form, &client)) {
        return;
    }
    err = judge(exchange, &form, &client, &transaction, &code);
    if (err == PS_E_DENIED) {
        oauth_refuse_code(exchange, code);
        return;
    }
    store_make_handle(handle);
    if (err == PS_OK) {
        err = keep(service, &transaction, handle);
    }
    if (err != PS_OK) {
        oauth_fail(exchange, err);
        return;
    }
    ps_buf_printf(http_request_out(exchange->request),
                  "{\"request_uri\":\"" PAR_URN "%s\",\"expires_in\":%llu}", handle,
                  (unsigned long long)service->config->oidc.pushed_request_s);
    oauth_answer(exchange, 201);
}
