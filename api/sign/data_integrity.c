#include "lib/formats/data_integrity.h"
#include "api/handlers.h"
#include "api/sign/sign.h"
#include "lib/base/base58.h"
#include "lib/base/encode.h"

struct proof_body {
    struct ps_bytes cryptosuite;
    struct ps_bytes proof_hash;
    struct ps_bytes document_hash;
    struct ps_bytes encoding;
    struct ps_bytes key;
};

enum { PROOF_FIELDS = 5 };
static const struct json_field proof_fields[PROOF_FIELDS] = {
    JSON_FIELD(struct proof_body, cryptosuite, JSON_KIND_STRING, true, 64),
    JSON_FIELD(struct proof_body, proof_hash, JSON_KIND_OCTETS, true, PS_HASH_MAX),
    JSON_FIELD(struct proof_body, document_hash, JSON_KIND_OCTETS, true, PS_HASH_MAX),
    JSON_FIELD(struct proof_body, encoding, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct proof_body, key, JSON_KIND_NAME, true, 128),
};

static enum ps_err read_encoding(struct ps_bytes name, uint8_t *ret_encoding)
{
    if (name.data == NULL || ps_bytes_equal_str(name, "base58btc")) {
        *ret_encoding = PROOF_BASE58BTC;
        return PS_OK;
    }
    if (ps_bytes_equal_str(name, "base64url")) {
        *ret_encoding = PROOF_BASE64URL;
        return PS_OK;
    }
    return ps_fail(PS_E_INPUT, 0, "member \"encoding\": neither base58btc nor base64url");
}

static enum ps_err read_proof(struct json_value object, bool in_batch, union sign_message *message,
                              struct sign_item *item)
{
    struct msg_data_integrity_sign *proof = &message->data_integrity;
    struct proof_body body = {.cryptosuite = {NULL, 0}};

    PS_TRY(json_read_object(object, proof_fields, PROOF_FIELDS - (in_batch ? 1 : 0), &body, NULL));
    if (!data_integrity_suite_exists(body.cryptosuite)) {
        return ps_fail(PS_E_INPUT, 0,
                       "member \"cryptosuite\": none of this name; /openapi.json has them");
    }
    PS_TRY(read_encoding(body.encoding, &item->encoding));
    if (!in_batch) {
        proof->key = body.key;
    }
    proof->suite = body.cryptosuite;
    proof->proof_hash = body.proof_hash;
    proof->document_hash = body.document_hash;
    return PS_OK;
}

static void address_proof(const struct exchange *exchange, struct ps_bytes key,
                          union sign_message *message)
{
    message->data_integrity.caller = exchange_caller(exchange);
    message->data_integrity.request_id = http_request_id(exchange->request);
    message->data_integrity.key = key;
}

/* Multibase: a letter says the encoding. vc-data-integrity 1.0 section 2.4. */
static void put_multibase(const struct sign_item *item, struct ps_bytes octets, struct ps_buf *out)
{
    if (item->encoding == PROOF_BASE64URL) {
        ps_buf_put_u8(out, 'u');
        ps_buf_put_base64url(out, octets);
    } else {
        ps_buf_put_u8(out, 'z');
        ps_buf_put_base58btc(out, octets);
    }
}

static void write_proof(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_raw_signed *answer = message;

    ps_buf_put_str(out, "{\"proof_value\":\"");
    put_multibase(item, answer->signature, out);
    ps_buf_put_u8(out, '"');
    sign_put_end(answer->kid, answer->version, out);
}

const struct sign_verb sign_data_integrity = {.ask = &msg_data_integrity_sign_info,
                                              .expect = &msg_raw_signed_info,
                                              .read = read_proof,
                                              .address = address_proof,
                                              .write = write_proof};

void data_integrity_sign(struct exchange *exchange)
{
    sign_begin(exchange, &sign_data_integrity);
}
