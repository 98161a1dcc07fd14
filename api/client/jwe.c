#include "api/client/privyseal_jwe.h"

#include "api/client/internal.h"

#include "lib/base/encode.h"

void privyseal_encrypted_clear(struct privyseal_encrypted *result)
{
    privyseal_answer_clear(&result->answer);
    *result = (struct privyseal_encrypted){0};
}

static enum ps_err read_encrypted(struct privyseal_encrypted *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct answer_memory *memory = result->answer.memory;
    struct json_value root;
    size_t at;

    PS_TRY(client_read_answer(&result->answer, &json, &root));
    memory->texts.max = CLIENT_ANSWER_MAX;
    PS_TRY(client_keep_member(root, "jwe", &memory->texts, &at));
    result->jwe = (const char *)memory->texts.data + at;
    return PS_OK;
}

enum privyseal_result privyseal_encrypt_jwe(struct privyseal *client,
                                            const struct privyseal_jwe *request,
                                            struct privyseal_encrypted *ret_encrypted)
{
    const int targets = (request->jwk != NULL ? 1 : 0) + (request->certificate != NULL ? 1 : 0) +
                        (request->key != NULL ? 1 : 0);
    enum privyseal_result result;
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_encrypted = (struct privyseal_encrypted){0};
    if (targets != 1) {
        return client_fail(client, PRIVYSEAL_USAGE, "a JWE is for a JWK, a certificate or a key");
    }
    ps_buf_put_u8(&body, '{');
    client_put_member(&body, "key", request->key);
    client_put_member(&body, "certificate", request->certificate);
    client_put_member(&body, "algorithm", request->algorithm);
    client_put_member(&body, "encryption", request->encryption);
    client_put_raw(&body, "jwk", request->jwk);
    client_put_raw(&body, "header", request->header);
    client_put_raw(&body, "include", request->include);
    client_put_octets(&body, "plaintext", request->plaintext, request->plaintext_len);
    result = client_post(client, "/v1/jwe/encrypt", &body, &ret_encrypted->answer);
    if (result == PRIVYSEAL_OK && read_encrypted(ret_encrypted) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer without a JWE");
    }
    return result;
}

void privyseal_decrypted_clear(struct privyseal_decrypted *result)
{
    privyseal_answer_clear(&result->answer);
    *result = (struct privyseal_decrypted){0};
}

static enum ps_err read_decrypted(struct privyseal_decrypted *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct answer_memory *memory = result->answer.memory;
    struct json_value root;
    struct json_value plaintext;
    struct ps_bytes text;
    size_t header;
    size_t kid;
    size_t at;

    PS_TRY(client_read_answer(&result->answer, &json, &root));
    PS_TRY(client_make_room(&result->answer));
    if (!json_member(root, "plaintext", &plaintext) || json_string(plaintext, &text) != PS_OK) {
        return PS_E_INPUT;
    }
    PS_TRY(client_keep_member(root, "header", &memory->texts, &header));
    PS_TRY(client_keep_member(root, "kid", &memory->texts, &kid));
    at = memory->texts.len;
    PS_TRY(ps_base64url_decode(text, &memory->texts));
    result->plaintext_len = memory->texts.len - at;
    ps_buf_put_u8(&memory->texts, '\0');
    PS_TRY(ps_buf_status(&memory->texts));
    result->plaintext = memory->texts.data + at;
    result->header = (const char *)memory->texts.data + header;
    result->kid = (const char *)memory->texts.data + kid;
    return PS_OK;
}

enum privyseal_result privyseal_decrypt_jwe(struct privyseal *client, const char *key,
                                            const char *jwe,
                                            struct privyseal_decrypted *ret_decrypted)
{
    enum privyseal_result result;
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);

    *ret_decrypted = (struct privyseal_decrypted){0};
    if (key == NULL || jwe == NULL) {
        return client_fail(client, PRIVYSEAL_USAGE, "decrypting needs a key and a JWE");
    }
    ps_buf_put_u8(&body, '{');
    client_put_member(&body, "key", key);
    client_put_member(&body, "jwe", jwe);
    result = client_post(client, "/v1/jwe/decrypt", &body, &ret_decrypted->answer);
    if (result == PRIVYSEAL_OK && read_decrypted(ret_decrypted) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer without a plaintext");
    }
    return result;
}
