#include "appliance/config/table.h"

#include <assert.h>

static bool same_value(const struct config_key *key, void *old, void *new)
{
    void *a = config_key_value(key, old);
    void *b = config_key_value(key, new);
    const struct config_uids *uids = a;
    const struct config_uids *other = b;

    if (config_key_is_text(key)) {
        return strcmp(*(char **)a, *(char **)b) == 0;
    }
    if (key->kind == CONFIG_BOOL) {
        return *(bool *)a == *(bool *)b;
    }
    if (key->kind == CONFIG_UIDS) {
        return uids->count == other->count &&
               memcmp(uids->ids, other->ids, uids->count * sizeof uids->ids[0]) == 0;
    }
    return *(uint64_t *)a == *(uint64_t *)b;
}

struct comparison {
    bool reloadable;
    struct ps_buf *out;
};

static void compare_section(const struct comparison *how, const struct config_section_info *info,
                            const char *name, void *old, void *new)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        const bool reloadable = (key->flags & CONFIG_RELOADABLE) != 0;

        if (key->section == info->section && reloadable == how->reloadable &&
            !same_value(key, old, new)) {
            ps_buf_printf(how->out, "[%s%s%s] %s\n", info->name, name[0] == '\0' ? "" : " ", name,
                          key->name);
        }
    }
}

static void compare_tokens(const struct comparison *how, const struct config_section_info *info,
                           const struct config *old, const struct config *new)
{
    for (size_t i = 0; i < new->token_count || i < old->token_count; i++) {
        const struct config_token *a = &old->tokens[i];
        const struct config_token *b = &new->tokens[i];

        if (i < old->token_count && i < new->token_count &&strcmp(a->name, b->name) == 0) {
            compare_section(how, info, a->name, (void *)(uintptr_t)a, (void *)(uintptr_t)b);
        } else if (!how->reloadable) {
            ps_buf_printf(how->out, "[token %s]\n", i < new->token_count ? b->name : a->name);
        }
    }
}

void config_put_changes(const struct config *old, const struct config *new, bool reloadable,
                        struct ps_buf *out)
{
    const struct comparison how = {.reloadable = reloadable, .out = out};

    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section_info *info = &config_sections[i];

        if (info->section == CONFIG_SECTION_token) {
            compare_tokens(&how, info, old, new);
            continue;
        }
        compare_section(&how, info, "", (uint8_t *)(uintptr_t)old + info->offset,
                        (uint8_t *)(uintptr_t) new + info->offset);
    }
}

static void swap_value(const struct config_key *key, void *a, void *b)
{
    char **text_a = config_key_value(key, a);
    char **text_b = config_key_value(key, b);
    uint64_t *number_a = config_key_value(key, a);
    uint64_t *number_b = config_key_value(key, b);

    if (config_key_is_text(key)) {
        char *text = *text_a;

        *text_a = *text_b;
        *text_b = text;
    } else {
        const uint64_t number = *number_a;

        *number_a = *number_b;
        *number_b = number;
    }
}

void config_swap_reloadable(struct config *a, struct config *b)
{
    for (size_t i = 0; i < config_section_count * config_key_count; i++) {
        const struct config_section_info *info = &config_sections[i / config_key_count];
        const struct config_key *key = &config_keys[i % config_key_count];

        if (key->section != info->section || (key->flags & CONFIG_RELOADABLE) == 0) {
            continue;
        }
        /* So far these are texts and numbers of sections that stand once. */
        assert(info->section != CONFIG_SECTION_token && key->kind != CONFIG_BOOL &&
               key->kind != CONFIG_UIDS);
        swap_value(key, (uint8_t *)a + info->offset, (uint8_t *)b + info->offset);
    }
}
