#include "api/handlers.h"
#include "api/sign/raw.h"
#include "api/verify/keyset.h"
#include "api/verify/verify.h"
#include "lib/base/encode.h"

#define FIELD(member, kind, required, max)                                                         \
    JSON_FIELD(struct raw_input, member, JSON_KIND_##kind, required, max)

static const struct json_field verify_fields[] = {
    FIELD(message, OCTETS, false, IPC_PAYLOAD_MAX),
    FIELD(digest, OCTETS, false, PS_HASH_MAX),
    FIELD(digest_algorithm, STRING, false, 16),
    FIELD(algorithm, STRING, false, 16),
    FIELD(encoding, STRING, false, 8),
    FIELD(version, U32, false, UINT32_MAX),
    FIELD(signature, OCTETS, true, 1024),
};

/* DER of ECDSA signatures of any curve is shorter. */
#define SIGNATURE_MAX 1024u

struct verification {
    struct raw_input input;
    uint8_t encoding;
    enum ps_alg algorithm; /* that verified it */
    uint32_t version;
    struct ps_buf kid;
};

static enum ps_err read_request(struct exchange *exchange, struct verification *verification)
{
    struct json_value root;

    PS_TRY(exchange_read_json(exchange, &root));
    PS_TRY(json_read_object(root, verify_fields, PS_COUNT_OF(verify_fields), &verification->input,
                            NULL));
    PS_TRY(raw_check_input(&verification->input));
    PS_TRY(raw_read_encoding(verification->input.encoding, &verification->encoding));
    verification->algorithm = ps_alg_by_name(verification->input.algorithm);
    return PS_OK;
}

/* What the request names, else what the key is for. */
static enum ps_alg algorithm_of(const struct verification *verification,
                                const struct keyset_key *key)
{
    return verification->algorithm != PS_ALG_NONE ? verification->algorithm : key->alg;
}

/* R || S of an ECDSA signature in DER; what is no such thing does not verify. */
static enum ps_err raw_signature(const struct verification *verification,
                                 const struct keyset_key *key, struct ps_buf *out)
{
    const struct ps_key_type_info *type = ps_key_type_info(public_key_type(key->key));

    if (verification->encoding == RAW_ENCODING_RAW) {
        ps_buf_put(out, verification->input.signature);
        return ps_buf_status(out);
    }
    if (type->coordinate == 0) {
        return ps_fail(PS_E_INPUT, 0, "member \"encoding\": der is for ECDSA");
    }
    if (ecdsa_from_der(verification->input.signature, type->coordinate, out) != PS_OK) {
        return PS_E_DENIED;
    }
    return PS_OK;
}

static enum ps_err verify(const struct raw_input *input, enum ps_alg algorithm,
                          struct public_key *key, struct ps_bytes signature)
{
    if (input->digest.data != NULL) {
        return public_key_verify_digest(key, algorithm, input->digest, signature);
    }
    return public_key_verify(key, algorithm, input->message, signature);
}

static enum ps_err try_key(void *context, const struct keyset_key *key)
{
    struct verification *verification = context;
    const enum ps_alg algorithm = algorithm_of(verification, key);
    PS_BUF_AUTO signature = {0};
    enum ps_err err;

    if (algorithm == PS_ALG_NONE) {
        return ps_fail(PS_E_STATE, 0, "member \"algorithm\": this key does several");
    }
    ps_buf_init(&signature, SIGNATURE_MAX);
    PS_TRY(raw_signature(verification, key, &signature));
    err = verify(&verification->input, algorithm, key->key, ps_buf_bytes(&signature));
    if (err != PS_OK) {
        return err;
    }
    verification->algorithm = algorithm;
    verification->version = key->version;
    ps_buf_put(&verification->kid, key->kid);
    return ps_buf_status(&verification->kid);
}

static void put_valid(const struct verification *verification, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"valid\":true,\"kid\":");
    ps_buf_put_json_string(out, ps_buf_bytes(&verification->kid));
    ps_buf_printf(out, ",\"algorithm\":\"%s\"", ps_alg_info(verification->algorithm)->name);
    if (verification->version != 0) {
        ps_buf_put_str(out, ",\"version\":");
        ps_buf_put_decimal(out, verification->version);
    }
    ps_buf_put_u8(out, '}');
}

static void answer(struct exchange *exchange, const struct verification *verification,
                   enum ps_err err)
{
    if (err == PS_E_STATE) {
        exchange_refuse(exchange, PS_PROBLEM_REFUSED, ps_detail()->text);
        return;
    }
    if (err != PS_OK) {
        verify_answer_not_valid(exchange, err);
        return;
    }
    put_valid(verification, http_request_out(exchange->request));
    exchange_answer_json(exchange);
}

static enum ps_err verify_with_document(struct exchange *exchange,
                                        const struct msg_document *document,
                                        struct verification *verification)
{
    const struct keyset_wish wish = {
        .is_ours = true, .alg = verification->algorithm, .version = verification->input.version};
    struct json_value jwks;

    PS_TRY(verify_read_jwks(exchange, document, &jwks));
    return keyset_try_jwks(jwks, &wish, try_key, verification);
}

static void on_keys(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                    const void *message)
{
    struct verification verification = {.kid = {.max = 1024}};
    enum ps_err err;

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    /* Read again: the reader has had other requests since. */
    err = read_request(exchange, &verification);
    if (err == PS_OK) {
        err = verify_with_document(exchange, message, &verification);
    }
    answer(exchange, &verification, err);
    ps_buf_clear(&verification.kid);
}

void raw_verify(struct exchange *exchange)
{
    struct verification verification = {.encoding = RAW_ENCODING_RAW};
    const enum ps_err err = read_request(exchange, &verification);

    if (err != PS_OK) {
        answer(exchange, &verification, err);
        return;
    }
    verify_ask_keys(exchange, exchange_variable(exchange, 0), PS_FORMAT_RAW, on_keys);
}
