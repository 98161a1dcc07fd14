#include "api/handlers.h"
#include "api/internal.h"
#include "api/openapi.h"
#include "lib/base/encode.h"

#define RANDOM_MAX 4096u

void health_live(struct exchange *exchange)
{
    ps_buf_put_str(http_request_out(exchange->request), "{\"status\":\"live\"}");
    exchange_answer_json(exchange);
}

void health_ready(struct exchange *exchange)
{
    const struct keeper *keeper = exchange->api->keeper;
    const bool is_ready = keeper_is_ready(keeper);
    const struct http_answer answer = {.status = is_ready ? 200 : 503,
                                       .media = "application/json",
                                       .retry_after_s = is_ready ? 0 : 1};

    if (keeper_ready(keeper).len == 0) {
        exchange_refuse(exchange, PS_PROBLEM_KEEPER_UNAVAILABLE, NULL);
        return;
    }
    ps_buf_put(http_request_out(exchange->request), keeper_ready(keeper));
    http_answer(exchange->request, &answer);
}

void openapi_send(struct exchange *exchange)
{
    const struct ps_bytes body = ps_bytes(openapi_json, openapi_json_len);
    const struct http_answer answer = {
        .status = 200, .media = "application/json", .body = &body, .max_age_s = 3600};

    http_answer(exchange->request, &answer);
}

static void on_random(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                      const void *message)
{
    struct ps_buf *out = http_request_out(exchange->request);
    const struct msg_octets *octets = message;

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    ps_buf_put_str(out, "{\"octets\":\"");
    ps_buf_put_base64url(out, octets->octets);
    ps_buf_put_str(out, "\"}");
    exchange_answer_json(exchange);
}

void random_read(struct exchange *exchange)
{
    struct msg_random message = {.caller = exchange_caller(exchange),
                                 .request_id = http_request_id(exchange->request)};
    uint64_t count = 0;
    const enum ps_err err = exchange_query_number(exchange, "octets", 1, RANDOM_MAX, &count);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    if (count == 0) {
        exchange_refuse(exchange, PS_PROBLEM_MALFORMED, "the query parameter octets is missing");
        return;
    }
    message.count = (uint32_t)count;
    exchange_ask(exchange, &msg_random_info, &message, &msg_octets_info, on_random);
}

struct access_body {
    struct ps_bytes operation;
    struct ps_bytes key;
    struct ps_bytes format;
    struct ps_bytes algorithm;
};

static const struct json_field access_fields[] = {
    JSON_FIELD(struct access_body, operation, JSON_KIND_STRING, true, 128),
    JSON_FIELD(struct access_body, key, JSON_KIND_NAME, false, 128),
    JSON_FIELD(struct access_body, format, JSON_KIND_STRING, false, 32),
    JSON_FIELD(struct access_body, algorithm, JSON_KIND_STRING, false, 16),
};

static enum ps_err read_access(struct exchange *exchange, struct access_body *ret_body)
{
    struct json_value root;

    PS_TRY(exchange_read_json(exchange, &root));
    return json_read_object(root, access_fields, PS_COUNT_OF(access_fields), ret_body, NULL);
}

void access_check(struct exchange *exchange)
{
    struct access_body body = {.key = {NULL, 0}};
    struct msg_access_check message = {0};
    const enum ps_err err = read_access(exchange, &body);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    message = (struct msg_access_check){.caller = exchange_caller(exchange),
                                        .request_id = http_request_id(exchange->request),
                                        .operation = body.operation,
                                        .key = body.key,
                                        .format = body.format,
                                        .algorithm = body.algorithm};
    exchange_ask(exchange, &msg_access_check_info, &message, &msg_document_info, document_answer);
}
