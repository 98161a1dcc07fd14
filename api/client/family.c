#include "api/client/privyseal_family.h"

#include "api/client/internal.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <stdio.h>

#define ONCE_LEN 16u

void privyseal_made_key_clear(struct privyseal_made_key *result)
{
    privyseal_answer_clear(&result->answer);
    *result = (struct privyseal_made_key){0};
}

/* A secret key has neither. */
static enum ps_err keep_or_empty(struct json_value version, const char *name, struct ps_buf *out,
                                 size_t *ret_at)
{
    struct json_value value;

    if (json_member(version, name, &value)) {
        return client_keep_member(version, name, out, ret_at);
    }
    *ret_at = out->len;
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

static enum ps_err read_made(struct privyseal_made_key *result)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct answer_memory *memory = result->answer.memory;
    struct json_value root;
    struct json_value versions;
    struct json_value version;
    uint32_t cursor = 0;
    size_t kid;
    size_t jwk;

    PS_TRY(client_read_answer(&result->answer, &json, &root));
    memory->texts.max = CLIENT_ANSWER_MAX;
    if (!json_member(root, "versions", &versions) || json_type(versions) != JSON_ARRAY ||
        !json_next(versions, &cursor, NULL, &version) || json_type(version) != JSON_OBJECT) {
        return PS_E_INPUT;
    }
    PS_TRY(keep_or_empty(version, "kid", &memory->texts, &kid));
    PS_TRY(keep_or_empty(version, "public_jwk", &memory->texts, &jwk));
    /* Only now, since the buffer may move while it grows. */
    result->kid = (const char *)memory->texts.data + kid;
    result->public_jwk = (const char *)memory->texts.data + jwk;
    result->is_new = result->answer.status == 201 ? 1 : 0;
    return PS_OK;
}

/* Of one call, so that what it repeats is done once, and a later call is told what there is. */
static void put_once(struct ps_buf *out)
{
    uint8_t octets[ONCE_LEN];

    ps_random(octets, sizeof octets);
    ps_buf_put_hex(out, ps_bytes(octets, sizeof octets));
    ps_buf_put_u8(out, '\0');
}

enum privyseal_result privyseal_make_key(struct privyseal *client,
                                         const struct privyseal_new_key *request,
                                         struct privyseal_made_key *ret_made)
{
    PS_BUF_AUTO body = PS_BUF_SECRET(CLIENT_BODY_MAX);
    PS_BUF_AUTO once = {.max = 2 * ONCE_LEN + 1};
    enum privyseal_result result;
    char path[CLIENT_PATH_MAX];

    *ret_made = (struct privyseal_made_key){0};
    if (!client_name_is_valid(request->family) || !client_name_is_valid(request->name)) {
        return client_fail(client, PRIVYSEAL_USAGE,
                           "a new key needs the name of its family, and one of its own");
    }
    (void)snprintf(path, sizeof path, "/v1/families/%s/keys", request->family);
    ps_buf_put_u8(&body, '{');
    client_put_member(&body, "name", request->name);
    put_once(&once);
    if (ps_buf_status(&once) != PS_OK) {
        return client_fail(client, PRIVYSEAL_NO_MEMORY, "out of memory");
    }
    result = client_post_once(client, path, (const char *)once.data, &body, &ret_made->answer);
    if (result == PRIVYSEAL_OK && read_made(ret_made) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer without a key");
    }
    return result;
}
