#include "tests/bench/scripts.h"
#include "tests/bench/talk.h"

#include "lib/base/clock.h"

#include <stdlib.h>

#define BASE     "/v1/certify"
#define BODY_MAX 65536u

struct wallets {
    struct load_result *result;
    bool *asked_nonce; /* of each connection */
    struct json_value config;
    struct ps_bytes *tokens;
    size_t token_count;
    size_t next_token;
    struct signer *signer;
    struct json *json;
    struct ps_buf fields; /* of the request that is being made, as the next */
    struct ps_buf body;
};

static void put_post(const struct wallets *wallets, const char *path, const char *media,
                     struct ps_buf *out)
{
    talk_put(&(struct talk){.method = "POST",
                            .path = ps_bytes_str(path),
                            .media = media,
                            .fields = ps_buf_bytes(&wallets->fields),
                            .body = ps_buf_bytes(&wallets->body)},
             out);
}

static void begin(void *context, unsigned connection, struct ps_buf *request)
{
    struct wallets *wallets = context;

    wallets->asked_nonce[connection] = true;
    ps_buf_reset(&wallets->fields);
    ps_buf_reset(&wallets->body);
    put_post(wallets, BASE "/nonce", "application/json", request);
}

static void put_proof(const struct wallets *wallets, struct ps_bytes nonce, struct ps_buf *out)
{
    PS_BUF_AUTO claims = {.max = 4096};

    ps_buf_printf(&claims, "{\"aud\":\"%.*s\",\"iat\":%llu,\"nonce\":\"%.*s\"}",
                  PS_BYTES_FMT(talk_text(wallets->config, "issuer")),
                  (unsigned long long)(ps_clock_real_ns() / PS_NS_PER_S), PS_BYTES_FMT(nonce));
    signer_put_jwt(wallets->signer, talk_text(wallets->config, "header"), ps_buf_bytes(&claims),
                   out);
}

static void ask_credential(struct wallets *wallets, struct ps_bytes nonce, struct ps_buf *request)
{
    const struct ps_bytes token = wallets->tokens[wallets->next_token++ % wallets->token_count];

    ps_buf_reset(&wallets->fields);
    ps_buf_printf(&wallets->fields, "Authorization: Bearer %.*s\r\n", PS_BYTES_FMT(token));
    ps_buf_reset(&wallets->body);
    ps_buf_printf(&wallets->body,
                  "{\"credential_configuration_id\":\"%.*s\",\"proofs\":{\"jwt\":[\"",
                  PS_BYTES_FMT(talk_text(wallets->config, "configuration")));
    put_proof(wallets, nonce, &wallets->body);
    ps_buf_put_str(&wallets->body, "\"]}}");
    put_post(wallets, BASE "/issuance/credential", "application/json", request);
}

/* An SD-JWT is a JWS up to its first disclosure; one in JSON-LD is an object. */
static bool take_credential(struct wallets *wallets, struct json_value root)
{
    struct json_value list;
    struct json_value item;
    struct json_value credential;
    struct ps_bytes text;
    const uint8_t *end;
    uint32_t cursor = 0;

    if (!json_member(root, "credentials", &list) || !json_next(list, &cursor, NULL, &item) ||
        !json_member(item, "credential", &credential)) {
        return false;
    }
    if (json_type(credential) == JSON_OBJECT) {
        talk_keep_document(wallets->result, json_raw(credential));
        return true;
    }
    if (json_string(credential, &text) != PS_OK) {
        return false;
    }
    end = memchr(text.data, '~', text.len);
    talk_keep(wallets->result,
              ps_bytes(text.data, end == NULL ? text.len : (size_t)(end - text.data)));
    return true;
}

static enum load_step next(void *context, unsigned connection, const struct load_answer *answer,
                           struct ps_buf *request)
{
    struct wallets *wallets = context;
    const bool was_nonce = wallets->asked_nonce[connection];
    PS_BUF_AUTO nonce = {.max = 256};
    struct json_value root;

    wallets->asked_nonce[connection] = false;
    if (answer->status != 200 ||
        json_parse(wallets->json, answer->body, &JSON_LIMITS_REQUEST, &root) != PS_OK ||
        !(was_nonce ? talk_get(root, "c_nonce", &nonce) : take_credential(wallets, root))) {
        talk_show_failure(was_nonce ? "nonce" : "credential", answer);
        return LOAD_FAILED;
    }
    if (!was_nonce) {
        return LOAD_DONE;
    }
    ask_credential(wallets, ps_buf_bytes(&nonce), request);
    return LOAD_GOES_ON;
}

struct load_script wallets_script(struct ps_bytes config, unsigned connections,
                                  struct load_result *result)
{
    struct wallets *wallets = calloc(1, sizeof *wallets);

    if (wallets == NULL || json_new(&wallets->json) != PS_OK) {
        exit(1);
    }
    wallets->result = result;
    wallets->config = talk_read(config);
    wallets->signer = signer_read(talk_text(wallets->config, "key"));
    wallets->asked_nonce = calloc(connections, sizeof *wallets->asked_nonce);
    talk_texts(wallets->config, "tokens", &wallets->tokens, &wallets->token_count);
    ps_buf_init(&wallets->fields, BODY_MAX);
    ps_buf_init(&wallets->body, BODY_MAX);
    return (struct load_script){.context = wallets, .begin = begin, .next = next};
}
