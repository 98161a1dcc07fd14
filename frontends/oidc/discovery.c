#include "frontends/oidc/discovery.h"

#include "frontends/oidc/pages/texts.h"
#include "frontends/oidc/transaction.h"

static void put_place(const struct exchange *exchange, const char *name, const char *path,
                      struct ps_buf *out)
{
    char url[PLACE_MAX];

    places_put(&exchange->service->places, path, url);
    ps_buf_printf(out, ",\"%s\":\"%s\"", name, url);
}

static void put_words(const char *name, const char *words, struct ps_buf *out)
{
    ps_buf_printf(out, ",\"%s\":", name);
    words_put_json(ps_bytes_str(words), out);
}

static void put_acrs(const struct service *service, struct ps_buf *out)
{
    PS_BUF_AUTO words = {.max = TRANSACTION_LIST_MAX};

    acr_put_all(service->acrs, ps_bytes_str(service->factors), &words);
    ps_buf_put_str(out, ",\"acr_values_supported\":");
    words_put_json(ps_buf_bytes(&words), out);
}

static void put_scopes(const struct settings_oidc *settings, struct ps_buf *out)
{
    PS_BUF_AUTO words = {.max = 2 * TRANSACTION_LIST_MAX};

    ps_buf_printf(&words, "openid profile email phone address %s %s", settings->authorize_scopes,
                  settings->credential_scopes);
    ps_buf_put_str(out, ",\"scopes_supported\":");
    words_put_json(ps_buf_bytes(&words), out);
}

static void put_languages(struct ps_buf *out)
{
    const char *before = ",\"ui_locales_supported\":[";

    for (size_t i = 0; i < LANGUAGES; i++) {
        ps_buf_printf(out, "%s\"%s\"", before, languages[i].code);
        before = ",";
    }
    ps_buf_put_str(out, "]");
}

/* OpenID Connect Discovery section 3 and RFC 8414 section 2. */
void discovery_tell(struct exchange *exchange, const struct endpoint *endpoint)
{
    static const char algorithms[] = "RS256 PS256 ES256";
    static const struct http_field fields[] = {{"Access-Control-Allow-Origin", "*"}};
    const struct http_answer answer = {.status = 200,
                                       .media = "application/json",
                                       .max_age_s = JWKS_MAX_AGE_S,
                                       .fields = fields,
                                       .field_count = 1};
    const struct service *service = exchange->service;
    struct ps_buf *out = http_request_out(exchange->request);

    (void)endpoint;
    ps_buf_printf(out, "{\"issuer\":\"%s\"", service->places.issuer);
    put_place(exchange, "authorization_endpoint", "/authorize", out);
    put_place(exchange, "token_endpoint", PLACES_BASE "/oauth/v2/token", out);
    put_place(exchange, "userinfo_endpoint", PLACES_BASE "/oidc/userinfo", out);
    put_place(exchange, "pushed_authorization_request_endpoint", PLACES_BASE "/oauth/par", out);
    put_place(exchange, "jwks_uri", "/.well-known/jwks.json", out);
    put_scopes(&service->config->oidc, out);
    put_acrs(service, out);
    put_words("claims_supported", service->config->oidc.claims, out);
    put_words("response_types_supported", "code", out);
    put_words("response_modes_supported", "query", out);
    put_words("grant_types_supported", "authorization_code", out);
    put_words("subject_types_supported", "pairwise", out);
    put_words("claim_types_supported", "normal", out);
    put_languages(out);
    put_words("display_values_supported", "page popup touch wap", out);
    put_words("id_token_signing_alg_values_supported", algorithms, out);
    put_words("userinfo_signing_alg_values_supported", algorithms, out);
    put_words("userinfo_encryption_alg_values_supported", "RSA-OAEP-256", out);
    put_words("userinfo_encryption_enc_values_supported", "A256GCM", out);
    put_words("token_endpoint_auth_methods_supported", "private_key_jwt", out);
    put_words("token_endpoint_auth_signing_alg_values_supported", algorithms, out);
    put_words("dpop_signing_alg_values_supported", algorithms, out);
    put_words("code_challenge_methods_supported", "S256", out);
    ps_buf_put_str(out, ",\"claims_parameter_supported\":true,"
                        "\"request_parameter_supported\":false,"
                        "\"request_uri_parameter_supported\":false,"
                        "\"authorization_response_iss_parameter_supported\":true}");
    http_answer(exchange->request, &answer);
}
