#include "lib/formats/jose/sd_jwt.h"
#include "api/handlers.h"
#include "api/jwe/jose.h"

struct sd_jwt_body {
    struct json_value payload;
    struct ps_bytes typ;
    struct ps_bytes algorithm;
    struct json_value include;
    struct ps_bytes key;
};

enum { SD_JWT_FIELDS = 5 };
static const struct json_field sd_jwt_fields[SD_JWT_FIELDS] = {
    JSON_FIELD(struct sd_jwt_body, payload, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct sd_jwt_body, typ, JSON_KIND_STRING, true, SD_JWT_TYPE_MAX),
    JSON_FIELD(struct sd_jwt_body, algorithm, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct sd_jwt_body, include, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct sd_jwt_body, key, JSON_KIND_NAME, true, 128),
};

/* What the payload may hold is for the keeper to say, which signs it. */
static enum ps_err read_sd_jwt(struct json_value object, bool in_batch, union sign_message *message,
                               struct sign_item *item)
{
    struct msg_sd_jwt_sign *sd_jwt = &message->sd_jwt;
    struct sd_jwt_body body = {.typ = {NULL, 0}};

    PS_TRY(
        json_read_object(object, sd_jwt_fields, SD_JWT_FIELDS - (in_batch ? 1 : 0), &body, NULL));
    PS_TRY(sign_check_algorithm(body.algorithm));
    PS_TRY(jose_read_include(body.include, &sd_jwt->include));
    if (!in_batch) {
        sd_jwt->key = body.key;
    }
    sd_jwt->algorithm = body.algorithm;
    sd_jwt->payload = json_raw(body.payload);
    sd_jwt->type = body.typ;
    item->payload = sd_jwt->payload;
    return PS_OK;
}

static void address_sd_jwt(const struct exchange *exchange, struct ps_bytes key,
                           union sign_message *message)
{
    message->sd_jwt.caller = exchange_caller(exchange);
    message->sd_jwt.request_id = http_request_id(exchange->request);
    message->sd_jwt.key = key;
}

static void write_sd_jwt(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_jws_signed *answer = message;

    jose_put_encoded(answer, item->payload, out);
    sign_put_end(answer->kid, answer->version, out);
}

const struct sign_verb sign_sd_jwt = {.ask = &msg_sd_jwt_sign_info,
                                      .expect = &msg_jws_signed_info,
                                      .read = read_sd_jwt,
                                      .address = address_sd_jwt,
                                      .write = write_sd_jwt};

void sd_jwt_sign(struct exchange *exchange)
{
    sign_begin(exchange, &sign_sd_jwt);
}
