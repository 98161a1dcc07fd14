#include "frontends/certify/claims.h"
#include "frontends/certify/token_keys.h"

static const struct json_limits limits = {256 * 1024, 8, 4000, false};

void token_key_set_clear(struct token_key_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        public_key_free(set->keys[i].key);
        ps_buf_clear(&set->keys[i].kid);
    }
    set->count = 0;
}

/* A key of another kind, and one for other uses, is passed over. */
static enum ps_err add_key(struct json_value jwk, struct token_key_set *set)
{
    struct token_key *key = &set->keys[set->count];
    struct ps_bytes text;

    if (json_type(jwk) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "no JWK set: a key that is no object");
    }
    if (claims_text(jwk, "use", &text) && !ps_bytes_equal_str(text, "sig")) {
        return PS_OK;
    }
    if (set->count == TOKEN_KEYS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a JWK set of more than %u keys", TOKEN_KEYS_MAX);
    }
    *key = (struct token_key){.kid = {.max = 1024}};
    if (public_key_from_jwk_value(jwk, &key->key) != PS_OK) {
        return PS_OK;
    }
    set->count++;
    if (claims_text(jwk, "alg", &text)) {
        key->alg = ps_alg_by_name(text);
    }
    if (claims_text(jwk, "kid", &text)) {
        ps_buf_put(&key->kid, text);
    }
    return ps_buf_status(&key->kid);
}

static enum ps_err add_keys(struct json *json, struct ps_bytes text, struct token_key_set *set)
{
    struct json_value root;
    struct json_value keys;
    struct json_value jwk;
    uint32_t cursor = 0;

    PS_TRY(json_parse(json, text, &limits, &root));
    if (json_type(root) != JSON_OBJECT || !json_member(root, "keys", &keys) ||
        json_type(keys) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "no JWK set: no \"keys\"");
    }
    while (json_next(keys, &cursor, NULL, &jwk)) {
        PS_TRY(add_key(jwk, set));
    }
    return PS_OK;
}

enum ps_err token_key_set_parse(struct ps_bytes text, struct token_key_set *ret_set)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    enum ps_err err;

    ret_set->count = 0;
    PS_TRY(json_new(&json));
    err = add_keys(json, text, ret_set);
    if (err != PS_OK) {
        token_key_set_clear(ret_set);
    }
    return err;
}
