#include "frontends/oidc/browser.h"

#include "frontends/oidc/csrf.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <stdio.h>

static bool is_same_site(struct exchange *exchange)
{
    const struct http_answer forbidden = {.status = 403, .media = "application/json"};
    const struct http_request *request = exchange->request;

    if (csrf_is_good(http_request_header(request, HTTP_COOKIE),
                     http_request_header(request, HTTP_X_XSRF_TOKEN))) {
        return true;
    }
    envelope_put_error("FORBIDDEN", ps_clock_real_ns(), http_request_out(exchange->request));
    http_answer(exchange->request, &forbidden);
    return false;
}

bool browser_open(struct exchange *exchange, struct json_value *ret_request)
{
    enum ps_err err;

    if (!is_same_site(exchange)) {
        return false;
    }
    err = envelope_open(exchange->service->json, http_request_body(exchange->request),
                        ps_clock_real_ns(), ret_request);
    if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        browser_refuse(exchange, "invalid_request");
    } else if (err != PS_OK) {
        browser_fail(exchange, err);
    }
    return err == PS_OK;
}

/* What is in it is one person's. */
static void answer(struct exchange *exchange)
{
    static const struct http_field fields[] = {{"Cache-Control", "no-store"}};
    const struct http_answer told = {
        .status = 200, .media = "application/json", .fields = fields, .field_count = 1};

    http_answer(exchange->request, &told);
}

void browser_answer(struct exchange *exchange, struct ps_bytes response)
{
    envelope_put_response(response, ps_clock_real_ns(), http_request_out(exchange->request));
    answer(exchange);
}

void browser_refuse(struct exchange *exchange, const char *code)
{
    ps_line(PS_INFO, "login_refused", PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("code", code));
    envelope_put_error(code, ps_clock_real_ns(), http_request_out(exchange->request));
    answer(exchange);
}

void browser_refuse_all(struct exchange *exchange, const struct client_mistakes *mistakes)
{
    envelope_put_mistakes(mistakes, ps_clock_real_ns(), http_request_out(exchange->request));
    answer(exchange);
}

void browser_fail(struct exchange *exchange, enum ps_err err)
{
    const enum ps_problem problem =
        err == PS_E_LIMIT ? PS_PROBLEM_OVERLOADED : ps_problem_of_err(err);

    ps_line(PS_ERROR, "request_failed", PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("why", ps_detail()->text));
    http_refuse(exchange->request, &(struct http_problem){.problem = problem});
}

/* The cookie stays as it is while the browser has one, so that its windows do not disturb others.
 */
void csrf_tell(struct exchange *exchange, const struct endpoint *endpoint)
{
    char value[CSRF_VALUE_LEN + 1];
    char token[CSRF_TOKEN_LEN + 1];
    char cookie[CSRF_VALUE_LEN + 80];
    const struct http_field fields[] = {{"Set-Cookie", cookie}};
    const struct http_answer told = {
        .status = 200, .media = "application/json", .fields = fields, .field_count = 1};
    struct ps_bytes found;

    (void)endpoint;
    if (csrf_find(http_request_header(exchange->request, HTTP_COOKIE), CSRF_COOKIE, &found)) {
        memcpy(value, found.data, CSRF_VALUE_LEN);
        value[CSRF_VALUE_LEN] = '\0';
    } else {
        csrf_make_value(value);
    }
    csrf_make_token(ps_bytes(value, CSRF_VALUE_LEN), token);
    (void)snprintf(cookie, sizeof cookie,
                   CSRF_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict", value);
    ps_buf_printf(http_request_out(exchange->request),
                  "{\"headerName\":\"X-XSRF-TOKEN\",\"parameterName\":\"_csrf\",\"token\":\"%s\"}",
                  token);
    http_answer(exchange->request, &told);
}
