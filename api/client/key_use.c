#include "api/client/privyseal_key_use.h"

#include "api/client/internal.h"

#include "lib/base/encode.h"

void privyseal_octets_clear(struct privyseal_octets *result)
{
    privyseal_answer_clear(&result->answer);
    *result = (struct privyseal_octets){0};
}

static enum ps_err read_octets(const char *member, struct privyseal_octets *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct answer_memory *memory = result->answer.memory;
    struct json_value root;
    struct json_value value;
    struct ps_bytes text;
    int64_t number;

    PS_TRY(client_read_answer(&result->answer, &json, &root));
    PS_TRY(client_make_room(&result->answer));
    if (!json_member(root, "version", &value) || json_integer(value, &number) != PS_OK ||
        !json_member(root, member, &value) || json_string(value, &text) != PS_OK) {
        return PS_E_INPUT;
    }
    PS_TRY(ps_base64url_decode(text, &memory->texts));
    result->len = memory->texts.len;
    ps_buf_put_u8(&memory->texts, '\0');
    PS_TRY(ps_buf_status(&memory->texts));
    result->octets = memory->texts.data;
    result->version = (uint32_t)number;
    return PS_OK;
}

static void put_version(struct ps_buf *body, uint32_t version)
{
    if (version != 0) {
        ps_buf_printf(body, ",\"version\":%u", version);
    }
}

/* Sends it and reads the octets of `member`. */
static enum privyseal_result finish(struct privyseal *client, const char *path, struct ps_buf *body,
                                    const char *member, struct privyseal_octets *ret_octets)
{
    const enum privyseal_result result = client_post(client, path, body, &ret_octets->answer);

    if (result == PRIVYSEAL_OK && read_octets(member, ret_octets) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer without a %s", member);
    }
    return result;
}

enum privyseal_result privyseal_make_mac(struct privyseal *client, const char *key,
                                         const void *message, size_t len,
                                         struct privyseal_octets *ret_mac)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);
    char path[CLIENT_PATH_MAX];

    *ret_mac = (struct privyseal_octets){0};
    if (!client_put_key_path(key, "mac", path)) {
        return client_fail(client, PRIVYSEAL_USAGE, "a MAC needs the name of a key");
    }
    ps_buf_put_u8(&body, '{');
    client_put_octets(&body, "message", message, len);
    return finish(client, path, &body, "mac", ret_mac);
}

static enum ps_err read_valid(const struct privyseal_answer *answer, int *ret_valid)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;
    struct json_value value;

    PS_TRY(client_read_answer(answer, &json, &root));
    if (!json_member(root, "valid", &value) ||
        (json_type(value) != JSON_TRUE && json_type(value) != JSON_FALSE)) {
        return PS_E_INPUT;
    }
    *ret_valid = json_type(value) == JSON_TRUE ? 1 : 0;
    return PS_OK;
}

enum privyseal_result privyseal_verify_mac(struct privyseal *client,
                                           const struct privyseal_mac *request, int *ret_valid)
{
    struct privyseal_answer answer = {0};
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);
    enum privyseal_result result;
    char path[CLIENT_PATH_MAX];

    *ret_valid = 0;
    if (!client_put_key_path(request->key, "mac/verify", path)) {
        return client_fail(client, PRIVYSEAL_USAGE, "a MAC needs the name of a key");
    }
    ps_buf_put_u8(&body, '{');
    client_put_octets(&body, "mac", request->mac, request->mac_len);
    put_version(&body, request->version);
    client_put_octets(&body, "message", request->message, request->message_len);
    result = client_post(client, path, &body, &answer);
    if (result == PRIVYSEAL_OK && read_valid(&answer, ret_valid) != PS_OK) {
        result = client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer that says neither");
    }
    privyseal_answer_clear(&answer);
    return result;
}

enum privyseal_result privyseal_encrypt(struct privyseal *client,
                                        const struct privyseal_crypt *request,
                                        struct privyseal_octets *ret_ciphertext)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);
    char path[CLIENT_PATH_MAX];

    *ret_ciphertext = (struct privyseal_octets){0};
    if (!client_put_key_path(request->key, "encrypt", path)) {
        return client_fail(client, PRIVYSEAL_USAGE, "encrypting needs the name of a key");
    }
    ps_buf_put_u8(&body, '{');
    client_put_octets(&body, "aad", request->aad, request->aad_len);
    client_put_octets(&body, "plaintext", request->octets, request->len);
    return finish(client, path, &body, "ciphertext", ret_ciphertext);
}

enum privyseal_result privyseal_decrypt(struct privyseal *client,
                                        const struct privyseal_crypt *request,
                                        struct privyseal_octets *ret_plaintext)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);
    char path[CLIENT_PATH_MAX];

    *ret_plaintext = (struct privyseal_octets){0};
    if (!client_put_key_path(request->key, "decrypt", path)) {
        return client_fail(client, PRIVYSEAL_USAGE, "decrypting needs the name of a key");
    }
    ps_buf_put_u8(&body, '{');
    client_put_octets(&body, "aad", request->aad, request->aad_len);
    put_version(&body, request->version);
    client_put_octets(&body, "ciphertext", request->octets, request->len);
    return finish(client, path, &body, "plaintext", ret_plaintext);
}
