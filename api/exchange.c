#include "api/handlers.h"
#include "api/internal.h"
#include "api/metrics.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <stdio.h>
#include <strings.h>

static enum ps_problem state_problem(enum appliance_state state)
{
    switch (state) {
    case APPLIANCE_STARTING:
        return PS_PROBLEM_KEEPER_UNAVAILABLE;
    case APPLIANCE_UNINITIALISED:
        return PS_PROBLEM_UNINITIALISED;
    case APPLIANCE_FAILED:
        return PS_PROBLEM_LOG_UNAVAILABLE;
    case APPLIANCE_LOCKED:
    case APPLIANCE_OPERATIONAL:
    case APPLIANCE_DEGRADED:
    default:
        return PS_PROBLEM_WRONG_STATE;
    }
}

void exchange_refuse(struct exchange *exchange, enum ps_problem problem, const char *detail)
{
    const struct http_problem refusal = {.problem = problem, .detail = ps_bytes_str(detail)};

    http_refuse(exchange->request, &refusal);
}

void exchange_refuse_err(struct exchange *exchange, enum ps_err err)
{
    const enum ps_problem problem = ps_problem_of_err(err);

    /* Of our own mistakes and of the layers below only the log line tells. */
    exchange_refuse(exchange, problem,
                    err == PS_E_INPUT || err == PS_E_LIMIT ? ps_detail()->text : NULL);
}

void exchange_refuse_message(struct exchange *exchange, const struct msg_problem *problem)
{
    const struct http_problem refusal = {.problem = (enum ps_problem)problem->problem,
                                         .detail = problem->detail,
                                         .state = problem->state,
                                         .retry_after_s = problem->retry_after_s};

    http_refuse(exchange->request, &refusal);
}

void exchange_answer_json(struct exchange *exchange)
{
    const struct http_answer answer = {.status = 200, .media = "application/json"};

    http_answer(exchange->request, &answer);
}

enum ps_err exchange_read_json(struct exchange *exchange, struct json_value *ret_body)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    const enum ps_err err = json_parse(exchange->api->body_json,
                                       http_request_body(exchange->request), &limits, ret_body);

    /* Too deep or too many values is malformed; the size in octets was looked at before. */
    return err == PS_E_LIMIT ? PS_E_INPUT : err;
}

struct msg_caller exchange_caller(const struct exchange *exchange)
{
    const struct http_caller *caller = http_request_caller(exchange->request);
    struct msg_caller message = {.kind = CALLER_NOBODY};

    switch (caller->kind) {
    case HTTP_CALLER_UNIX:
        message.kind = CALLER_UNIX;
        message.uid = caller->uid;
        return message;
    case HTTP_CALLER_TLS:
        message.kind = CALLER_TLS;
        message.spki = ps_bytes(caller->spki, sizeof caller->spki);
        message.issuer = ps_bytes(caller->issuer, caller->has_issuer ? sizeof caller->issuer : 0);
        message.san = ps_bytes(caller->san, caller->san_len);
        message.not_after_s = caller->not_after_s;
        return message;
    case HTTP_CALLER_NOBODY:
    default:
        return message;
    }
}

struct ps_bytes exchange_variable(const struct exchange *exchange, size_t number)
{
    return number < exchange->match.variable_count ? exchange->match.variables[number]
                                                   : ps_bytes(NULL, 0);
}

enum ps_err parse_number(struct ps_bytes text, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > 16 || (text.data[0] == '0' && text.len > 1)) {
        return ps_fail(PS_E_INPUT, 0, "not a number: %.*s", PS_BYTES_FMT(text));
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return ps_fail(PS_E_INPUT, 0, "not a number: %.*s", PS_BYTES_FMT(text));
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (number > most) {
        return ps_fail(PS_E_INPUT, 0, "more than %llu", (unsigned long long)most);
    }
    *ret_number = number;
    return PS_OK;
}

enum ps_err exchange_query_number(const struct exchange *exchange, const char *name, uint64_t least,
                                  uint64_t most, uint64_t *ret_number)
{
    struct ps_bytes text;
    uint64_t number;

    if (!http_target_parameter(http_request_target(exchange->request), name, &text)) {
        return PS_OK;
    }
    if (parse_number(text, most, &number) != PS_OK || number < least) {
        return ps_fail(PS_E_INPUT, 0, "the query parameter %s is no number from %llu to %llu", name,
                       (unsigned long long)least, (unsigned long long)most);
    }
    *ret_number = number;
    return PS_OK;
}

void exchange_ask(struct exchange *exchange, const struct ipc_message *ask, const void *message,
                  const struct ipc_message *expect, keeper_answer_fn *fn)
{
    const struct keeper_call call = {.ask = ask, .message = message, .expect = expect, .fn = fn};
    struct keeper *keeper = exchange->api->keeper;

    if (keeper_begin(keeper, exchange, 1) != PS_OK) {
        exchange_refuse(exchange, PS_PROBLEM_OVERLOADED, NULL);
        return;
    }
    keeper_ask(keeper, exchange, &call);
}

static void refuse_method(struct exchange *exchange, unsigned methods)
{
    const struct http_problem problem = {.problem = PS_PROBLEM_METHOD_NOT_ALLOWED};
    struct http_answer answer = {.status = http_problem_status(problem.problem),
                                 .media = http_problem_media};
    PS_BUF_AUTO allow;

    ps_buf_init(&allow, 64);
    route_put_methods(methods, &allow);
    answer.allow = ps_buf_bytes(&allow);
    http_put_problem(&problem, http_request_id(exchange->request),
                     http_request_out(exchange->request));
    http_answer(exchange->request, &answer);
}

static void refuse_state(struct exchange *exchange, enum appliance_state state)
{
    const enum ps_problem problem = state_problem(state);
    const struct http_problem refusal = {.problem = problem,
                                         .state = ps_bytes_str(appliance_state_name(state))};

    http_refuse(exchange->request, &refusal);
}

static bool check_query(struct exchange *exchange)
{
    const struct http_target *target = http_request_target(exchange->request);
    char padded[64];

    for (size_t i = 0; i < target->parameter_count; i++) {
        const struct ps_bytes name = target->parameters[i].name;
        const int len = snprintf(padded, sizeof padded, " %.*s ", PS_BYTES_FMT(name));

        if (len < 0 || (size_t)len >= sizeof padded ||
            strstr(exchange->match.route->query, padded) == NULL) {
            exchange_refuse(exchange, PS_PROBLEM_MALFORMED,
                            "this route does not know a query parameter that stands there");
            return false;
        }
    }
    return true;
}

/* With parameters or without (RFC 9110 section 8.3.1). */
bool exchange_is_media(struct ps_bytes value, const char *media)
{
    const size_t len = strlen(media);

    return value.len >= len && strncasecmp((const char *)value.data, media, len) == 0 &&
           (value.len == len || value.data[len] == ';' || value.data[len] == ' ');
}

/* RFC 9110 section 8.4: what is compressed is not read. */
static bool is_as_it_is(const struct http_request *request)
{
    const struct ps_bytes encoding = http_request_header(request, HTTP_CONTENT_ENCODING);

    return encoding.data == NULL || ps_bytes_equal_str(encoding, "identity");
}

static bool check_media(struct exchange *exchange)
{
    const struct route *route = exchange->match.route;
    const struct ps_bytes media = http_request_header(exchange->request, HTTP_CONTENT_TYPE);
    const struct ps_bytes length = http_request_header(exchange->request, HTTP_CONTENT_LENGTH);
    const bool has_body =
        http_request_header(exchange->request, HTTP_TRANSFER_ENCODING).data != NULL ||
        (length.len != 0 && !ps_bytes_equal_str(length, "0"));

    if (route->body_max == 0 || !has_body) {
        return true;
    }
    if (!exchange_is_media(media, route->media == NULL ? "application/json" : route->media)) {
        exchange_refuse(exchange, PS_PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
        return false;
    }
    if (!is_as_it_is(exchange->request)) {
        exchange_refuse(exchange, PS_PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        "Content-Encoding: a body is sent as it is");
        return false;
    }
    return true;
}

/* In this order: is it there, who calls, is it the time for it, can it be read. */
static bool check_head(struct exchange *exchange)
{
    const struct route *route = exchange->match.route;
    const enum appliance_state state = keeper_state(exchange->api->keeper);

    if (exchange->match.methods == 0) {
        exchange_refuse(exchange, PS_PROBLEM_NOT_FOUND, NULL);
        return false;
    }
    if (route == NULL) {
        refuse_method(exchange, exchange->match.methods);
        return false;
    }
    if (!route_is_public(route) &&
        http_request_caller(exchange->request)->kind == HTTP_CALLER_NOBODY) {
        exchange_refuse(exchange, PS_PROBLEM_UNAUTHENTICATED,
                        "no client certificate came that an authority of this listener has issued");
        return false;
    }
    if ((route->states & 1u << state) == 0) {
        refuse_state(exchange, state);
        return false;
    }
    return check_query(exchange) && check_media(exchange);
}

static void on_head(void *context, struct http_request *request)
{
    struct exchange *exchange = http_request_extra(request);

    exchange->api = context;
    exchange->request = request;
    route_find(exchange->api->listener, http_request_method(request), http_request_target(request),
               &exchange->match);
    if (check_head(exchange) && exchange->match.route->body_max != 0) {
        http_request_allow_body(request, exchange->match.route->body_max);
    }
}

static void on_request(void *context, struct http_request *request)
{
    struct exchange *exchange = http_request_extra(request);

    struct api *api = context;

    exchange->match.route->handle(exchange);
    /* All of it was read; a plaintext that stood in it is not to stay until the next request. */
    json_forget(api->body_json);
}

/* Who calls: the uid, or the certificate's key as `privyseal client register` takes it. */
static struct ps_line_field caller_field(const struct http_caller *caller, char text[64])
{
    switch (caller->kind) {
    case HTTP_CALLER_UNIX:
        return PS_NUM("uid", caller->uid);
    case HTTP_CALLER_TLS:
        ps_base64url_encode(ps_bytes(caller->spki, sizeof caller->spki), text);
        return PS_TEXT("pin", ps_bytes(text, ps_base64url_len(sizeof caller->spki)));
    case HTTP_CALLER_NOBODY:
    default:
        return PS_STR("pin", "");
    }
}

/* What went well is in the log; its line is for those who look for more. */
static void write_line(struct http_request *request, const struct exchange *exchange,
                       unsigned status, uint64_t micros)
{
    const struct route *route = exchange->match.route;
    char text[64];

    ps_line(status < 400 ? PS_DEBUG : PS_INFO, "request",
            PS_TEXT("request", http_request_id(request)),
            caller_field(http_request_caller(request), text),
            PS_STR("method", http_method_name(http_request_method(request))),
            PS_STR("route", route == NULL ? "none" : route->path),
            PS_TEXT("name", exchange_variable(exchange, 0)), PS_NUM("status", status),
            PS_NUM("micros", micros));
}

static void on_answer(void *context, struct http_request *request, unsigned status)
{
    struct api *api = context;
    const struct exchange *exchange = http_request_extra(request);
    const uint64_t micros = http_request_elapsed_us(request);

    metrics_count(api->metrics, exchange->match.route, http_request_method(request), status,
                  micros);
    write_line(request, exchange, status, micros);
}

static void on_drained(void *context, struct http_server *server)
{
    struct api *api = context;

    (void)server;
    if (++api->drained == api->server_count) {
        ps_loop_stop(api->loop);
    }
}

const struct http_handler exchange_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_answer = on_answer,
    .on_drained = on_drained,
    .extra = sizeof(struct exchange),
};
