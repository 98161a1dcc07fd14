#include "frontends/oidc/oauth.h"

#include "frontends/oidc/assertion.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <strings.h>

void oauth_answer(struct exchange *exchange, unsigned status)
{
    static const struct http_field fields[] = {{"Cache-Control", "no-store"},
                                               {"Pragma", "no-cache"}};
    const struct http_answer answer = {.status = status,
                                       .media = "application/json",
                                       .retry_after_s = status == 503 ? 1 : 0,
                                       .fields = fields,
                                       .field_count = PS_COUNT_OF(fields)};

    http_answer(exchange->request, &answer);
}

void oauth_refuse(struct exchange *exchange, unsigned status, const char *error,
                  const char *description)
{
    struct ps_buf *out = http_request_out(exchange->request);

    ps_buf_reset(out);
    ps_buf_printf(out, "{\"error\":\"%s\"", error);
    if (description != NULL) {
        ps_buf_printf(out, ",\"error_description\":\"%s\"", description);
    }
    ps_buf_put_str(out, "}");
    oauth_answer(exchange, status);
}

void oauth_fail(struct exchange *exchange, enum ps_err err)
{
    const bool helps = err == PS_E_LIMIT || ps_err_info(err)->retry_helps;

    ps_line(PS_ERROR, "request_failed", PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("why", ps_detail()->text));
    oauth_refuse(exchange, helps ? 503 : 500, helps ? "temporarily_unavailable" : "server_error",
                 NULL);
}

struct oauth_error oauth_error_of(const char *code)
{
    static const char *const known[] = {"invalid_scope", "invalid_dpop_proof", "login_required",
                                        "request_not_supported"};

    for (size_t i = 0; i < PS_COUNT_OF(known); i++) {
        if (strcmp(code, known[i]) == 0) {
            return (struct oauth_error){code, NULL};
        }
    }
    return (struct oauth_error){"invalid_request", code};
}

void oauth_refuse_code(struct exchange *exchange, const char *code)
{
    const struct oauth_error told = oauth_error_of(code);

    oauth_refuse(exchange, 400, told.error, told.description);
}

/* Media types have no case, and may have parameters (RFC 9110 section 8.3.1). */
bool oauth_is_form(const struct http_request *request)
{
    const struct ps_bytes type = http_request_header(request, HTTP_CONTENT_TYPE);
    const size_t len = sizeof OAUTH_TYPE - 1;

    return type.len >= len && strncasecmp((const char *)type.data, OAUTH_TYPE, len) == 0 &&
           (type.len == len || type.data[len] == ';' || type.data[len] == ' ');
}

static bool read_form(struct exchange *exchange, struct ps_buf *memory, struct form *ret_form)
{
    const struct ps_bytes body = http_request_body(exchange->request);
    enum ps_err err;

    if (!oauth_is_form(exchange->request)) {
        oauth_refuse(exchange, 400, "invalid_request", "the body is no form");
        return false;
    }
    err = form_parse(body, memory, ret_form);
    if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        oauth_refuse(exchange, 400, "invalid_request", ps_detail()->text);
    } else if (err != PS_OK) {
        oauth_fail(exchange, err);
    }
    return err == PS_OK;
}

bool oauth_begin(struct exchange *exchange, const char *path, struct ps_buf *memory,
                 struct form *ret_form, struct client *ret_client)
{
    struct service *service = exchange->service;
    const struct places *places = &service->places;
    char own[PLACE_MAX];
    const char *const audiences[] = {places->issuer, places->token, own, NULL};
    const struct assertion assertion = {.db = service->db,
                                        .store = service->store,
                                        .json = service->json,
                                        .audiences = audiences,
                                        .long_lived = service->config->oidc.long_assertions,
                                        .now_s = ps_clock_real_ns() / PS_NS_PER_S};
    enum ps_err err;

    places_put(places, path, own);
    if (!read_form(exchange, memory, ret_form)) {
        return false;
    }
    err = assertion_check(&assertion, ret_form, ret_client);
    if (err == PS_E_DENIED) {
        ps_line(PS_INFO, "client_refused", PS_TEXT("request", http_request_id(exchange->request)),
                PS_STR("why", ps_detail()->text));
        oauth_refuse(exchange, 401, "invalid_client", NULL);
    } else if (err != PS_OK) {
        oauth_fail(exchange, err);
    }
    return err == PS_OK;
}
