#include "api/handlers.h"
#include "api/verify/verify.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/formats/jose/jwe.h"

/* Encrypting takes a public key only, so that it is done here. */

#define CERTIFICATE_MAX (16u * 1024u)

struct encrypt_body {
    struct json_value jwk;
    struct ps_bytes certificate;
    struct ps_bytes key;
    struct ps_bytes plaintext;
    struct ps_bytes algorithm;
    struct ps_bytes encryption;
    struct json_value header;
    struct ps_bytes apu;
    struct ps_bytes apv;
    struct json_value include;
};

static const struct json_field encrypt_fields[] = {
    JSON_FIELD(struct encrypt_body, jwk, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct encrypt_body, certificate, JSON_KIND_STRING, false, 2 * CERTIFICATE_MAX),
    JSON_FIELD(struct encrypt_body, key, JSON_KIND_NAME, false, 128),
    JSON_FIELD(struct encrypt_body, plaintext, JSON_KIND_OCTETS, true, JWE_PLAINTEXT_MAX),
    JSON_FIELD(struct encrypt_body, algorithm, JSON_KIND_STRING, false, 32),
    JSON_FIELD(struct encrypt_body, encryption, JSON_KIND_STRING, false, 32),
    JSON_FIELD(struct encrypt_body, header, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct encrypt_body, apu, JSON_KIND_OCTETS, false, JWE_PARTY_MAX),
    JSON_FIELD(struct encrypt_body, apv, JSON_KIND_OCTETS, false, JWE_PARTY_MAX),
    JSON_FIELD(struct encrypt_body, include, JSON_KIND_ARRAY, false, 0),
};

/* To whom it goes. */
struct recipient {
    struct public_key *key;
    struct ps_bytes alg; /* what the JWK says it is for; empty: nothing */
    struct ps_buf kid;
    struct ps_buf x5c; /* JSON array; empty: there is no certificate */
    struct ps_buf x5t; /* base64url */
};

#define RECIPIENT_AUTO                                                                             \
    PS_CLEANUP(recipient_clear)                                                                    \
    struct recipient recipient = {                                                                 \
        .kid = {.max = JWE_KID_MAX}, .x5c = {.max = 2 * CERTIFICATE_MAX + 8}, .x5t = {.max = 64}}

static void recipient_clear(struct recipient *recipient)
{
    public_key_free(recipient->key);
    ps_buf_clear(&recipient->kid);
    ps_buf_clear(&recipient->x5c);
    ps_buf_clear(&recipient->x5t);
}

static enum ps_err read_body(struct exchange *exchange, struct encrypt_body *ret_body)
{
    struct json_value root;
    unsigned targets;

    PS_TRY(exchange_read_json(exchange, &root));
    PS_TRY(json_read_object(root, encrypt_fields, PS_COUNT_OF(encrypt_fields), ret_body, NULL));
    targets = (ret_body->jwk.doc != NULL ? 1u : 0u) + (ret_body->key.data != NULL ? 1u : 0u) +
              (ret_body->certificate.data != NULL ? 1u : 0u);
    if (targets != 1) {
        return ps_fail(PS_E_INPUT, 0, "one of \"jwk\", \"certificate\" and \"key\"");
    }
    return PS_OK;
}

/* A string member; empty when it is absent. */
static enum ps_err text_of(struct json_value object, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    *ret_text = ps_bytes(NULL, 0);
    if (!json_member(object, name, &value)) {
        return PS_OK;
    }
    if (json_string(value, ret_text) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "member \"jwk\": \"%s\" is no string", name);
    }
    return PS_OK;
}

/* RFC 7517 section 4.2: a key that says it is for signatures is not encrypted to. */
static enum ps_err take_jwk(struct json_value jwk, struct recipient *recipient)
{
    struct ps_bytes use;
    struct ps_bytes kid;

    PS_TRY(text_of(jwk, "use", &use));
    PS_TRY(text_of(jwk, "kid", &kid));
    PS_TRY(text_of(jwk, "alg", &recipient->alg));
    if (use.len != 0 && !ps_bytes_equal_str(use, "enc")) {
        return ps_fail(PS_E_STATE, 0, "member \"jwk\": its \"use\" is not enc");
    }
    PS_TRY(public_key_from_jwk_value(jwk, &recipient->key));
    ps_buf_put(&recipient->kid, kid.len != 0 ? kid : public_key_kid(recipient->key));
    if (ps_buf_status(&recipient->kid) == PS_E_LIMIT) {
        return ps_fail(PS_E_INPUT, 0, "member \"jwk\": its \"kid\" is over %d octets", JWE_KID_MAX);
    }
    return ps_buf_status(&recipient->kid);
}

/* The name that MOSIP's keymanager gives such a key: the certificate's own thumbprint. */
static enum ps_err take_certificate(struct ps_bytes text, struct recipient *recipient)
{
    uint8_t hash[PS_SHA256_LEN];
    enum ps_err err;
    PS_BUF_AUTO der = {.max = CERTIFICATE_MAX};

    if (ps_base64_decode(text, &der) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "member \"certificate\": not base64 of DER, as in x5c");
    }
    err = public_key_from_current_certificate(ps_buf_bytes(&der), ps_clock_real_ns() / PS_NS_PER_S,
                                              &recipient->key);
    PS_TRY(err);
    ps_sha256(ps_buf_bytes(&der), hash);
    ps_buf_put_base64url(&recipient->kid, ps_bytes(hash, sizeof hash));
    ps_buf_put_base64url(&recipient->x5t, ps_bytes(hash, sizeof hash));
    ps_buf_printf(&recipient->x5c, "[\"%.*s\"]", PS_BYTES_FMT(text));
    PS_TRY(ps_buf_status(&recipient->x5c));
    return ps_buf_status(&recipient->kid);
}

/* One of our keys, as the keeper describes it: {jwk, version, x5c, x5t#S256}. */
static enum ps_err take_ours(struct json_value document, struct recipient *recipient)
{
    struct json_value value;
    struct ps_bytes text;

    if (json_type(document) != JSON_OBJECT || !json_member(document, "jwk", &value)) {
        return ps_fail(PS_E_INTERNAL, 0, "the keeper sent no recipient");
    }
    PS_TRY(take_jwk(value, recipient));
    if (json_member(document, "x5c", &value)) {
        ps_buf_put(&recipient->x5c, json_raw(value));
        PS_TRY(text_of(document, "x5t#S256", &text));
        ps_buf_put(&recipient->x5t, text);
    }
    PS_TRY(ps_buf_status(&recipient->x5c));
    return ps_buf_status(&recipient->x5t);
}

static enum ps_err read_include(struct json_value array, const struct recipient *recipient,
                                struct jwe_header *header)
{
    uint32_t cursor = 0;
    struct json_value value;

    while (array.doc != NULL && json_next(array, &cursor, NULL, &value)) {
        struct ps_bytes name = ps_bytes(NULL, 0);

        PS_TRY(json_string(value, &name));
        if (ps_bytes_equal_str(name, "x5c") && header->x5c.len == 0) {
            header->x5c = ps_buf_bytes(&recipient->x5c);
        } else if (ps_bytes_equal_str(name, "x5t#S256") && header->x5t_s256.len == 0) {
            header->x5t_s256 = ps_buf_bytes(&recipient->x5t);
        } else {
            return ps_fail(PS_E_INPUT, 0, "member \"include\": x5c and x5t#S256, each once");
        }
        if (recipient->x5c.len == 0) {
            return ps_fail(PS_E_STATE, 0, "member \"include\": the recipient has no certificate");
        }
    }
    return PS_OK;
}

/* What the request names, else what the JWK is for, else the one that fits the key. */
static enum ps_err choose_algorithm(const struct encrypt_body *body,
                                    const struct recipient *recipient, enum jwe_alg *ret_alg)
{
    const bool is_rsa = ps_key_type_info(public_key_type(recipient->key))->family == PS_FAMILY_RSA;
    enum jwe_alg alg = is_rsa ? JWE_RSA_OAEP_256 : JWE_ECDH_ES_A256KW;

    if (body->algorithm.data != NULL) {
        alg = jwe_alg_by_name(body->algorithm);
        if (alg == JWE_ALG_NONE) {
            return ps_fail(PS_E_INPUT, 0,
                           "member \"algorithm\": none of RSA-OAEP-256, ECDH-ES "
                           "and ECDH-ES+A256KW");
        }
    } else if (recipient->alg.len != 0) {
        alg = jwe_alg_by_name(recipient->alg);
    }
    if (recipient->alg.len != 0 && !ps_bytes_equal_str(recipient->alg, jwe_alg_name(alg))) {
        return ps_fail(PS_E_STATE, 0, "member \"jwk\": its \"alg\" is another, or none of ours");
    }
    if (!jwe_alg_fits(alg, public_key_type(recipient->key))) {
        return ps_fail(PS_E_STATE, 0, "the recipient's key does not do this algorithm");
    }
    *ret_alg = alg;
    return PS_OK;
}

static enum ps_err seal(const struct encrypt_body *body, const struct recipient *recipient,
                        struct jwe_header *header, struct ps_buf *out)
{
    PS_TRY(choose_algorithm(body, recipient, &header->alg));
    header->enc = body->encryption.data == NULL ? JWE_A256GCM : jwe_enc_by_name(body->encryption);
    if (header->enc == JWE_ENC_NONE) {
        return ps_fail(PS_E_INPUT, 0, "member \"encryption\": neither A128GCM nor A256GCM");
    }
    PS_TRY(read_include(body->include, recipient, header));
    header->kid = ps_buf_bytes(&recipient->kid);
    header->members = body->header.doc == NULL ? ps_bytes(NULL, 0) : json_raw(body->header);
    header->apu = body->apu;
    header->apv = body->apv;
    return jwe_seal(recipient->key, header, body->plaintext, out);
}

/* What is readable but does not go together is refused; what is not is malformed. */
static void refuse(struct exchange *exchange, enum ps_err err)
{
    if (err == PS_E_STATE) {
        exchange_refuse(exchange, PS_PROBLEM_REFUSED, ps_detail()->text);
    } else {
        exchange_refuse_err(exchange, err);
    }
}

static void encrypt(struct exchange *exchange, const struct encrypt_body *body,
                    const struct recipient *recipient)
{
    struct ps_buf *out = http_request_out(exchange->request);
    struct jwe_header header = {.alg = JWE_ALG_NONE};
    enum ps_err err;

    ps_buf_put_str(out, "{\"jwe\":\"");
    err = seal(body, recipient, &header, out);
    if (err != PS_OK) {
        ps_buf_reset(out);
        refuse(exchange, err);
        return;
    }
    ps_buf_printf(out, "\",\"algorithm\":\"%s\",\"encryption\":\"%s\"}", jwe_alg_name(header.alg),
                  jwe_enc_name(header.enc));
    exchange_answer_json(exchange);
}

/* The body is read again: the reader has had other requests since. */
static void on_recipient(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                         const void *message)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    const struct msg_document *document = message;
    struct encrypt_body body = {.key = {NULL, 0}};
    struct json_value root;
    enum ps_err err;
    RECIPIENT_AUTO;

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    err = read_body(exchange, &body);
    if (err == PS_OK) {
        err = json_parse(exchange->api->other_json, document->body, &limits, &root);
    }
    if (err == PS_OK) {
        err = take_ours(root, &recipient);
    }
    if (err != PS_OK) {
        refuse(exchange, err);
        return;
    }
    encrypt(exchange, &body, &recipient);
}

static void on_access(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                      const void *message)
{
    struct encrypt_body body = {.key = {NULL, 0}};
    enum ps_err err;
    RECIPIENT_AUTO;

    (void)item;
    if (!verify_is_allowed(exchange, info, message)) {
        return;
    }
    err = read_body(exchange, &body);
    if (err == PS_OK) {
        err = body.jwk.doc != NULL ? take_jwk(body.jwk, &recipient)
                                   : take_certificate(body.certificate, &recipient);
    }
    if (err != PS_OK) {
        refuse(exchange, err);
        return;
    }
    encrypt(exchange, &body, &recipient);
}

void jwe_encrypt(struct exchange *exchange)
{
    struct encrypt_body body = {.key = {NULL, 0}};
    const enum ps_err err = read_body(exchange, &body);
    const struct msg_jwe_recipient message = {.caller = exchange_caller(exchange),
                                              .request_id = http_request_id(exchange->request),
                                              .key = body.key};

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
    } else if (body.key.data != NULL) {
        exchange_ask(exchange, &msg_jwe_recipient_info, &message, &msg_document_info, on_recipient);
    } else {
        verify_ask_access(exchange, "jwe.encrypt", PS_FORMAT_NONE, on_access);
    }
}
