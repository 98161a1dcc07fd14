#include "api/handlers.h"
#include "api/sign/sign.h"
#include "lib/base/encode.h"

/* MACs, encryption and decryption: POST /v1/keys/{name}/mac, /mac/verify, /encrypt, /decrypt. */

#define AAD_MAX        (32u * 1024u)
#define CIPHERTEXT_MAX (KEY_PLAINTEXT_MAX + 64u)

struct use_body {
    struct ps_bytes message;
    struct ps_bytes plaintext;
    struct ps_bytes ciphertext;
    struct ps_bytes aad;
    struct ps_bytes mac;
    uint32_t version; /* 0: not named */
};

#define OCTETS(member, required, max)                                                              \
    JSON_FIELD(struct use_body, member, JSON_KIND_OCTETS, required, max)
#define VERSION JSON_FIELD(struct use_body, version, JSON_KIND_U32, false, UINT32_MAX)

static const struct json_field mac_fields[] = {OCTETS(message, true, IPC_PAYLOAD_MAX)};
static const struct json_field mac_verify_fields[] = {OCTETS(message, true, IPC_PAYLOAD_MAX),
                                                      OCTETS(mac, true, KEY_MAC_LEN), VERSION};
static const struct json_field encrypt_fields[] = {OCTETS(plaintext, true, KEY_PLAINTEXT_MAX),
                                                   OCTETS(aad, false, AAD_MAX)};
static const struct json_field decrypt_fields[] = {OCTETS(ciphertext, true, CIPHERTEXT_MAX),
                                                   OCTETS(aad, false, AAD_MAX), VERSION};

static enum ps_err read_fields(struct json_value object, const struct json_field *fields,
                               size_t count, struct msg_key_use *use)
{
    struct use_body body = {.version = 0};

    PS_TRY(json_read_object(object, fields, count, &body, NULL));
    use->data = body.message.data != NULL     ? body.message
                : body.plaintext.data != NULL ? body.plaintext
                                              : body.ciphertext;
    use->associated = body.aad;
    use->mac = body.mac;
    use->version = body.version;
    return PS_OK;
}

#define READ(name, verb_)                                                                          \
    static enum ps_err read_##name(struct json_value object, bool in_batch,                        \
                                   union sign_message *message, struct sign_item *item)            \
    {                                                                                              \
        (void)in_batch;                                                                            \
        (void)item;                                                                                \
        message->use.verb = (verb_);                                                               \
        return read_fields(object, name##_fields, PS_COUNT_OF(name##_fields), &message->use);      \
    }
READ(mac, KEY_MAC)
READ(mac_verify, KEY_MAC_VERIFY)
READ(encrypt, KEY_ENCRYPT)
READ(decrypt, KEY_DECRYPT)
#undef READ

static void address(const struct exchange *exchange, struct ps_bytes key,
                    union sign_message *message)
{
    message->use.caller = exchange_caller(exchange);
    message->use.request_id = http_request_id(exchange->request);
    message->use.key = key;
}

static void put_octets(const char *member, const struct msg_key_used *used, struct ps_buf *out)
{
    ps_buf_printf(out, "{\"%s\":\"", member);
    ps_buf_put_base64url(out, used->octets);
    ps_buf_put_str(out, "\",\"version\":");
    ps_buf_put_decimal(out, used->version);
    ps_buf_put_u8(out, '}');
}

static void write_mac(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    (void)item;
    put_octets("mac", message, out);
}

static void write_ciphertext(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    (void)item;
    put_octets("ciphertext", message, out);
}

static void write_plaintext(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    (void)item;
    put_octets("plaintext", message, out);
}

static void write_valid(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_key_used *used = message;

    (void)item;
    ps_buf_put_str(out, used->is_valid != 0 ? "{\"valid\":true" : "{\"valid\":false");
    ps_buf_put_str(out, ",\"version\":");
    ps_buf_put_decimal(out, used->version);
    ps_buf_put_u8(out, '}');
}

#define VERB(reads, writes)                                                                        \
    {                                                                                              \
        .ask = &msg_key_use_info, .expect = &msg_key_used_info, .key_in_path = true,               \
        .read = (reads), .address = address, .write = (writes)                                     \
    }
const struct sign_verb verb_mac = VERB(read_mac, write_mac);
const struct sign_verb verb_mac_verify = VERB(read_mac_verify, write_valid);
const struct sign_verb verb_encrypt = VERB(read_encrypt, write_ciphertext);
const struct sign_verb verb_decrypt = VERB(read_decrypt, write_plaintext);

void key_mac(struct exchange *exchange)
{
    sign_begin(exchange, &verb_mac);
}

void key_mac_verify(struct exchange *exchange)
{
    sign_begin(exchange, &verb_mac_verify);
}

void key_encrypt(struct exchange *exchange)
{
    sign_begin(exchange, &verb_encrypt);
}

void key_decrypt(struct exchange *exchange)
{
    sign_begin(exchange, &verb_decrypt);
}
