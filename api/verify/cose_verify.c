#include "api/handlers.h"
#include "api/verify/keyset.h"
#include "api/verify/verify.h"
#include "lib/base/encode.h"
#include "lib/formats/cose/cose.h"

#define AAD_MAX      (64u * 1024u)
#define COSE_KEY_MAX 2048u

struct verify_body {
    struct ps_bytes cose;
    struct ps_bytes key;
    struct ps_bytes cose_key;
    struct json_value jwks;
    struct json_value certificates;
    struct ps_bytes payload;
    struct ps_bytes external_aad;
    struct ps_bytes algorithm;
};

static const struct json_field verify_fields[] = {
    JSON_FIELD(struct verify_body, cose, JSON_KIND_OCTETS, true, IPC_PAYLOAD_MAX),
    JSON_FIELD(struct verify_body, key, JSON_KIND_NAME, false, 128),
    JSON_FIELD(struct verify_body, cose_key, JSON_KIND_OCTETS, false, COSE_KEY_MAX),
    JSON_FIELD(struct verify_body, jwks, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct verify_body, certificates, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct verify_body, payload, JSON_KIND_OCTETS, false, IPC_PAYLOAD_MAX),
    JSON_FIELD(struct verify_body, external_aad, JSON_KIND_OCTETS, false, AAD_MAX),
    JSON_FIELD(struct verify_body, algorithm, JSON_KIND_STRING, false, 16),
};

/* A COSE_Sign1 that is being verified, and with what. */
struct verification {
    struct verify_body body;
    struct cose_parsed cose;
    enum ps_alg algorithm;
    struct ps_buf kid; /* of the key that verified it */
};

static void verification_clear(struct verification *verification)
{
    ps_buf_clear(&verification->kid);
}

static enum ps_err check_sources(const struct verify_body *body)
{
    const unsigned sources =
        (body->key.data != NULL ? 1u : 0u) + (body->cose_key.data != NULL ? 1u : 0u) +
        (body->jwks.doc != NULL ? 1u : 0u) + (body->certificates.doc != NULL ? 1u : 0u);

    if (sources != 1) {
        return ps_fail(PS_E_INPUT, 0,
                       "one of \"key\", \"cose_key\", \"jwks\" and \"certificates\"");
    }
    return PS_OK;
}

/*
 * RFC 9052 section 3.1: alg MUST be authenticated. Where the protected header does not have it, the
 * caller says it, and what stands in the other header may only agree.
 */
static enum ps_err choose_algorithm(struct verification *verification)
{
    const struct cose_parsed *cose = &verification->cose;
    const struct ps_bytes name = verification->body.algorithm;
    const enum ps_alg asked = ps_alg_by_name(name);

    if (name.data != NULL && asked == PS_ALG_NONE) {
        return ps_fail(PS_E_INPUT, 0, "no algorithm of that name");
    }
    if (cose->alg == PS_ALG_NONE && asked == PS_ALG_NONE) {
        return ps_fail(PS_E_INPUT, 0,
                       "COSE: the protected header has no algorithm; member \"algorithm\" says "
                       "which it must be");
    }
    verification->algorithm = asked != PS_ALG_NONE ? asked : cose->alg;
    if ((cose->alg != PS_ALG_NONE && cose->alg != verification->algorithm) ||
        (cose->unsigned_alg != PS_ALG_NONE && cose->unsigned_alg != verification->algorithm)) {
        return ps_fail(PS_E_INPUT, 0, "COSE: its header has another algorithm than \"algorithm\"");
    }
    return PS_OK;
}

static enum ps_err read_request(struct exchange *exchange, struct verification *verification)
{
    struct verify_body *body = &verification->body;
    struct json_value root;

    PS_TRY(exchange_read_json(exchange, &root));
    PS_TRY(json_read_object(root, verify_fields, PS_COUNT_OF(verify_fields), body, NULL));
    PS_TRY(check_sources(body));
    PS_TRY(cose_parse(body->cose, &body->payload, &verification->cose));
    return choose_algorithm(verification);
}

static enum ps_err try_key(void *context, const struct keyset_key *key)
{
    struct verification *verification = context;

    PS_TRY(cose_verify(&verification->cose, verification->body.external_aad,
                       verification->algorithm, key->key));
    ps_buf_put(&verification->kid, key->kid);
    return ps_buf_status(&verification->kid);
}

static void put_octets(const char *member, struct ps_bytes octets, struct ps_buf *out)
{
    ps_buf_printf(out, ",\"%s\":\"", member);
    ps_buf_put_base64url(out, octets);
    ps_buf_put_u8(out, '"');
}

static void answer(struct exchange *exchange, const struct verification *verification,
                   enum ps_err err)
{
    struct ps_buf *out = http_request_out(exchange->request);

    if (err != PS_OK) {
        verify_answer_not_valid(exchange, err);
        return;
    }
    ps_buf_put_str(out, "{\"valid\":true,\"kid\":");
    ps_buf_put_json_string(out, ps_buf_bytes(&verification->kid));
    ps_buf_printf(out, ",\"algorithm\":\"%s\"", ps_alg_info(verification->algorithm)->name);
    put_octets("protected", verification->cose.protected_map, out);
    put_octets("unprotected", verification->cose.unprotected, out);
    put_octets("payload", verification->cose.payload, out);
    ps_buf_put_u8(out, '}');
    exchange_answer_json(exchange);
}

/* Of ours every version is tried: a kid is a hint, and may have the caller's prefix before it. */
static void on_keys(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                    const void *message)
{
    PS_CLEANUP(verification_clear) struct verification verification = {.kid = {.max = 1024}};
    struct json_value jwks;
    enum ps_err err;

    (void)item;
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    /* Read again: the reader has had other requests since. */
    err = read_request(exchange, &verification);
    if (err == PS_OK) {
        err = verify_read_jwks(exchange, message, &jwks);
    }
    if (err == PS_OK) {
        const struct keyset_wish wish = {.is_ours = true, .alg = verification.algorithm};

        err = keyset_try_jwks(jwks, &wish, try_key, &verification);
    }
    answer(exchange, &verification, err);
}

static enum ps_err try_cose_key(struct verification *verification)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public_key = NULL;
    struct keyset_key key = {.alg = PS_ALG_NONE};

    PS_TRY(cose_key_read(verification->body.cose_key, &public_key, &key.alg));
    if (!ps_alg_fits(verification->algorithm, public_key_type(public_key)) ||
        (key.alg != PS_ALG_NONE && key.alg != verification->algorithm)) {
        return PS_E_NOT_FOUND;
    }
    key.key = public_key;
    key.kid = public_key_kid(public_key);
    return try_key(verification, &key);
}

static enum ps_err verify_with_body(struct verification *verification)
{
    const struct verify_body *body = &verification->body;
    const struct keyset_wish wish = {.alg = verification->algorithm, .kid = verification->cose.kid};

    if (body->cose_key.data != NULL) {
        return try_cose_key(verification);
    }
    if (body->jwks.doc != NULL) {
        return keyset_try_jwks(body->jwks, &wish, try_key, verification);
    }
    return keyset_try_certificates(body->certificates, &wish, try_key, verification);
}

static void on_access(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                      const void *message)
{
    PS_CLEANUP(verification_clear) struct verification verification = {.kid = {.max = 1024}};
    enum ps_err err;

    (void)item;
    if (!verify_is_allowed(exchange, info, message)) {
        return;
    }
    err = read_request(exchange, &verification);
    answer(exchange, &verification, err == PS_OK ? verify_with_body(&verification) : err);
}

void cose_verify1(struct exchange *exchange)
{
    PS_CLEANUP(verification_clear) struct verification verification = {.kid = {.max = 1024}};
    const enum ps_err err = read_request(exchange, &verification);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
    } else if (verification.body.key.data != NULL) {
        verify_ask_keys(exchange, verification.body.key, PS_FORMAT_COSE, on_keys);
    } else {
        verify_ask_access(exchange, "cose.verify", PS_FORMAT_COSE, on_access);
    }
}
