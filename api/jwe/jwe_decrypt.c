#include "api/handlers.h"
#include "api/sign/sign.h"
#include "lib/base/encode.h"
#include "lib/formats/jose/jwe.h"

/* A JWE is taken apart here; the keeper, which asks the token, gets its parts. */

#define TEXT_MAX (1024u * 1024u)

struct decrypt_body {
    struct ps_bytes jwe;
    uint32_t version;
    struct ps_bytes key;
};

enum { DECRYPT_FIELDS = 3 };
static const struct json_field decrypt_fields[DECRYPT_FIELDS] = {
    JSON_FIELD(struct decrypt_body, jwe, JSON_KIND_STRING, true, TEXT_MAX),
    JSON_FIELD(struct decrypt_body, version, JSON_KIND_U32, false, 0),
    JSON_FIELD(struct decrypt_body, key, JSON_KIND_NAME, true, 128),
};

/* The text between the quotes, which is where it is in the request, and stays there. */
static enum ps_err jwe_text(struct json_value object, struct ps_bytes *ret_text)
{
    struct json_value value;
    struct ps_bytes raw;

    if (!json_member(object, "jwe", &value)) {
        return ps_fail(PS_E_INTERNAL, 0, "a JWE that was there is gone");
    }
    raw = json_raw(value);
    if (memchr(raw.data, '\\', raw.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "member \"jwe\": base64url needs no escapes");
    }
    *ret_text = ps_bytes(raw.data + 1, raw.len - 2);
    return PS_OK;
}

static enum ps_err parse(struct json_value object, struct ps_bytes text, struct jwe_parsed *ret_jwe)
{
    const size_t room = JWE_PARSE_ROOM(text.len);
    struct ps_buf memory = {.data = json_room(object, room), .cap = room, .max = room};

    if (memory.data == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return jwe_parse(text, &memory, ret_jwe);
}

static void fill(const struct jwe_parsed *jwe, struct msg_jwe_decrypt *message)
{
    message->kid = jwe->kid;
    message->algorithm = (uint8_t)jwe->sealed.alg;
    message->encryption = (uint8_t)jwe->sealed.enc;
    message->header = jwe->sealed.header_b64;
    message->encrypted_key = jwe->sealed.encrypted_key;
    message->iv = jwe->sealed.iv;
    message->ciphertext = jwe->sealed.ciphertext;
    message->tag = jwe->sealed.tag;
    message->point_type = (uint8_t)jwe->epk_type;
    message->point = jwe->epk;
    message->apu = jwe->sealed.apu;
    message->apv = jwe->sealed.apv;
}

static enum ps_err read_jwe(struct json_value object, bool in_batch, union sign_message *message,
                            struct sign_item *item)
{
    struct decrypt_body body = {.version = 0};
    struct jwe_parsed jwe;

    PS_TRY(
        json_read_object(object, decrypt_fields, DECRYPT_FIELDS - (in_batch ? 1 : 0), &body, NULL));
    PS_TRY(jwe_text(object, &item->payload));
    PS_TRY(parse(object, item->payload, &jwe));
    if (!in_batch) {
        message->jwe.key = body.key;
    }
    message->jwe.version = body.version;
    fill(&jwe, &message->jwe);
    return PS_OK;
}

static void address_jwe(const struct exchange *exchange, struct ps_bytes key,
                        union sign_message *message)
{
    message->jwe.caller = exchange_caller(exchange);
    message->jwe.request_id = http_request_id(exchange->request);
    message->jwe.key = key;
}

/* The protected header as it came: who gets the plaintext reads `cty` there. */
static void put_header(struct ps_bytes text, struct ps_buf *out)
{
    const uint8_t *dot = memchr(text.data, '.', text.len);
    const size_t len = dot == NULL ? 0 : (size_t)(dot - text.data);

    if (ps_base64url_decode(ps_bytes(text.data, len), out) != PS_OK && out->err == PS_OK) {
        out->err = PS_E_INTERNAL;
    }
}

static void write_plaintext(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_jwe_decrypted *answer = message;

    ps_buf_put_str(out, "{\"plaintext\":\"");
    ps_buf_put_base64url(out, answer->plaintext);
    ps_buf_put_str(out, "\",\"header\":");
    put_header(item->payload, out);
    ps_buf_put_str(out, ",\"kid\":");
    ps_buf_put_json_string(out, answer->kid);
    ps_buf_put_str(out, ",\"version\":");
    ps_buf_put_decimal(out, answer->version);
    ps_buf_put_u8(out, '}');
}

const struct sign_verb sign_jwe = {.ask = &msg_jwe_decrypt_info,
                                   .expect = &msg_jwe_decrypted_info,
                                   .read = read_jwe,
                                   .address = address_jwe,
                                   .write = write_plaintext};

void jwe_decrypt(struct exchange *exchange)
{
    sign_begin(exchange, &sign_jwe);
}
