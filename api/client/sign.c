#include "api/client/privyseal_sign.h"

#include "api/client/internal.h"

#include "lib/base/encode.h"
#include "lib/formats/json/json.h"

#include <stdio.h>

static const char *const serializations[] = {"compact", "json", "detached"};

void privyseal_signed_clear(struct privyseal_signed *result)
{
    privyseal_answer_clear(&result->answer);
    *result = (struct privyseal_signed){0};
}

/* `member`: of the answer, with what was signed. */
static enum ps_err read_signed(const char *member, struct privyseal_signed *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct answer_memory *memory = result->answer.memory;
    struct json_value root;
    struct json_value version;
    size_t text;
    size_t kid;
    int64_t number;

    PS_TRY(client_read_answer(&result->answer, &json, &root));
    memory->texts.max = CLIENT_ANSWER_MAX;
    PS_TRY(client_keep_member(root, member, &memory->texts, &text));
    PS_TRY(client_keep_member(root, "kid", &memory->texts, &kid));
    if (!json_member(root, "version", &version)) {
        return PS_E_INPUT;
    }
    PS_TRY(json_integer(version, &number));
    result->signed_text = (const char *)memory->texts.data + text;
    result->kid = (const char *)memory->texts.data + kid;
    result->version = (uint32_t)number;
    return PS_OK;
}

/* algorithm: NULL: the key's own. */
static void begin(struct ps_buf *body, const char *key, const char *algorithm)
{
    ps_buf_put_u8(body, '{');
    client_put_member(body, "key", key);
    client_put_member(body, "algorithm", algorithm);
}

static enum privyseal_result post(struct privyseal *client, const char *path, const char *member,
                                  struct ps_buf *body, struct privyseal_signed *ret_signed)
{
    enum privyseal_result result;

    *ret_signed = (struct privyseal_signed){0};
    result = client_post(client, path, body, &ret_signed->answer);
    if (result != PRIVYSEAL_OK) {
        return result;
    }
    if (read_signed(member, ret_signed) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer without a signature");
    }
    return PRIVYSEAL_OK;
}

enum privyseal_result privyseal_sign_jws(struct privyseal *client,
                                         const struct privyseal_jws *request,
                                         struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || (unsigned)request->serialization > PRIVYSEAL_DETACHED) {
        return client_fail(client, PRIVYSEAL_USAGE, "a JWS needs a key and a serialization");
    }
    begin(&body, request->key, request->algorithm);
    client_put_member(&body, "serialization", serializations[request->serialization]);
    client_put_raw(&body, "header", request->header);
    client_put_raw(&body, "include", request->include);
    client_put_raw(&body, "b64", request->unencoded != 0 ? "false" : NULL);
    client_put_octets(&body, "payload", request->payload, request->payload_len);
    return post(client, "/v1/jws/sign", "jws", &body, ret_signed);
}

static void put_ttl(struct ps_buf *body, unsigned ttl_s)
{
    if (ttl_s != 0) {
        ps_buf_printf(body, ",\"ttl_s\":%u", ttl_s);
    }
}

enum privyseal_result privyseal_sign_jwt(struct privyseal *client,
                                         const struct privyseal_jwt *request,
                                         struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || request->claims == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "a JWT needs a key and claims");
    }
    begin(&body, request->key, request->algorithm);
    client_put_member(&body, "typ", request->type);
    client_put_raw(&body, "claims", request->claims);
    put_ttl(&body, request->ttl_s);
    return post(client, "/v1/jwt/sign", "jws", &body, ret_signed);
}

enum privyseal_result privyseal_sign_sd_jwt(struct privyseal *client,
                                            const struct privyseal_sd_jwt *request,
                                            struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || request->payload == NULL || request->type == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "an SD-JWT needs a key, a payload and a type");
    }
    begin(&body, request->key, request->algorithm);
    client_put_member(&body, "typ", request->type);
    client_put_raw(&body, "payload", request->payload);
    client_put_raw(&body, "include", request->include);
    return post(client, "/v1/sd-jwt/sign", "jws", &body, ret_signed);
}

enum privyseal_result privyseal_sign_data_integrity(struct privyseal *client,
                                                    const struct privyseal_proof *request,
                                                    struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || request->cryptosuite == NULL || request->proof_hash == NULL ||
        request->document_hash == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "a proof needs a key, a suite and two hashes");
    }
    begin(&body, request->key, NULL);
    client_put_member(&body, "cryptosuite", request->cryptosuite);
    client_put_octets(&body, "proof_hash", request->proof_hash, request->hash_len);
    client_put_octets(&body, "document_hash", request->document_hash, request->hash_len);
    return post(client, "/v1/data-integrity/sign", "proof_value", &body, ret_signed);
}

static void put_headers(struct ps_buf *body, const struct privyseal_cose_headers *headers)
{
    client_put_raw(body, "protected", headers->in_protected);
    client_put_raw(body, "unprotected", headers->in_unprotected);
    client_put_raw(body, "include", headers->include);
    client_put_raw(body, "include_protected", headers->include_protected);
    client_put_member(body, "kid_prefix", headers->kid_prefix);
}

enum privyseal_result privyseal_sign_cose(struct privyseal *client,
                                          const struct privyseal_cose *request,
                                          struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "a COSE_Sign1 needs a key");
    }
    begin(&body, request->key, request->algorithm);
    put_headers(&body, &request->headers);
    if (request->external_aad != NULL) {
        client_put_octets(&body, "external_aad", request->external_aad, request->external_aad_len);
    }
    client_put_raw(&body, "tagged", request->untagged != 0 ? "false" : NULL);
    client_put_raw(&body, "detached", request->detached != 0 ? "true" : NULL);
    client_put_octets(&body, "payload", request->payload, request->payload_len);
    return post(client, "/v1/cose/sign1", "cose", &body, ret_signed);
}

enum privyseal_result privyseal_sign_cwt(struct privyseal *client,
                                         const struct privyseal_cwt *request,
                                         struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || request->claims == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "a CWT needs a key and claims");
    }
    begin(&body, request->key, request->algorithm);
    client_put_member(&body, "tag", request->tag);
    put_headers(&body, &request->headers);
    client_put_raw(&body, "claims", request->claims);
    put_ttl(&body, request->ttl_s);
    return post(client, "/v1/cwt/sign", "cwt", &body, ret_signed);
}

enum privyseal_result privyseal_sign_cms(struct privyseal *client,
                                         const struct privyseal_cms *request,
                                         struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || (request->content == NULL) == (request->digest == NULL)) {
        return client_fail(client, PRIVYSEAL_USAGE, "CMS needs a key, and content or a digest");
    }
    begin(&body, request->key, request->algorithm);
    if (request->content != NULL) {
        client_put_octets(&body, "content", request->content, request->content_len);
    } else {
        client_put_octets(&body, "digest", request->digest, request->digest_len);
    }
    return post(client, "/v1/cms/sign", "cms", &body, ret_signed);
}

enum privyseal_result privyseal_get_jwks(struct privyseal *client, const char *set,
                                         struct privyseal_answer *ret_answer)
{
    char path[160] = "/v1/jwks";

    if (set != NULL) {
        if (!client_name_is_valid(set)) {
            return client_fail(client, PRIVYSEAL_USAGE, "that is no name of a set");
        }
        (void)snprintf(path, sizeof path, "/v1/jwks/%s", set);
    }
    return privyseal_call(client, &(struct privyseal_request){.method = "GET", .path = path},
                          ret_answer);
}

enum privyseal_result privyseal_get_certificate(struct privyseal *client, const char *key,
                                                struct privyseal_answer *ret_answer)
{
    char path[CLIENT_PATH_MAX];

    if (!client_put_key_path(key, "certificate", path)) {
        return client_fail(client, PRIVYSEAL_USAGE, "a certificate is that of a key, by its name");
    }
    return privyseal_call(client, &(struct privyseal_request){.method = "GET", .path = path},
                          ret_answer);
}
