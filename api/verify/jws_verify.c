#include "api/handlers.h"
#include "api/verify/keyset.h"
#include "api/verify/verify.h"
#include "lib/base/encode.h"
#include "lib/formats/jose/jws.h"

#define MEMORY_MAX (6u * 1024u * 1024u)

struct verify_body {
    struct json_value jws;
    struct ps_bytes key;
    struct json_value jwks;
    struct json_value certificates;
    struct ps_bytes payload;
};

static const struct json_field verify_fields[] = {
    JSON_FIELD(struct verify_body, jws, JSON_KIND_ANY, true, 0),
    JSON_FIELD(struct verify_body, key, JSON_KIND_NAME, false, 128),
    JSON_FIELD(struct verify_body, jwks, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct verify_body, certificates, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct verify_body, payload, JSON_KIND_OCTETS, false, IPC_PAYLOAD_MAX),
};

/* A JWS that is being verified, and with what. */
struct verification {
    struct verify_body body;
    struct jws_parsed jws;
    struct ps_buf memory;
    struct ps_buf kid; /* of the key that verified it */
};

static void verification_clear(struct verification *verification)
{
    ps_buf_clear(&verification->memory);
    ps_buf_clear(&verification->kid);
}

static enum ps_err check_sources(const struct verify_body *body)
{
    const unsigned sources = (body->key.data != NULL ? 1u : 0u) +
                             (body->jwks.doc != NULL ? 1u : 0u) +
                             (body->certificates.doc != NULL ? 1u : 0u);

    if (sources != 1) {
        return ps_fail(PS_E_INPUT, 0, "one of \"key\", \"jwks\" and \"certificates\"");
    }
    return PS_OK;
}

/* Compact, as a string; or JSON, as the object itself. */
static enum ps_err jws_text(struct json_value value, struct ps_bytes *ret_text)
{
    if (json_type(value) == JSON_STRING) {
        return json_string(value, ret_text);
    }
    if (json_type(value) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "member \"jws\": neither a string nor an object");
    }
    *ret_text = json_raw(value);
    return PS_OK;
}

static enum ps_err read_request(struct exchange *exchange, struct verification *verification)
{
    struct verify_body *body = &verification->body;
    struct json_value root;
    struct ps_bytes text;
    enum ps_err err;

    PS_TRY(exchange_read_json(exchange, &root));
    PS_TRY(json_read_object(root, verify_fields, PS_COUNT_OF(verify_fields), body, NULL));
    PS_TRY(check_sources(body));
    PS_TRY(jws_text(body->jws, &text));
    err = jws_parse(text, body->payload.data == NULL ? NULL : &body->payload, &verification->memory,
                    &verification->jws);
    return err == PS_E_LIMIT ? PS_E_INPUT : err;
}

static enum ps_err try_key(void *context, const struct keyset_key *key)
{
    struct verification *verification = context;

    PS_TRY(jws_verify(&verification->jws, key->key));
    ps_buf_put(&verification->kid, key->kid);
    return ps_buf_status(&verification->kid);
}

static void put_valid(const struct verification *verification, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"valid\":true,\"kid\":");
    ps_buf_put_json_string(out, ps_buf_bytes(&verification->kid));
    ps_buf_printf(out,
                  ",\"algorithm\":\"%s\",\"header\":", ps_alg_info(verification->jws.alg)->name);
    ps_buf_put(out, verification->jws.header);
    ps_buf_put_str(out, ",\"payload\":\"");
    ps_buf_put_base64url(out, verification->jws.payload);
    ps_buf_put_str(out, "\"}");
}

static void answer(struct exchange *exchange, const struct verification *verification,
                   enum ps_err err)
{
    if (err != PS_OK) {
        verify_answer_not_valid(exchange, err);
        return;
    }
    put_valid(verification, http_request_out(exchange->request));
    exchange_answer_json(exchange);
}

static struct keyset_wish wish_of(const struct verification *verification)
{
    return (struct keyset_wish){.alg = verification->jws.alg, .kid = verification->jws.kid};
}

static enum ps_err verify_with_document(struct exchange *exchange,
                                        const struct msg_document *document,
                                        struct verification *verification)
{
    struct keyset_wish wish = wish_of(verification);
    struct json_value jwks;

    wish.is_ours = true;
    PS_TRY(verify_read_jwks(exchange, document, &jwks));
    return keyset_try_jwks(jwks, &wish, try_key, verification);
}

static void on_keys(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                    const void *message)
{
    PS_CLEANUP(verification_clear)
    struct verification verification = {.memory = {.max = MEMORY_MAX}, .kid = {.max = 1024}};
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
}

static void verify_here(struct exchange *exchange)
{
    PS_CLEANUP(verification_clear)
    struct verification verification = {.memory = {.max = MEMORY_MAX}, .kid = {.max = 1024}};
    enum ps_err err = read_request(exchange, &verification);
    struct keyset_wish wish;

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    wish = wish_of(&verification);
    if (verification.body.jwks.doc != NULL) {
        err = keyset_try_jwks(verification.body.jwks, &wish, try_key, &verification);
    } else {
        err =
            keyset_try_certificates(verification.body.certificates, &wish, try_key, &verification);
    }
    answer(exchange, &verification, err);
}

static void on_access(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                      const void *message)
{
    (void)item;
    if (verify_is_allowed(exchange, info, message)) {
        verify_here(exchange);
    }
}

void jws_check(struct exchange *exchange)
{
    PS_CLEANUP(verification_clear)
    struct verification verification = {.memory = {.max = MEMORY_MAX}, .kid = {.max = 1024}};
    const enum ps_err err = read_request(exchange, &verification);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
    } else if (verification.body.key.data != NULL) {
        verify_ask_keys(exchange, verification.body.key, PS_FORMAT_JWS, on_keys);
    } else {
        verify_ask_access(exchange, "jws.verify", PS_FORMAT_JWS, on_access);
    }
}
