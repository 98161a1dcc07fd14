#include "lib/formats/cose/cose.h"
#include "api/handlers.h"
#include "api/sign/sign.h"
#include "lib/base/encode.h"
#include "lib/formats/cose/cbor_json.h"

#define PREFIX_MAX 256u
#define AAD_MAX    (64u * 1024u)

/* How it is written; kept in sign_item.serialization. */
enum { WRITE_TAGGED = 1, WRITE_DETACHED = 2, WRITE_CWT_TAGGED = 4 };

/* What both routes say of the headers. */
struct headers_body {
    struct json_value in_protected;
    struct json_value in_unprotected;
    struct json_value include;
    struct json_value include_protected;
    struct ps_bytes kid_prefix;
};

struct cose_body {
    struct headers_body headers;
    struct ps_bytes payload;
    struct ps_bytes algorithm;
    struct ps_bytes external_aad;
    bool tagged;
    bool detached;
    struct ps_bytes key;
};

struct cwt_body {
    struct headers_body headers;
    struct json_value claims;
    struct ps_bytes algorithm;
    struct ps_bytes tag;
    uint32_t ttl_s;
    struct ps_bytes key;
};

#define HEADER_FIELD(type, text, member, kind_, max_)                                              \
    {                                                                                              \
        .name = (text), .offset = offsetof(type, headers.member), .max = (max_),                   \
        .kind = JSON_KIND_##kind_, .required = false                                               \
    }
#define HEADER_FIELDS(type)                                                                        \
    HEADER_FIELD(type, "protected", in_protected, ANY, 0),                                         \
        HEADER_FIELD(type, "unprotected", in_unprotected, ANY, 0),                                 \
        HEADER_FIELD(type, "include", include, ARRAY, 0),                                          \
        HEADER_FIELD(type, "include_protected", include_protected, ARRAY, 0),                      \
        HEADER_FIELD(type, "kid_prefix", kid_prefix, STRING, PREFIX_MAX)

/* The key comes last: in a batch it stands beside the items. */
static const struct json_field cose_fields[] = {
    JSON_FIELD(struct cose_body, payload, JSON_KIND_OCTETS, true, IPC_PAYLOAD_MAX),
    HEADER_FIELDS(struct cose_body),
    JSON_FIELD(struct cose_body, algorithm, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct cose_body, external_aad, JSON_KIND_OCTETS, false, AAD_MAX),
    JSON_FIELD(struct cose_body, tagged, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct cose_body, detached, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct cose_body, key, JSON_KIND_NAME, true, 128),
};

static const struct json_field cwt_fields[] = {
    JSON_FIELD(struct cwt_body, claims, JSON_KIND_ANY, true, 0),
    HEADER_FIELDS(struct cwt_body),
    JSON_FIELD(struct cwt_body, algorithm, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct cwt_body, tag, JSON_KIND_STRING, false, 8),
    JSON_FIELD(struct cwt_body, ttl_s, JSON_KIND_U32, false, 0),
    JSON_FIELD(struct cwt_body, key, JSON_KIND_NAME, true, 128),
};

static const struct sign_includes includes = {.says = "x5chain, x5t and kid",
                                              .rows = {{"x5chain", COSE_INCLUDE_X5CHAIN},
                                                       {"x5t", COSE_INCLUDE_X5T},
                                                       {"kid", COSE_INCLUDE_KID}}};

/* One of the maps; an error says in which member it is. */
static enum ps_err read_map(const char *member, struct json_value value, size_t max,
                            struct ps_bytes *ret_map)
{
    enum ps_err err;

    if (value.doc == NULL) {
        return PS_OK;
    }
    err = cbor_map_from_json(value, ps_bytes_equal_str(ps_bytes_str(member), "claims"), ret_map);
    if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        const struct ps_detail detail = *ps_detail();

        return ps_fail(PS_E_INPUT, 0, "member \"%s\": %s", member, detail.text);
    }
    if (err == PS_OK && ret_map->len > max) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\": more than %zu octets", member, max);
    }
    return err;
}

static enum ps_err read_headers(const struct headers_body *body, struct msg_cose_headers *headers)
{
    PS_TRY(read_map("protected", body->in_protected, IPC_HEADER_MAX, &headers->in_protected));
    PS_TRY(read_map("unprotected", body->in_unprotected, IPC_HEADER_MAX, &headers->in_unprotected));
    PS_TRY(sign_read_include("include", body->include, &includes, &headers->include));
    PS_TRY(sign_read_include("include_protected", body->include_protected, &includes,
                             &headers->include_protected));
    headers->kid_prefix = body->kid_prefix;
    return PS_OK;
}

static enum ps_err read_cose(struct json_value object, bool in_batch, union sign_message *message,
                             struct sign_item *item)
{
    struct msg_cose_sign *cose = &message->cose;
    struct cose_body body = {.tagged = true};

    PS_TRY(json_read_object(object, cose_fields, PS_COUNT_OF(cose_fields) - (in_batch ? 1 : 0),
                            &body, NULL));
    PS_TRY(sign_check_algorithm(body.algorithm));
    PS_TRY(read_headers(&body.headers, &cose->headers));
    if (!in_batch) {
        cose->key = body.key;
    }
    cose->algorithm = body.algorithm;
    cose->external_aad = body.external_aad;
    cose->payload = body.payload;
    item->serialization =
        (uint8_t)((body.tagged ? WRITE_TAGGED : 0) | (body.detached ? WRITE_DETACHED : 0));
    return sign_payload_text(object, &item->payload);
}

static enum ps_err read_tag(struct ps_bytes name, uint8_t *ret_write)
{
    static const struct {
        const char *name;
        uint8_t write;
    } tags[] = {{"cwt", WRITE_TAGGED | WRITE_CWT_TAGGED}, {"cose", WRITE_TAGGED}, {"none", 0}};

    for (size_t i = 0; i < PS_COUNT_OF(tags); i++) {
        if (name.data == NULL || ps_bytes_equal_str(name, tags[i].name)) {
            *ret_write = tags[i].write;
            return PS_OK;
        }
    }
    return ps_fail(PS_E_INPUT, 0, "member \"tag\": not cwt, cose or none");
}

static enum ps_err read_cwt(struct json_value object, bool in_batch, union sign_message *message,
                            struct sign_item *item)
{
    struct msg_cwt_sign *cwt = &message->cwt;
    struct cwt_body body = {.ttl_s = 0};

    PS_TRY(json_read_object(object, cwt_fields, PS_COUNT_OF(cwt_fields) - (in_batch ? 1 : 0), &body,
                            NULL));
    PS_TRY(sign_check_algorithm(body.algorithm));
    PS_TRY(read_headers(&body.headers, &cwt->headers));
    PS_TRY(read_map("claims", body.claims, IPC_PAYLOAD_MAX, &cwt->claims));
    PS_TRY(read_tag(body.tag, &item->serialization));
    if (!in_batch) {
        cwt->key = body.key;
    }
    cwt->algorithm = body.algorithm;
    cwt->ttl_s = body.ttl_s;
    return PS_OK;
}

static void address_cose(const struct exchange *exchange, struct ps_bytes key,
                         union sign_message *message)
{
    message->cose.caller = exchange_caller(exchange);
    message->cose.request_id = http_request_id(exchange->request);
    message->cose.key = key;
}

static void address_cwt(const struct exchange *exchange, struct ps_bytes key,
                        union sign_message *message)
{
    message->cwt.caller = exchange_caller(exchange);
    message->cwt.request_id = http_request_id(exchange->request);
    message->cwt.key = key;
}

static void put_message(const struct sign_item *item, const struct msg_cose_signed *answer,
                        struct ps_bytes payload, struct ps_buf *out)
{
    const struct cose_sign1 sign1 = {.protected_header = answer->protected_header,
                                     .unprotected = answer->unprotected,
                                     .payload = payload,
                                     .signature = answer->signature,
                                     .is_detached = (item->serialization & WRITE_DETACHED) != 0,
                                     .is_tagged = (item->serialization & WRITE_TAGGED) != 0,
                                     .is_cwt = (item->serialization & WRITE_CWT_TAGGED) != 0};
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, HTTP_ANSWER_MAX);
    cose_put_sign1(&sign1, &octets);
    if (ps_buf_status(&octets) != PS_OK) {
        out->err = out->err == PS_OK ? octets.err : out->err;
        return;
    }
    ps_buf_put_base64url(out, ps_buf_bytes(&octets));
}

static void write_cose(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_cose_signed *answer = message;
    PS_BUF_AUTO payload;

    ps_buf_init(&payload, IPC_PAYLOAD_MAX + 3);
    if (ps_base64url_decode(item->payload, &payload) != PS_OK) {
        out->err = out->err == PS_OK ? PS_E_NO_MEMORY : out->err;
        return;
    }
    ps_buf_put_str(out, "{\"cose\":\"");
    put_message(item, answer, ps_buf_bytes(&payload), out);
    ps_buf_put_u8(out, '"');
    sign_put_end(answer->kid, answer->version, out);
}

/* The keeper completed the claims, so that the payload comes back with the signature. */
static void write_cwt(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_cose_signed *answer = message;

    ps_buf_put_str(out, "{\"cwt\":\"");
    put_message(item, answer, answer->payload, out);
    ps_buf_put_u8(out, '"');
    sign_put_end(answer->kid, answer->version, out);
}

const struct sign_verb sign_cose = {.ask = &msg_cose_sign_info,
                                    .expect = &msg_cose_signed_info,
                                    .read = read_cose,
                                    .address = address_cose,
                                    .write = write_cose};

const struct sign_verb sign_cwt = {.ask = &msg_cwt_sign_info,
                                   .expect = &msg_cose_signed_info,
                                   .read = read_cwt,
                                   .address = address_cwt,
                                   .write = write_cwt};

void cose_sign1(struct exchange *exchange)
{
    sign_begin(exchange, &sign_cose);
}

void cwt_sign(struct exchange *exchange)
{
    sign_begin(exchange, &sign_cwt);
}
