#include "api/client/internal.h"

#include "lib/base/encode.h"

#include <stdio.h>

bool client_name_is_valid(const char *name)
{
    const size_t len = name == NULL ? 0 : strlen(name);

    return len != 0 && len <= 128 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

bool client_put_key_path(const char *key, const char *what, char ret_path[CLIENT_PATH_MAX])
{
    if (!client_name_is_valid(key)) {
        return false;
    }
    (void)snprintf(ret_path, CLIENT_PATH_MAX, "/v1/keys/%s/%s", key, what);
    return true;
}

void client_put_member(struct ps_buf *body, const char *name, const char *text)
{
    if (text == NULL) {
        return;
    }
    ps_buf_put_str(body, body->len == 1 ? "\"" : ",\"");
    ps_buf_put_str(body, name);
    ps_buf_put_str(body, "\":");
    ps_buf_put_json_string(body, ps_bytes_str(text));
}

void client_put_raw(struct ps_buf *body, const char *name, const char *json)
{
    if (json != NULL) {
        ps_buf_printf(body, body->len == 1 ? "\"%s\":" : ",\"%s\":", name);
        ps_buf_put_str(body, json);
    }
}

void client_put_octets(struct ps_buf *body, const char *name, const void *octets, size_t len)
{
    const bool is_first = body->len == 1;

    (void)ps_buf_reserve(body, strlen(name) + ps_base64url_len(len) + sizeof ",\"\":\"\"}");
    ps_buf_put_str(body, is_first ? "\"" : ",\"");
    ps_buf_put_str(body, name);
    ps_buf_put_str(body, "\":\"");
    ps_buf_put_base64url(body, ps_bytes(octets, len));
    ps_buf_put_u8(body, '"');
}

enum ps_err client_read_answer(const struct privyseal_answer *answer, struct json **ret_json,
                               struct json_value *ret_root)
{
    const struct json_limits limits = {CLIENT_ANSWER_MAX, 20, 1000};

    PS_TRY(json_new(ret_json));
    return json_parse(*ret_json, ps_bytes(answer->body, answer->body_len), &limits, ret_root);
}

enum ps_err client_make_room(const struct privyseal_answer *answer)
{
    struct answer_memory *memory = answer->memory;
    struct ps_buf *texts = &memory->texts;

    texts->max = 2 * CLIENT_ANSWER_MAX;
    return ps_buf_reserve(texts, answer->body_len + 64) != NULL ? PS_OK : texts->err;
}

enum ps_err client_keep_member(struct json_value root, const char *name, struct ps_buf *out,
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

enum privyseal_result client_post(struct privyseal *client, const char *path, struct ps_buf *body,
                                  struct privyseal_answer *ret_answer)
{
    return client_post_once(client, path, NULL, body, ret_answer);
}

enum privyseal_result client_post_once(struct privyseal *client, const char *path,
                                       const char *idempotency_key, struct ps_buf *body,
                                       struct privyseal_answer *ret_answer)
{
    struct privyseal_request request = {
        .method = "POST", .path = path, .idempotency_key = idempotency_key};
    enum privyseal_result result;

    ps_buf_put_u8(body, '}');
    if (ps_buf_status(body) == PS_OK) {
        request.body = (const char *)body->data;
        request.body_len = body->len;
        result = privyseal_call(client, &request, ret_answer);
    } else {
        result = client_fail(client, PRIVYSEAL_USAGE, "more than %u octets for one request",
                             CLIENT_BODY_MAX);
    }
    ps_buf_clear(body);
    return result;
}
