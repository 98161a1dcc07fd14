#include "keystore/custody/wrapping_keys.h"

#include "keystore/custody/records.h"

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

/* --- Which token holds what. All three go together: one stands for them. --- */

uint32_t wrapping_keys_newest_on(const struct keeper *keeper, struct ps_bytes token)
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(WRAPPING_KEY_NAME));

    for (size_t i = key == NULL ? 0 : key->version_count; i > 0; i--) {
        const struct key_version *version = key->versions[i - 1];

        if (version->state != KEY_DESTROYED && version_is_on(version, token)) {
            return version->number;
        }
    }
    return 0;
}

static bool opens_all(const struct keeper *keeper, struct ps_bytes token)
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(WRAPPING_KEY_NAME));

    for (size_t i = 0; key != NULL && i < key->version_count; i++) {
        if (key->versions[i]->state != KEY_DESTROYED && !version_is_on(key->versions[i], token)) {
            return false;
        }
    }
    return key != NULL;
}

/* version: NULL: every one that is not destroyed */
static bool opens(const struct keeper *keeper, const struct token *token,
                  const struct key_version *version)
{
    const struct ps_bytes name = tokens_name(token);

    return version == NULL ? opens_all(keeper, name) : version_is_on(version, name);
}

static struct token *find_opener(const struct keeper *keeper, const struct key_version *version,
                                 bool is_ready)
{
    struct token *token;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        if (tokens_is_ready(token) == is_ready && opens(keeper, token, version)) {
            return token;
        }
    }
    return NULL;
}

struct token *wrapping_keys_maker(const struct keeper *keeper, struct ps_bytes token)
{
    struct token *own = tokens_find(keeper->tokens, token);
    struct wrapping_keys keys;
    struct token *other;

    if (!wrapping_keys_now(keeper, &keys) ||
        (own != NULL && tokens_is_ready(own) && opens(keeper, own, keys.wrapping))) {
        return own;
    }
    other = find_opener(keeper, keys.wrapping, true);
    return other == NULL ? own : other;
}

/* --- Where a key is used --- */

/* The key's own comes first; then those that are there; one that is away may come back. */
static struct token *choose_opener(const struct keeper *keeper, struct token *own,
                                   const struct key_version *wrapping)
{
    const bool is_own = own != NULL && opens(keeper, own, wrapping);
    struct token *other;

    if (is_own && tokens_is_ready(own)) {
        return own;
    }
    other = find_opener(keeper, wrapping, true);
    if (other != NULL) {
        return other;
    }
    return is_own ? own : find_opener(keeper, wrapping, false);
}

/* By the version that wrapped it. What has no record that can be read is opened nowhere. */
static struct token *find_by_record(const struct keeper *keeper, struct token *own,
                                    const struct key_version *version)
{
    struct wrapping_keys keys;
    uint32_t number = 0;

    if (record_wrapping(keeper, version_object_id(version), &number) != PS_OK ||
        !wrapping_keys_at(keeper, number, &keys)) {
        return own != NULL ? own : find_opener(keeper, NULL, true);
    }
    return choose_opener(keeper, own, keys.wrapping);
}

struct token *wrapping_keys_token_for(const struct keeper *keeper,
                                      const struct key_version *version)
{
    const struct key *key = version->key;
    struct token *own;
    struct token *token;

    if (!key->is_wrapped) {
        return tokens_find(keeper->tokens, version_token(version));
    }
    own = tokens_find(keeper->tokens, ps_bytes_str(key->token));
    if (own != NULL && tokens_is_ready(own)) {
        return opens_all(keeper, ps_bytes_str(key->token)) ? own
                                                           : find_by_record(keeper, own, version);
    }
    token = find_opener(keeper, NULL, true);
    return token != NULL ? token : find_by_record(keeper, own, version);
}

bool wrapping_keys_allow(const struct keeper *keeper, const struct token_view *view,
                         struct ps_bytes token, enum ps_key_type type)
{
    struct wrapping_keys keys;

    return wrapping_keys_now(keeper, &keys) && version_is_on(keys.wrapping, token) &&
           (view->wrappable >> type & 1u) != 0;
}

/* As far as it is known: a token that is away does not say what it wraps. */
static bool may_wrap(const struct token *token, enum ps_key_type type)
{
    struct token_view view = {.number = 0};

    for (size_t i = 0; tokens_view(token, i, &view); i++) {
        if (view.state == TOKEN_READY) {
            return (view.wrappable >> type & 1u) != 0;
        }
    }
    return true;
}

bool wrapping_keys_are_replicated(const struct keeper *keeper, enum ps_key_type type)
{
    struct wrapping_keys keys;
    const struct token *token;
    size_t count = 0;

    if (!wrapping_keys_now(keeper, &keys)) {
        return false;
    }
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        count += opens(keeper, token, keys.wrapping) && may_wrap(token, type) ? 1 : 0;
    }
    return count >= 2;
}
