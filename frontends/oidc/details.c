#include "frontends/oidc/assertion.h"
#include "frontends/oidc/authorize.h"
#include "frontends/oidc/begin.h"
#include "frontends/oidc/browser.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

#define DETAILS_MAX (64u * 1024u)

/*
 * The browser hashes what its JSON parser makes of the answer, and writes it again: there is no
 * white space in it, nothing is escaped that need not be, and no member's name is a number.
 */
static void put_names(const struct client *client, struct ps_buf *out)
{
    const struct ps_bytes others = ps_buf_bytes(&client->fields[CLIENT_NAMES]);

    ps_buf_put_str(out, "{\"@none\":");
    ps_buf_put_json_string(out, ps_buf_bytes(&client->fields[CLIENT_NAME]));
    if (others.len > 2) {
        ps_buf_put_u8(out, ',');
        ps_buf_put(out, ps_bytes_from(others, 1));
    } else {
        ps_buf_put_u8(out, '}');
    }
}

static void put_list(const char *name, const struct transaction *transaction,
                     enum transaction_field field, struct ps_buf *out)
{
    ps_buf_printf(out, ",\"%s\":", name);
    words_put_json(transaction_text(transaction, field), out);
}

static void put_text(const char *name, struct ps_bytes text, struct ps_buf *out)
{
    ps_buf_printf(out, ",\"%s\":", name);
    ps_buf_put_json_string(out, text);
}

static void put_details(const struct service *service, const struct transaction *transaction,
                        const struct client *client, const char *handle, struct ps_buf *out)
{
    ps_buf_printf(out, "{\"transactionId\":\"%s\"", handle);
    put_text("logoUrl", ps_buf_bytes(&client->fields[CLIENT_LOGO_URI]), out);
    ps_buf_put_str(out, ",\"authFactors\":");
    acr_put_factors(service->acrs, transaction_text(transaction, TRANSACTION_ACRS),
                    ps_bytes_str(service->factors), out);
    put_list("authorizeScopes", transaction, TRANSACTION_AUTHORIZE_SCOPES, out);
    put_list("essentialClaims", transaction, TRANSACTION_ESSENTIAL, out);
    put_list("voluntaryClaims", transaction, TRANSACTION_VOLUNTARY, out);
    ps_buf_put_str(out, ",\"configs\":{");
    ps_buf_printf(out, "\"issuer\":\"%s\",\"transaction.timeout-in-secs\":%llu",
                  service->places.issuer, (unsigned long long)service->config->oidc.transaction_s);
    ps_buf_put_str(out, ",\"clientAdditionalConfig\":");
    ps_buf_put(out, ps_buf_bytes(&client->fields[CLIENT_ADDITIONAL_CONFIG]));
    ps_buf_put_str(out, "}");
    put_text("redirectUri", transaction_text(transaction, TRANSACTION_REDIRECT_URI), out);
    ps_buf_put_str(out, ",\"clientName\":");
    put_names(client, out);
    put_list("credentialScopes", transaction, TRANSACTION_CREDENTIAL_SCOPES, out);
    ps_buf_put_str(out, "}");
}

static void begin_login(struct exchange *exchange, struct transaction *transaction,
                        const struct client *client)
{
    char handle[STORE_HANDLE_LEN + 1];
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO details = {.max = DETAILS_MAX};
    enum ps_err err;

    store_make_handle(handle);
    put_details(exchange->service, transaction, client, handle, &details);
    ps_sha256(ps_buf_bytes(&details), hash);
    ps_buf_put_base64url(&transaction->of[TRANSACTION_DETAILS_HASH], ps_bytes(hash, sizeof hash));
    err = ps_buf_status(&details);
    if (err == PS_OK) {
        err = begin_keep(exchange, transaction, handle);
    }
    if (err == PS_OK) {
        browser_answer(exchange, ps_buf_bytes(&details));
    } else {
        browser_fail(exchange, err);
    }
}

void details_begin(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct service *service = exchange->service;
    struct client_mistakes mistakes = {.count = 0};
    struct json_value envelope;
    struct authorize request;
    const char *code = "invalid_client_id";
    CLIENT_AUTO client;
    TRANSACTION_AUTO transaction;
    enum ps_err err;

    (void)endpoint;
    client_init(&client);
    transaction_init(&transaction);
    if (!browser_open(exchange, &envelope)) {
        return;
    }
    if (authorize_read_json(envelope, &request, &mistakes) != PS_OK) {
        browser_refuse_all(exchange, &mistakes);
        return;
    }
    err = assertion_get_client(service->db, request.of[AUTHORIZE_CLIENT_ID], &client);
    if (err == PS_OK) {
        const struct authorize_terms terms = service_terms(service, &client, false);

        err = authorize_judge(&request, &terms, &transaction, &code);
    }
    if (err == PS_OK) {
        begin_login(exchange, &transaction, &client);
    } else if (err == PS_E_DENIED || err == PS_E_NOT_FOUND) {
        browser_refuse(exchange, code);
    } else {
        browser_fail(exchange, err);
    }
}

struct pushed {
    struct ps_bytes client;
    struct ps_bytes uri;
};

static bool read_pushed(struct json_value request, struct pushed *ret_pushed)
{
    struct json_value client;
    struct json_value uri;

    return json_member(request, "clientId", &client) && json_member(request, "requestUri", &uri) &&
           json_string(client, &ret_pushed->client) == PS_OK &&
           json_string(uri, &ret_pushed->uri) == PS_OK;
}

void details_begin_pushed(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct service *service = exchange->service;
    struct json_value envelope;
    struct pushed pushed;
    CLIENT_AUTO client;
    TRANSACTION_AUTO transaction;
    enum ps_err err;

    (void)endpoint;
    client_init(&client);
    transaction_init(&transaction);
    if (!browser_open(exchange, &envelope)) {
        return;
    }
    if (!read_pushed(envelope, &pushed)) {
        browser_refuse(exchange, "invalid_request");
        return;
    }
    err = assertion_get_client(service->db, pushed.client, &client);
    if (err == PS_E_NOT_FOUND) {
        browser_refuse(exchange, "invalid_client_id");
        return;
    }
    if (err == PS_OK) {
        err = begin_take_pushed(service, pushed.client, pushed.uri, &transaction);
    }
    if (err == PS_OK) {
        begin_login(exchange, &transaction, &client);
    } else if (err == PS_E_NOT_FOUND) {
        browser_refuse(exchange, "invalid_request");
    } else {
        browser_fail(exchange, err);
    }
}
