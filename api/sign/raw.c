#include "api/sign/raw.h"

#include "api/handlers.h"
#include "api/sign/sign.h"
#include "lib/base/encode.h"

#define FIELD(member, kind, max) JSON_FIELD(struct raw_input, member, JSON_KIND_##kind, false, max)

static const struct json_field raw_fields[] = {
    FIELD(message, OCTETS, IPC_PAYLOAD_MAX),
    FIELD(digest, OCTETS, PS_HASH_MAX),
    FIELD(digest_algorithm, STRING, 16),
    FIELD(algorithm, STRING, 16),
    FIELD(encoding, STRING, 8),
    FIELD(version, U32, UINT32_MAX),
};

static const struct {
    const char *name;
    enum ps_hash hash;
} hashes[] = {{"sha-256", PS_SHA256}, {"sha-384", PS_SHA384}, {"sha-512", PS_SHA512}};

/* The algorithm, when it is named, hashes with this hash, and takes a digest at all. */
static enum ps_err check_with_algorithm(struct ps_bytes algorithm, enum ps_hash hash)
{
    const struct ps_alg_info *info = ps_alg_info(ps_alg_by_name(algorithm));

    if (info == NULL) {
        return PS_OK;
    }
    if (info->signs_message) {
        return ps_fail(PS_E_STATE, 0, "%s signs messages, not digests", info->name);
    }
    if (info->hash != hash) {
        return ps_fail(PS_E_STATE, 0, "%s has another hash than \"digest_algorithm\"", info->name);
    }
    return PS_OK;
}

static enum ps_err check_digest(const struct raw_input *input)
{
    for (size_t i = 0; i < PS_COUNT_OF(hashes); i++) {
        if (!ps_bytes_equal_str(input->digest_algorithm, hashes[i].name)) {
            continue;
        }
        if (input->digest.len != ps_hash_len(hashes[i].hash)) {
            return ps_fail(PS_E_INPUT, 0, "member \"digest\": not %zu octets",
                           ps_hash_len(hashes[i].hash));
        }
        return check_with_algorithm(input->algorithm, hashes[i].hash);
    }
    return ps_fail(PS_E_INPUT, 0, "member \"digest_algorithm\": not sha-256, sha-384 or sha-512");
}

enum ps_err raw_check_input(const struct raw_input *input)
{
    if ((input->message.data == NULL) == (input->digest.data == NULL)) {
        return ps_fail(PS_E_INPUT, 0, "either \"message\" or \"digest\", and not both");
    }
    if (input->algorithm.data != NULL && ps_alg_by_name(input->algorithm) == PS_ALG_NONE) {
        return ps_fail(PS_E_INPUT, 0, "member \"algorithm\": no algorithm of that name");
    }
    if (input->digest.data != NULL) {
        return check_digest(input);
    }
    if (input->digest_algorithm.data != NULL) {
        return ps_fail(PS_E_INPUT, 0, "member \"digest_algorithm\": goes with \"digest\" only");
    }
    return PS_OK;
}

enum ps_err raw_read_encoding(struct ps_bytes name, uint8_t *ret_encoding)
{
    if (name.data == NULL || ps_bytes_equal_str(name, "raw")) {
        *ret_encoding = RAW_ENCODING_RAW;
        return PS_OK;
    }
    if (ps_bytes_equal_str(name, "der")) {
        *ret_encoding = RAW_ENCODING_DER;
        return PS_OK;
    }
    return ps_fail(PS_E_INPUT, 0, "member \"encoding\": neither raw nor der");
}

static enum ps_err read_raw(struct json_value object, bool in_batch, union sign_message *message,
                            struct sign_item *item)
{
    struct msg_raw_sign *raw = &message->raw;
    struct raw_input input = {.version = 0};

    (void)in_batch;
    (void)item;
    PS_TRY(json_read_object(object, raw_fields, PS_COUNT_OF(raw_fields), &input, NULL));
    PS_TRY(raw_check_input(&input));
    PS_TRY(raw_read_encoding(input.encoding, &raw->encoding));
    raw->algorithm = input.algorithm;
    raw->message = input.message;
    raw->digest = input.digest;
    raw->is_digest = input.digest.data != NULL ? 1 : 0;
    raw->version = input.version;
    return PS_OK;
}

static void address_raw(const struct exchange *exchange, struct ps_bytes key,
                        union sign_message *message)
{
    message->raw.caller = exchange_caller(exchange);
    message->raw.request_id = http_request_id(exchange->request);
    message->raw.key = key;
}

static void write_raw(const struct sign_item *item, const void *message, struct ps_buf *out)
{
    const struct msg_raw_signed *answer = message;

    (void)item;
    ps_buf_put_str(out, "{\"signature\":\"");
    ps_buf_put_base64url(out, answer->signature);
    ps_buf_put_str(out, "\",\"kid\":");
    ps_buf_put_json_string(out, answer->kid);
    ps_buf_put_str(out, ",\"algorithm\":");
    ps_buf_put_json_string(out, answer->algorithm);
    ps_buf_put_str(out, ",\"version\":");
    ps_buf_put_decimal(out, answer->version);
    ps_buf_put_u8(out, '}');
}

const struct sign_verb sign_raw = {.ask = &msg_raw_sign_info,
                                   .expect = &msg_raw_signed_info,
                                   .key_in_path = true,
                                   .read = read_raw,
                                   .address = address_raw,
                                   .write = write_raw};

void raw_sign(struct exchange *exchange)
{
    sign_begin(exchange, &sign_raw);
}
