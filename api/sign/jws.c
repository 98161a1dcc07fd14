#include "lib/formats/jose/jws.h"
#include "api/handlers.h"
#include "api/jwe/jose.h"
#include "lib/base/encode.h"

#define TYPE_MAX 64u

struct jws_body {
    struct ps_bytes payload;
    struct json_value header;
    struct ps_bytes algorithm;
    struct ps_bytes serialization;
    bool b64;
    struct json_value include;
    struct ps_bytes key;
};

enum { JWS_FIELDS = 7 };
static const struct json_field jws_fields[JWS_FIELDS] = {
    JSON_FIELD(struct jws_body, payload, JSON_KIND_OCTETS, true, IPC_PAYLOAD_MAX),
    JSON_FIELD(struct jws_body, header, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct jws_body, algorithm, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct jws_body, serialization, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct jws_body, b64, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct jws_body, include, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct jws_body, key, JSON_KIND_NAME, true, 128),
};

struct jwt_body {
    struct json_value claims;
    uint32_t ttl_s;
    struct ps_bytes typ;
    struct ps_bytes algorithm;
    struct json_value include;
    struct ps_bytes key;
};

enum { JWT_FIELDS = 6 };
static const struct json_field jwt_fields[JWT_FIELDS] = {
    JSON_FIELD(struct jwt_body, claims, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct jwt_body, ttl_s, JSON_KIND_U32, false, 0),
    JSON_FIELD(struct jwt_body, typ, JSON_KIND_STRING, false, TYPE_MAX),
    JSON_FIELD(struct jwt_body, algorithm, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct jwt_body, include, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct jwt_body, key, JSON_KIND_NAME, true, 128),
};

static enum ps_err read_serialization(struct ps_bytes name, uint8_t *ret_serialization)
{
    static const char *const names[] = {
        [JWS_COMPACT] = "compact", [JWS_JSON] = "json", [JWS_DETACHED] = "detached"};

    if (name.data == NULL) {
        *ret_serialization = JWS_COMPACT;
        return PS_OK;
    }
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (ps_bytes_equal_str(name, names[i])) {
            *ret_serialization = (uint8_t)i;
            return PS_OK;
        }
    }
    return ps_fail(PS_E_INPUT, 0, "member \"serialization\": not compact, json or detached");
}

/* The algorithm may be named beside the header or in it, not differently. */
static enum ps_err read_header(struct json_value header, struct msg_jws_sign *message)
{
    struct json_value alg;
    struct ps_bytes name;

    if (header.doc == NULL) {
        return PS_OK;
    }
    message->header = json_raw(header);
    if (message->header.len > IPC_HEADER_MAX) {
        return ps_fail(PS_E_INPUT, 0, "member \"header\": more than %u octets", IPC_HEADER_MAX);
    }
    if (!json_member(header, "alg", &alg)) {
        return PS_OK;
    }
    PS_TRY(json_string(alg, &name));
    PS_TRY(sign_check_algorithm(name));
    if (message->algorithm.data != NULL && !ps_bytes_equal(message->algorithm, name)) {
        return ps_fail(PS_E_STATE, 0, "header \"alg\" and member \"algorithm\" differ");
    }
    message->algorithm = name;
    return PS_OK;
}

/* RFC 7797 section 5: tried before signing, so that nothing is signed that cannot be written. */
static enum ps_err check_unencoded(struct ps_bytes payload, enum jws_serialization serialization)
{
    PS_BUF_AUTO text;
    enum ps_err err;

    ps_buf_init(&text, HTTP_ANSWER_MAX);
    err = jws_put(serialization, ps_bytes(NULL, 0), payload, true, ps_bytes(NULL, 0), &text);
    return err == PS_E_INPUT ? PS_E_STATE : err;
}

static enum ps_err read_jws(struct json_value object, bool in_batch, union sign_message *message,
                            struct sign_item *item)
{
    struct msg_jws_sign *jws = &message->jws;
    struct jws_body body = {.b64 = true};

    PS_TRY(json_read_object(object, jws_fields, JWS_FIELDS - (in_batch ? 1 : 0), &body, NULL));
    PS_TRY(sign_check_algorithm(body.algorithm));
    jws->algorithm = body.algorithm;
    PS_TRY(read_header(body.header, jws));
    PS_TRY(jose_read_include(body.include, &jws->include));
    PS_TRY(read_serialization(body.serialization, &item->serialization));
    if (!in_batch) {
        jws->key = body.key;
    }
    jws->payload = body.payload;
    jws->unencoded = body.b64 ? 0 : 1;
    item->unencoded = !body.b64;
    if (item->unencoded) {
        PS_TRY(check_unencoded(body.payload, (enum jws_serialization)item->serialization));
    }
    return sign_payload_text(object, &item->payload);
}

static enum ps_err read_jwt(struct json_value object, bool in_batch, union sign_message *message,
                            struct sign_item *item)
{
    struct msg_jwt_sign *jwt = &message->jwt;
    struct jwt_body body = {.ttl_s = 0};

    (void)item;
    PS_TRY(json_read_object(object, jwt_fields, JWT_FIELDS - (in_batch ? 1 : 0), &body, NULL));
    PS_TRY(sign_check_algorithm(body.algorithm));
    PS_TRY(jose_read_include(body.include, &jwt->include));
    if (!in_batch) {
        jwt->key = body.key;
    }
    jwt->algorithm = body.algorithm;
    jwt->claims = json_raw(body.claims);
    jwt->type = body.typ;
    jwt->ttl_s = body.ttl_s;
    return PS_OK;
}

static void address_jws(const struct exchange *exchange, struct ps_bytes key,
                        union sign_message *message)
{
    message->jws.caller = exchange_caller(exchange);
    message->jws.request_id = http_request_id(exchange->request);
    message->jws.key = key;
}

static void address_jwt(const struct exchange *exchange, struct ps_bytes key,
                        union sign_message *message)
{
    message->jwt.caller = exchange_caller(exchange);
    message->jwt.request_id = http_request_id(exchange->request);
    message->jwt.key = key;
}

/* RFC 7515 section 7.2.2, flattened. */
static void put_json(const struct msg_jws_signed *answer, struct ps_bytes payload,
                     struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"jws\":{\"payload\":\"");
    ps_buf_put(out, payload);
    ps_buf_put_str(out, "\",\"protected\":\"");
    ps_buf_put(out, answer->protected_header);
    ps_buf_put_str(out, "\",\"signature\":\"");
    ps_buf_put_base64url(out, answer->signature);
    ps_buf_put_str(out, "\"}");
}

/* The payload stands in it as it is; check_unencoded has seen that it can. */
static void put_unencoded(const struct sign_item *item, const struct msg_jws_signed *answer,
                          struct ps_buf *out)
{
    const enum jws_serialization serialization = (enum jws_serialization)item->serialization;
    PS_BUF_AUTO payload;
    PS_BUF_AUTO text;

    ps_buf_init(&payload, IPC_PAYLOAD_MAX + 3);
    ps_buf_init(&text, HTTP_ANSWER_MAX);
    if (ps_base64url_decode(item->payload, &payload) != PS_OK ||
        jws_put(serialization, answer->protected_header, ps_buf_bytes(&payload), true,
                answer->signature, &text) != PS_OK) {
        out->err = out->err == PS_OK ? PS_E_NO_MEMORY : out->err;
        return;
    }
    ps_buf_put_str(out, "{\"jws\":");
    if (serialization == JWS_JSON) {
        ps_buf_put(out, ps_buf_bytes(&text));
    } else {
        ps_buf_put_json_string(out, ps_buf_bytes(&text));
    }
}

static void write_jws(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_jws_signed *answer = message;

    if (item->serialization == JWS_DETACHED) {
        jose_put_compact(answer, ps_bytes(NULL, 0), out);
    } else if (item->unencoded) {
        put_unencoded(item, answer, out);
    } else if (item->serialization == JWS_JSON) {
        put_json(answer, item->payload, out);
    } else {
        jose_put_compact(answer, item->payload, out);
    }
    sign_put_end(answer->kid, answer->version, out);
}

/* The keeper completed the claims, so that the payload comes back with the signature. */
static void write_jwt(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_jws_signed *answer = message;

    (void)item;
    jose_put_encoded(answer, answer->payload, out);
    sign_put_end(answer->kid, answer->version, out);
}

const struct sign_verb sign_jws = {.ask = &msg_jws_sign_info,
                                   .expect = &msg_jws_signed_info,
                                   .read = read_jws,
                                   .address = address_jws,
                                   .write = write_jws};

const struct sign_verb sign_jwt = {.ask = &msg_jwt_sign_info,
                                   .expect = &msg_jws_signed_info,
                                   .read = read_jwt,
                                   .address = address_jwt,
                                   .write = write_jwt};

void jws_sign(struct exchange *exchange)
{
    sign_begin(exchange, &sign_jws);
}

void jwt_sign(struct exchange *exchange)
{
    sign_begin(exchange, &sign_jwt);
}
