#include "keystore/custody/wrapping_keys.h"

const char *const wrapping_key_names[WRAPPING_KEYS_COUNT] = {
    WRAPPING_KEY_NAME, WRAPPING_SECRETS_KEY_NAME, RECORD_MAC_KEY_NAME};

static const struct key_version *newest_active(const struct keeper *keeper, const char *name)
{
    struct key *key = keys_find(keeper->keys, ps_bytes_str(name));

    return key == NULL || key->state != KEY_ACTIVE ? NULL : key_active(key, real_now_s());
}

static bool are_there(const struct wrapping_keys *keys)
{
    return keys->wrapping != NULL && keys->secrets != NULL && keys->mac != NULL;
}

bool wrapping_keys_now(const struct keeper *keeper, struct wrapping_keys *ret_keys)
{
    const struct wrapping_keys keys = {.wrapping = newest_active(keeper, WRAPPING_KEY_NAME),
                                       .secrets = newest_active(keeper, WRAPPING_SECRETS_KEY_NAME),
                                       .mac = newest_active(keeper, RECORD_MAC_KEY_NAME)};

    *ret_keys = keys;
    return are_there(&keys);
}

static const struct key_version *numbered(const struct keeper *keeper, const char *name,
                                          uint32_t number)
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(name));

    return key == NULL ? NULL : key_version(key, number);
}

bool wrapping_keys_at(const struct keeper *keeper, uint32_t number, struct wrapping_keys *ret_keys)
{
    *ret_keys =
        (struct wrapping_keys){.wrapping = numbered(keeper, WRAPPING_KEY_NAME, number),
                               .secrets = numbered(keeper, WRAPPING_SECRETS_KEY_NAME, number),
                               .mac = numbered(keeper, RECORD_MAC_KEY_NAME, number)};
    return are_there(ret_keys);
}

const struct key_version *wrapping_keys_for(const struct wrapping_keys *keys, enum ps_key_type type)
{
    return ps_key_type_info(type)->family == PS_FAMILY_SECRET ? keys->secrets : keys->wrapping;
}

bool wrapping_keys_have(const struct key *key)
{
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        if (strcmp(key->name, wrapping_key_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* By the newest: who has that has what keys were wrapped with before, or is asked in vain once. */
static struct token *find_ready_holder(const struct keeper *keeper)
{
    struct wrapping_keys keys;
    struct token *token;

    if (!wrapping_keys_now(keeper, &keys)) {
        return NULL;
    }
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        if (tokens_is_ready(token) && version_is_on(keys.wrapping, tokens_name(token))) {
            return token;
        }
    }
    return NULL;
}

struct token *wrapping_keys_maker(const struct keeper *keeper, struct ps_bytes token)
{
    struct token *own = tokens_find(keeper->tokens, token);
    struct token *other = NULL;

    if (own == NULL || !tokens_is_ready(own)) {
        other = find_ready_holder(keeper);
    }
    return other == NULL ? own : other;
}

struct token *wrapping_keys_token_for(const struct keeper *keeper, const struct key *key)
{
    const struct ps_bytes token = ps_bytes_str(key->token);

    return key->is_wrapped ? wrapping_keys_maker(keeper, token)
                           : tokens_find(keeper->tokens, token);
}

bool wrapping_keys_allow(const struct keeper *keeper, const struct token_view *view,
                         struct ps_bytes token, enum ps_key_type type)
{
    struct wrapping_keys keys;

    return wrapping_keys_now(keeper, &keys) && version_is_on(keys.wrapping, token) &&
           (view->wrappable >> type & 1u) != 0;
}
