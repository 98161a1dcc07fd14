#include "appliance/config/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/*
 * The security section of the configuration: what people approve of it. Its hash is in the log,
 * from genesis on, so that whoever can write the file cannot send the appliance to another module,
 * another log or another PIN without being noticed.
 */

#define TEXT_MAX (1024u * 1024u)

static void put_line(const char *section, const char *key, const char *value, struct ps_buf *out)
{
    ps_buf_printf(out, "[%s] %s = %zu:", section, key, strlen(value));
    ps_buf_put_str(out, value);
    ps_buf_put_str(out, "\n");
}

static void put_section(enum config_section section, const char *title, void *values,
                        struct ps_buf *out)
{
    char number[24];

    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        const void *value = config_key_value(key, values);

        if (key->section != section || (key->flags & CONFIG_SECURITY) == 0) {
            continue;
        }
        assert(key->kind != CONFIG_UIDS);
        if (config_key_is_text(key)) {
            put_line(title, key->name, *(char *const *)value, out);
        } else if (key->kind == CONFIG_BOOL) {
            put_line(title, key->name, *(const bool *)value ? "yes" : "no", out);
        } else {
            (void)snprintf(number, sizeof number, "%" PRIu64, *(const uint64_t *)value);
            put_line(title, key->name, number, out);
        }
    }
}

/* The next one by name after `last`; NULL: there is none. */
static const struct config_token *next_token(const struct config *config, const char *last)
{
    const struct config_token *next = NULL;

    for (size_t i = 0; i < config->token_count; i++) {
        const struct config_token *token = &config->tokens[i];

        if (strcmp(token->name, last) > 0 &&
            (next == NULL || strcmp(token->name, next->name) < 0)) {
            next = token;
        }
    }
    return next;
}

static void put_tokens(const struct config *config, struct ps_buf *out)
{
    const struct config_token *token = next_token(config, "");
    char title[64];

    for (; token != NULL; token = next_token(config, token->name)) {
        (void)snprintf(title, sizeof title, "token %s", token->name);
        put_section(CONFIG_SECTION_token, title, (void *)(uintptr_t)token, out);
    }
}

enum ps_err config_hash_security(const struct config *config, uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_BUF_AUTO text;

    ps_buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section_info *info = &config_sections[i];

        if (info->section == CONFIG_SECTION_token) {
            put_tokens(config, &text);
        } else {
            put_section(info->section, info->name, (uint8_t *)(uintptr_t)config + info->offset,
                        &text);
        }
    }
    PS_TRY(ps_buf_status(&text));
    ps_sha256(ps_buf_bytes(&text), ret_hash);
    return PS_OK;
}
