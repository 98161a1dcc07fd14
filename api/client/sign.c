#include "api/client/internal.h"

#include "lib/base/encode.h"
#include "lib/formats/json.h"

#include <stdio.h>

/* What the appliance takes in one request, with the base64url of the payload. */
#define BODY_MAX (2u * 1024u * 1024u)

static const char *const serializations[] = {"compact", "json", "detached"};

static void put_member(struct ps_buf *body, const char *name, const char *text)
{
    if (text == NULL) {
        return;
    }
    ps_buf_put_str(body, body->len == 1 ? "\"" : ",\"");
    ps_buf_put_str(body, name);
    ps_buf_put_str(body, "\":");
    ps_buf_put_json_string(body, ps_bytes_str(text));
}

static void put_raw(struct ps_buf *body, const char *name, const char *json)
{
    if (json != NULL) {
        ps_buf_printf(body, ",\"%s\":", name);
        ps_buf_put_str(body, json);
    }
}

void privyseal_signed_clear(struct privyseal_signed *result)
{
    privyseal_answer_clear(&result->answer);
    *result = (struct privyseal_signed){0};
}

/* Appends the text of a member, NUL-terminated; objects as they stand. */
static enum ps_err keep_member(struct json_value root, const char *name, struct ps_buf *out,
                               size_t *ret_at)
{
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(root, name, &value)) {
        return PS_E_INPUT;
    }
    if (json_type(value) == JSON_STRING) {
        PS_TRY(json_string(value, &text));
    } else {
        text = json_raw(value);
    }
    *ret_at = out->len;
    ps_buf_put(out, text);
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

static enum ps_err read_signed(struct privyseal_signed *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct answer_memory *memory = result->answer.memory;
    const struct json_limits limits = {CLIENT_ANSWER_MAX, 8, 1000};
    struct json_value root;
    struct json_value version;
    size_t text;
    size_t kid;
    int64_t number;

    PS_TRY(json_new(&json));
    PS_TRY(
        json_parse(json, ps_bytes(result->answer.body, result->answer.body_len), &limits, &root));
    memory->texts.max = CLIENT_ANSWER_MAX;
    PS_TRY(keep_member(root, "jws", &memory->texts, &text));
    PS_TRY(keep_member(root, "kid", &memory->texts, &kid));
    if (!json_member(root, "version", &version)) {
        return PS_E_INPUT;
    }
    PS_TRY(json_integer(version, &number));
    result->signed_text = (const char *)memory->texts.data + text;
    result->kid = (const char *)memory->texts.data + kid;
    result->version = (uint32_t)number;
    return PS_OK;
}

static enum privyseal_result post(struct privyseal *client, const char *path, struct ps_buf *body,
                                  struct privyseal_signed *ret_signed)
{
    struct privyseal_request request = {.method = "POST", .path = path};
    enum privyseal_result result;

    *ret_signed = (struct privyseal_signed){0};
    ps_buf_put_u8(body, '}');
    if (ps_buf_status(body) != PS_OK) {
        return client_fail(client, PRIVYSEAL_USAGE, "more than %u octets to sign", BODY_MAX);
    }
    request.body = (const char *)body->data;
    request.body_len = body->len;
    result = privyseal_call(client, &request, &ret_signed->answer);
    if (result != PRIVYSEAL_OK) {
        return result;
    }
    if (read_signed(ret_signed) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer without a signature");
    }
    return PRIVYSEAL_OK;
}

enum privyseal_result privyseal_sign_jws(struct privyseal *client,
                                         const struct privyseal_jws *request,
                                         struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = {0};

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || (unsigned)request->serialization > PRIVYSEAL_DETACHED) {
        return client_fail(client, PRIVYSEAL_USAGE, "a JWS needs a key and a serialization");
    }
    ps_buf_init(&body, BODY_MAX);
    ps_buf_put_u8(&body, '{');
    put_member(&body, "key", request->key);
    put_member(&body, "algorithm", request->algorithm);
    put_member(&body, "serialization", serializations[request->serialization]);
    put_raw(&body, "header", request->header);
    put_raw(&body, "b64", request->unencoded != 0 ? "false" : NULL);
    ps_buf_put_str(&body, ",\"payload\":\"");
    ps_buf_put_base64url(&body, ps_bytes(request->payload, request->payload_len));
    ps_buf_put_u8(&body, '"');
    return post(client, "/v1/jws/sign", &body, ret_signed);
}

enum privyseal_result privyseal_sign_jwt(struct privyseal *client,
                                         const struct privyseal_jwt *request,
                                         struct privyseal_signed *ret_signed)
{
    PS_BUF_AUTO body = {0};

    *ret_signed = (struct privyseal_signed){0};
    if (request->key == NULL || request->claims == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "a JWT needs a key and claims");
    }
    ps_buf_init(&body, BODY_MAX);
    ps_buf_put_u8(&body, '{');
    put_member(&body, "key", request->key);
    put_member(&body, "algorithm", request->algorithm);
    put_member(&body, "typ", request->type);
    put_raw(&body, "claims", request->claims);
    if (request->ttl_s != 0) {
        ps_buf_printf(&body, ",\"ttl_s\":%u", request->ttl_s);
    }
    return post(client, "/v1/jwt/sign", &body, ret_signed);
}

enum privyseal_result privyseal_get_jwks(struct privyseal *client, const char *set,
                                         struct privyseal_answer *ret_answer)
{
    char path[160] = "/v1/jwks";

    if (set != NULL) {
        if (strlen(set) > 128) {
            return client_fail(client, PRIVYSEAL_USAGE, "a set's name has at most 128 characters");
        }
        (void)snprintf(path, sizeof path, "/v1/jwks/%s", set);
    }
    return privyseal_call(client, &(struct privyseal_request){.method = "GET", .path = path},
                          ret_answer);
}
