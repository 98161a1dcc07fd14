#include "api/handlers.h"
#include "api/internal.h"
#include "api/schema.h"
#include "lib/base/hash.h"

#define PARAMETERS_MAX      (48u * 1024u)
#define IDEMPOTENCY_KEY_MAX 128u
#define ETAG_MAX            128u

/* What the headers and the query of a change say. */
struct change_headers {
    struct ps_bytes idempotency_key;
    struct ps_bytes if_match;
    bool dry_run;
    uint8_t body_hash[PS_SHA256_LEN];
};

static enum ps_err read_idempotency_key(const struct exchange *exchange, struct ps_bytes *ret_key)
{
    const struct ps_bytes key = http_request_header(exchange->request, HTTP_IDEMPOTENCY_KEY);

    if (key.data == NULL) {
        return PS_OK;
    }
    if (key.len == 0 || key.len > IDEMPOTENCY_KEY_MAX) {
        return ps_fail(PS_E_INPUT, 0, "Idempotency-Key: 1 to %u characters", IDEMPOTENCY_KEY_MAX);
    }
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] <= 0x20 || key.data[i] >= 0x7f) {
            return ps_fail(PS_E_INPUT, 0, "Idempotency-Key: printable ASCII without spaces");
        }
    }
    *ret_key = key;
    return PS_OK;
}

/* One entity-tag (RFC 9110 section 13.1.1); a weak one never matches, so it is refused. */
static enum ps_err read_if_match(const struct exchange *exchange, struct ps_bytes *ret_etag)
{
    const struct ps_bytes header = http_request_header(exchange->request, HTTP_IF_MATCH);

    if (header.data == NULL) {
        return PS_OK;
    }
    if (header.len < 3 || header.len > ETAG_MAX + 2 || header.data[0] != '"' ||
        header.data[header.len - 1] != '"' ||
        memchr(header.data + 1, '"', header.len - 2) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "If-Match: one entity-tag between quotes");
    }
    *ret_etag = ps_bytes(header.data + 1, header.len - 2);
    return PS_OK;
}

static enum ps_err read_dry_run(const struct exchange *exchange, bool *ret_dry_run)
{
    struct ps_bytes text;

    if (!http_target_parameter(http_request_target(exchange->request), "dry_run", &text)) {
        return PS_OK;
    }
    if (!ps_bytes_equal_str(text, "true") && !ps_bytes_equal_str(text, "false")) {
        return ps_fail(PS_E_INPUT, 0, "the query parameter dry_run is neither true nor false");
    }
    *ret_dry_run = ps_bytes_equal_str(text, "true");
    return PS_OK;
}

/*
 * The same Idempotency-Key on another route is another request: method and path are part of what
 * is compared.
 */
static void hash_request(const struct exchange *exchange, uint8_t out[PS_SHA256_LEN])
{
    const struct ps_bytes parts[] = {
        ps_bytes_str(http_method_name(http_request_method(exchange->request))),
        ps_bytes_str(" "),
        http_request_target(exchange->request)->path,
        ps_bytes_str("\n"),
        http_request_body(exchange->request),
    };

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), out);
}

static enum ps_err read_headers(const struct exchange *exchange, struct change_headers *headers)
{
    PS_TRY(read_idempotency_key(exchange, &headers->idempotency_key));
    PS_TRY(read_if_match(exchange, &headers->if_match));
    PS_TRY(read_dry_run(exchange, &headers->dry_run));
    hash_request(exchange, headers->body_hash);
    return PS_OK;
}

/* An absent body counts as an empty object. */
static enum ps_err read_body(struct exchange *exchange, struct json_value *ret_body)
{
    static const struct json_limits limits = {16, 1, 1};

    if (http_request_body(exchange->request).len == 0) {
        return json_parse(exchange->api->body_json, ps_bytes_str("{}"), &limits, ret_body);
    }
    return exchange_read_json(exchange, ret_body);
}

static void send(struct exchange *exchange, const struct change_headers *headers,
                 struct msg_change *message)
{
    message->caller = exchange_caller(exchange);
    message->request_id = http_request_id(exchange->request);
    message->if_match = headers->if_match;
    message->idempotency_key = headers->idempotency_key;
    message->body_hash = ps_bytes(headers->body_hash, sizeof headers->body_hash);
    message->dry_run = headers->dry_run ? 1 : 0;
    exchange_ask(exchange, &msg_change_info, message, &msg_document_info, document_answer);
}

static enum ps_err read_change(struct exchange *exchange, struct change_headers *headers,
                               struct change_common *common, struct ps_buf *parameters)
{
    struct json_value body;

    PS_TRY(read_headers(exchange, headers));
    PS_TRY(read_body(exchange, &body));
    return schema_read_change(exchange->match.route->schema, body, common, parameters);
}

void change_make(struct exchange *exchange)
{
    struct change_headers headers = {.dry_run = false};
    struct change_common common = {.reason = {NULL, 0}};
    struct msg_change message = {0};
    PS_BUF_AUTO parameters;
    enum ps_err err;

    ps_buf_init(&parameters, PARAMETERS_MAX);
    err = read_change(exchange, &headers, &common, &parameters);
    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    message = (struct msg_change){.type = ps_bytes_str(exchange->match.route->change),
                                  .subject = exchange_variable(exchange, 0),
                                  .parameters = ps_buf_bytes(&parameters),
                                  .requester = common.requester,
                                  .reason = common.reason,
                                  .ceremony = common.ceremony,
                                  .step = common.step};
    send(exchange, &headers, &message);
}

struct operation_body {
    struct ps_bytes type;
    struct ps_bytes subject;
    struct json_value params;
    struct ps_bytes requester;
    struct ps_bytes reason;
    struct ps_bytes ceremony;
    struct ps_bytes step;
};

static const struct json_field operation_fields[] = {
    JSON_FIELD(struct operation_body, type, JSON_KIND_STRING, true, 64),
    JSON_FIELD(struct operation_body, subject, JSON_KIND_STRING, false, 128),
    JSON_FIELD(struct operation_body, params, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct operation_body, requester, JSON_KIND_NAME, false, 128),
    JSON_FIELD(struct operation_body, reason, JSON_KIND_STRING, false, 1024),
    JSON_FIELD(struct operation_body, ceremony, JSON_KIND_STRING, false, 256),
    JSON_FIELD(struct operation_body, step, JSON_KIND_STRING, false, 64),
};

static enum ps_err read_operation(struct exchange *exchange, struct change_headers *headers,
                                  struct operation_body *ret_body)
{
    struct json_value body;

    PS_TRY(read_headers(exchange, headers));
    PS_TRY(exchange_read_json(exchange, &body));
    PS_TRY(json_read_object(body, operation_fields, PS_COUNT_OF(operation_fields), ret_body, NULL));
    if (ret_body->params.doc != NULL && json_raw(ret_body->params).len > PARAMETERS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "member \"params\": more than %u octets", PARAMETERS_MAX);
    }
    return PS_OK;
}

void operation_create(struct exchange *exchange)
{
    struct change_headers headers = {.dry_run = false};
    struct operation_body body = {.type = {NULL, 0}};
    struct msg_change message = {0};
    const enum ps_err err = read_operation(exchange, &headers, &body);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    message = (struct msg_change){.type = body.type,
                                  .subject = body.subject,
                                  .parameters = body.params.doc == NULL ? ps_bytes_str("{}")
                                                                        : json_raw(body.params),
                                  .requester = body.requester,
                                  .reason = body.reason,
                                  .ceremony = body.ceremony,
                                  .step = body.step};
    send(exchange, &headers, &message);
}

/* A step of an operation: who takes it, with which signature (ceremonies.md). */
struct step_body {
    struct ps_bytes person;
    struct ps_bytes signature;
    struct ps_bytes reason;
    struct ps_bytes requester;
};

static const struct json_field step_fields[] = {
    JSON_FIELD(struct step_body, person, JSON_KIND_NAME, false, 128),
    JSON_FIELD(struct step_body, signature, JSON_KIND_STRING, false, 8192),
    JSON_FIELD(struct step_body, reason, JSON_KIND_STRING, false, 1024),
    JSON_FIELD(struct step_body, requester, JSON_KIND_NAME, false, 128),
};

static enum ps_err read_step(struct exchange *exchange, struct change_headers *headers,
                             struct ps_bytes *ret_parameters)
{
    struct step_body step = {.person = {NULL, 0}};
    struct json_value body;

    PS_TRY(read_headers(exchange, headers));
    if (headers->if_match.len != 0) {
        return ps_fail(PS_E_INPUT, 0, "If-Match: a step of an operation has no condition");
    }
    PS_TRY(read_body(exchange, &body));
    PS_TRY(json_read_object(body, step_fields, PS_COUNT_OF(step_fields), &step, NULL));
    *ret_parameters = json_raw(body);
    if (ret_parameters->len > PARAMETERS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u octets", PARAMETERS_MAX);
    }
    return PS_OK;
}

void operation_step(struct exchange *exchange)
{
    struct change_headers headers = {.dry_run = false};
    struct ps_bytes parameters = ps_bytes(NULL, 0);
    struct msg_operation_step message = {0};
    const enum ps_err err = read_step(exchange, &headers, &parameters);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    message = (struct msg_operation_step){.caller = exchange_caller(exchange),
                                          .request_id = http_request_id(exchange->request),
                                          .operation = exchange_variable(exchange, 0),
                                          .verb = ps_bytes_str(exchange->match.route->change),
                                          .parameters = parameters,
                                          .idempotency_key = headers.idempotency_key,
                                          .body_hash = ps_bytes(headers.body_hash, PS_SHA256_LEN)};
    exchange_ask(exchange, &msg_operation_step_info, &message, &msg_document_info, document_answer);
}
