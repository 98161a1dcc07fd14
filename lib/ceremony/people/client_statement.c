#include "lib/ceremony/people/client_statement.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"

#define TYPE "client.certificate"

struct raw {
    struct ps_bytes appliance;
    struct ps_bytes client;
    struct ps_bytes new_key;
    struct ps_bytes nonce;
    struct ps_bytes not_after;
    struct ps_bytes old_key;
    struct ps_bytes type;
    struct ps_bytes v;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct raw, appliance, JSON_KIND_STRING, true, 2 * PS_SHA256_LEN),
    JSON_FIELD(struct raw, client, JSON_KIND_NAME, true, PS_NAME_MAX),
    JSON_FIELD(struct raw, new_key, JSON_KIND_STRING, true, 2 * CLIENT_SPKI_MAX),
    JSON_FIELD(struct raw, nonce, JSON_KIND_STRING, true, 2 * OPERATION_NONCE_LEN),
    JSON_FIELD(struct raw, not_after, JSON_KIND_STRING, true, 32),
    JSON_FIELD(struct raw, old_key, JSON_KIND_STRING, true, 2 * PS_SHA256_LEN),
    JSON_FIELD(struct raw, type, JSON_KIND_STRING, true, 32),
    JSON_FIELD(struct raw, v, JSON_KIND_STRING, true, 1),
};

typedef enum ps_err decode_fn(struct ps_bytes text, struct ps_buf *out);

/* Exactly `len` octets into `out`. */
static enum ps_err take(const char *member, struct ps_bytes text, decode_fn *decode, uint8_t *out,
                        size_t len)
{
    PS_BUF_AUTO octets = {.max = CLIENT_SPKI_MAX};

    if (decode(text, &octets) != PS_OK || octets.len != len) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\" of the statement: not %zu octets", member,
                       len);
    }
    memcpy(out, octets.data, len);
    return PS_OK;
}

static enum ps_err take_new_key(struct ps_bytes text, struct client_statement *statement)
{
    PS_BUF_AUTO octets = {.max = CLIENT_SPKI_MAX};

    if (ps_base64url_decode(text, &octets) != PS_OK || octets.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "member \"new_key\" of the statement: no public key in DER");
    }
    memcpy(statement->new_key, octets.data, octets.len);
    statement->new_key_len = octets.len;
    return PS_OK;
}

static enum ps_err take_members(const struct raw *raw, struct client_statement *statement)
{
    uint64_t real_ns;

    if (!ps_bytes_equal_str(raw->type, TYPE) || !ps_bytes_equal_str(raw->v, "1")) {
        return ps_fail(PS_E_INPUT, 0, "the statement is not of type " TYPE ", version 1");
    }
    PS_TRY(take("appliance", raw->appliance, ps_hex_decode, statement->appliance, PS_SHA256_LEN));
    PS_TRY(take("nonce", raw->nonce, ps_hex_decode, statement->nonce, OPERATION_NONCE_LEN));
    PS_TRY(take("old_key", raw->old_key, ps_base64url_decode, statement->old_key, PS_SHA256_LEN));
    PS_TRY(take_new_key(raw->new_key, statement));
    PS_TRY(ps_time_parse(raw->not_after, &real_ns));
    statement->not_after_s = real_ns / PS_NS_PER_S;
    statement->client = raw->client;
    return PS_OK;
}

enum ps_err client_statement_parse(struct json *json, struct ps_bytes octets,
                                   struct client_statement *ret_statement)
{
    static const struct json_limits limits = {CLIENT_STATEMENT_MAX, 1, 16};
    struct client_statement statement = {.not_after_s = 0};
    struct raw raw = {.v = {NULL, 0}};
    struct json_value root;

    PS_TRY(json_parse(json, octets, &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "the statement is no JSON object");
    }
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &raw, NULL));
    PS_TRY(json_check_canonical(root));
    PS_TRY(take_members(&raw, &statement));
    *ret_statement = statement;
    return PS_OK;
}

static enum ps_err verify_ecdsa(struct public_key *key, enum ps_alg algorithm,
                                struct ps_bytes octets, struct ps_bytes der)
{
    PS_BUF_AUTO raw = {.max = PS_SIGNATURE_MAX};

    PS_TRY(ecdsa_from_der(der, ps_key_type_info(public_key_type(key))->coordinate, &raw));
    return public_key_verify(key, algorithm, octets, ps_buf_bytes(&raw));
}

static enum ps_err verify_rsa(struct public_key *key, struct ps_bytes octets,
                              struct ps_bytes signature)
{
    const enum ps_err err = public_key_verify(key, PS_ALG_PS256, octets, signature);

    return err == PS_E_DENIED ? public_key_verify(key, PS_ALG_RS256, octets, signature) : err;
}

enum ps_err client_statement_verify(struct ps_bytes octets, struct public_key *key,
                                    struct ps_bytes signature)
{
    const enum ps_key_type type = public_key_type(key);

    if (type == PS_KEY_EC_P256) {
        return verify_ecdsa(key, PS_ALG_ES256, octets, signature);
    }
    if (type == PS_KEY_EC_P384) {
        return verify_ecdsa(key, PS_ALG_ES384, octets, signature);
    }
    if (type == PS_KEY_ED25519) {
        return public_key_verify(key, PS_ALG_EDDSA, octets, signature);
    }
    if (ps_key_type_info(type)->family == PS_FAMILY_RSA) {
        return verify_rsa(key, octets, signature);
    }
    return ps_fail(PS_E_INPUT, 0, "a client's key is RSA, ec-p256, ec-p384 or ed25519");
}
