#include "api/verify/verify.h"

void verify_ask_keys(struct exchange *exchange, struct ps_bytes key, enum ps_format format,
                     keeper_answer_fn *fn)
{
    const struct msg_verify_keys message = {.caller = exchange_caller(exchange),
                                            .request_id = http_request_id(exchange->request),
                                            .key = key,
                                            .format = (uint8_t)format};

    exchange_ask(exchange, &msg_verify_keys_info, &message, &msg_document_info, fn);
}

void verify_ask_access(struct exchange *exchange, const char *operation, enum ps_format format,
                       keeper_answer_fn *fn)
{
    const struct msg_access_check message = {.caller = exchange_caller(exchange),
                                             .request_id = http_request_id(exchange->request),
                                             .operation = ps_bytes_str(operation),
                                             .format = ps_bytes_str(ps_format_name(format))};

    exchange_ask(exchange, &msg_access_check_info, &message, &msg_document_info, fn);
}

static bool says_allowed(struct exchange *exchange, struct ps_bytes document)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value root;
    struct json_value allowed;

    return json_parse(exchange->api->other_json, document, &limits, &root) == PS_OK &&
           json_type(root) == JSON_OBJECT && json_member(root, "allowed", &allowed) &&
           json_type(allowed) == JSON_TRUE;
}

bool verify_is_allowed(struct exchange *exchange, const struct ipc_message *info,
                       const void *message)
{
    const struct msg_document *document = message;

    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return false;
    }
    if (!says_allowed(exchange, document->body)) {
        exchange_refuse(exchange, PS_PROBLEM_FORBIDDEN, NULL);
        return false;
    }
    return true;
}

enum ps_err verify_read_jwks(struct exchange *exchange, const struct msg_document *document,
                             struct json_value *ret_jwks)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;

    if (json_parse(exchange->api->other_json, document->body, &limits, ret_jwks) != PS_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the keeper sent no JWK set");
    }
    return PS_OK;
}

void verify_answer_not_valid(struct exchange *exchange, enum ps_err err)
{
    struct ps_buf *out = http_request_out(exchange->request);

    if (err == PS_E_DENIED) {
        ps_buf_put_str(out, "{\"valid\":false,\"reason\":\"signature\"}");
    } else if (err == PS_E_NOT_FOUND) {
        ps_buf_put_str(out, "{\"valid\":false,\"reason\":\"no-key\"}");
    } else {
        exchange_refuse_err(exchange, err);
        return;
    }
    exchange_answer_json(exchange);
}
