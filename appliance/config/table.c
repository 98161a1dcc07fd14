#include "appliance/config/table.h"

#include "lib/base/name.h"
#include "lib/ceremony/log/key.h"
#include "lib/sandbox/seccomp.h"

#define TOKEN_NAME_MAX 32u

const struct config_key config_keys[] = {
#define CONFIG_KEY(section_, key, kind, fallback, least, most, flags, help)                        \
    {#key,          CONFIG_SECTION_##section_,                                                     \
     CONFIG_##kind, offsetof(struct config_##section_, key),                                       \
     fallback,      least,                                                                         \
     most,          help,                                                                          \
     flags},
#include "appliance/config/keys.def"
#undef CONFIG_KEY
};
const size_t config_key_count = PS_COUNT_OF(config_keys);

const struct config_section_info config_sections[] = {
    {"appliance", CONFIG_SECTION_appliance, offsetof(struct config, appliance)},
    {"clients", CONFIG_SECTION_listener, offsetof(struct config, clients)},
    {"management", CONFIG_SECTION_listener, offsetof(struct config, management)},
    {"token", CONFIG_SECTION_token, offsetof(struct config, tokens)},
    {"log", CONFIG_SECTION_log, offsetof(struct config, log)},
    {"backup", CONFIG_SECTION_backup, offsetof(struct config, backup)},
    {"administrators", CONFIG_SECTION_administrators, offsetof(struct config, administrators)},
};
const size_t config_section_count = PS_COUNT_OF(config_sections);

const struct config_key *config_key_find(unsigned section, const char *name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section == section && strcmp(config_keys[i].name, name) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

static enum ps_err check_witness(const char *text)
{
    struct log_witnesses one = {.count = 0};
    struct ps_bytes url;

    PS_TRY(log_witnesses_add(&one, ps_bytes_str(text)));
    url = one.urls[0];
    if (url.len != 0 && !ps_bytes_starts_with(url, ps_bytes_str("https://")) &&
        !ps_bytes_starts_with(url, ps_bytes_str("http://"))) {
        return ps_fail(PS_E_INPUT, 0,
                       "behind the witness's key stands its URL, https:// or http://");
    }
    return PS_OK;
}

static enum ps_err check_value(const struct config_key *key, const char *text)
{
    if (key->kind == CONFIG_WITNESSES) {
        return check_witness(text);
    }
    return key->kind == CONFIG_SYSTEM_CALLS ? sandbox_check_call(text) : PS_OK;
}

static enum ps_err add_token(void *context, struct ps_bytes name, void **ret_values,
                             const char **ret_name)
{
    struct config *config = context;
    struct config_token *token = &config->tokens[config->token_count];

    if (!ps_name_valid(name) || name.len > TOKEN_NAME_MAX) {
        return ps_fail(PS_E_INPUT, 0,
                       "a token's section is [token NAME], NAME of 1 to %u of a-z 0-9 . _ -",
                       TOKEN_NAME_MAX);
    }
    for (size_t i = 0; i < config->token_count; i++) {
        if (ps_bytes_equal_str(name, config->tokens[i].name)) {
            return ps_fail(PS_E_CONFLICT, 0, "there is a [token %s] already",
                           config->tokens[i].name);
        }
    }
    if (config->token_count == CONFIG_TOKENS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u tokens", CONFIG_TOKENS_MAX);
    }
    config->token_count++;
    token->name = ps_bytes_to_str(name);
    if (token->name == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_values = token;
    *ret_name = token->name;
    return PS_OK;
}

static const struct config_named named = {.section = CONFIG_SECTION_token, .add = add_token};

const struct config_table config_table = {
    .keys = config_keys,
    .key_count = PS_COUNT_OF(config_keys),
    .sections = config_sections,
    .section_count = PS_COUNT_OF(config_sections),
    .named = &named,
    .check = check_value,
};
