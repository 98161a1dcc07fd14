#include "frontends/certify/service.h"

#include "frontends/certify/metadata.h"
#include "frontends/certify/request.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"

#define BASE      "/v1/certify"
#define WELLKNOWN "/.well-known"

static const struct http_field for_browsers = {"Access-Control-Allow-Origin", "*"};
static const struct http_field not_stored = {"Cache-Control", "no-store"};

static void serve_jwks(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    jwks_answer(exchange->service->jwks, exchange->request, &exchange->wait);
}

static void serve_did(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    jwks_answer(exchange->service->did_document, exchange->request, &exchange->wait);
}

static void serve_metadata(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct http_target *target = http_request_target(exchange->request);
    const struct http_answer answer = {.status = 200,
                                       .media = "application/json",
                                       .max_age_s = 60,
                                       .fields = &for_browsers,
                                       .field_count = 1};
    struct ps_bytes version = ps_bytes_str("latest");
    bool draft;

    (void)endpoint;
    (void)http_target_parameter(target, "version", &version);
    draft = ps_bytes_equal_str(version, "vd13");
    if (!draft && !ps_bytes_equal_str(version, "latest")) {
        certify_answer_error(exchange->request, 400, "UNSUPPORTED_METADATA_VERSION",
                             ps_bytes_str("version is latest or vd13"));
        return;
    }
    if (metadata_put(exchange->service->config, exchange->service->configurations, draft,
                     http_request_out(exchange->request)) != PS_OK) {
        http_refuse(exchange->request, &(struct http_problem){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    http_answer(exchange->request, &answer);
}

/* OpenID4VCI 1.0 section 7.2: not to be stored. */
static void serve_nonce(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct http_answer answer = {
        .status = 200, .media = "application/json", .fields = &not_stored, .field_count = 1};
    struct ps_buf *out = http_request_out(exchange->request);

    (void)endpoint;
    ps_buf_put_str(out, "{\"c_nonce\":\"");
    wallet_nonces_put_new(exchange->service->nonces, ps_clock_real_ns() / PS_NS_PER_S, out);
    ps_buf_printf(out, "\",\"c_nonce_expires_in\":%llu}",
                  (unsigned long long)exchange->service->config->certify.nonce_ttl_s);
    http_answer(exchange->request, &answer);
}

/*
 * An issuer whose identifier has a path is found in two ways: OpenID4VCI 1.0 section 12.2.2 puts
 * the well-known part before it, draft 13 behind it.
 */
static const struct endpoint public_endpoints[] = {
    {WELLKNOWN "/openid-credential-issuer", HTTP_GET, serve_metadata, 0, 0},
    {WELLKNOWN "/openid-credential-issuer" BASE, HTTP_GET, serve_metadata, 0, 0},
    {BASE WELLKNOWN "/openid-credential-issuer", HTTP_GET, serve_metadata, 0, 0},
    {BASE "/issuance" WELLKNOWN "/openid-credential-issuer", HTTP_GET, serve_metadata, 0, 0},
    {WELLKNOWN "/did.json", HTTP_GET, serve_did, 0, 0},
    {BASE WELLKNOWN "/did.json", HTTP_GET, serve_did, 0, 0},
    {BASE "/issuance" WELLKNOWN "/did.json", HTTP_GET, serve_did, 0, 0},
    {WELLKNOWN "/jwks.json", HTTP_GET, serve_jwks, 0, 0},
    {BASE WELLKNOWN "/jwks.json", HTTP_GET, serve_jwks, 0, 0},
    {METADATA_NONCE_PATH, HTTP_POST, serve_nonce, 1024, 0},
    {BASE "/issuance/nonce", HTTP_POST, serve_nonce, 1024, 0},
    {METADATA_CREDENTIAL_PATH, HTTP_POST, credential_issue, REQUEST_MAX, 0},
    {"/health/live", HTTP_GET, endpoint_serve_live, 0, 0},
};

#define CONFIGURATIONS BASE "/credential-configurations"

static const struct endpoint management_endpoints[] = {
    {CONFIGURATIONS, HTTP_GET, configuration_list, 0, 0},
    {CONFIGURATIONS, HTTP_POST, configuration_create, CONFIGURATION_MAX, 0},
    {CONFIGURATIONS "/{id}", HTTP_GET, configuration_show, 0, 0},
    {CONFIGURATIONS "/{id}", HTTP_PUT, configuration_change, CONFIGURATION_MAX, 0},
    {CONFIGURATIONS "/{id}", HTTP_DELETE, configuration_delete, 0, 0},
    {"/health/live", HTTP_GET, endpoint_serve_live, 0, 0},
};

const struct endpoint_table certify_public = {public_endpoints, PS_COUNT_OF(public_endpoints)};
const struct endpoint_table certify_management = {management_endpoints,
                                                  PS_COUNT_OF(management_endpoints)};

void certify_answer_error(struct http_request *request, unsigned status, const char *code,
                          struct ps_bytes message)
{
    const struct http_answer answer = {.status = status, .media = "application/json"};
    struct ps_buf *out = http_request_out(request);

    ps_buf_put_str(out, "{\"responseTime\":\"");
    ps_buf_put_time(out, ps_clock_real_ns(), 3);
    ps_buf_printf(out,
                  "\",\"response\":null,\"errors\":[{\"errorCode\":\"%s\",\"errorMessage\":", code);
    ps_buf_put_json_string(out, message);
    ps_buf_put_str(out, "}]}");
    http_answer(request, &answer);
}

void certify_refuse_caller(struct http_request *request, unsigned status, const char *code)
{
    certify_answer_error(request, status, code, ps_bytes_str(code));
}

const struct provider *certify_provider(const struct service *service, const char *name)
{
    for (size_t i = 0; i < service->provider_count; i++) {
        if (strcmp(service->providers[i].name, name) == 0) {
            return &service->providers[i];
        }
    }
    return NULL;
}
