#include "frontends/oidc/config.h"

#include <stdlib.h>

enum { SECTION_oidc, SECTION_appliance, SECTION_listener, SECTION_administrators };

static const struct config_key keys[] = {
#define CONFIG_KEY(section_, key, kind, fallback, least, most, flags, help)                        \
    {#key,          SECTION_##section_,                                                            \
     CONFIG_##kind, offsetof(struct settings_##section_, key),                                     \
     fallback,      least,                                                                         \
     most,          help,                                                                          \
     flags},
#include "frontends/oidc/keys.def"
#include "frontends/shared/settings.def"
#undef CONFIG_KEY
};

static const struct config_section_info sections[] = {
    {"oidc", SECTION_oidc, offsetof(struct oidc_config, oidc)},
    SETTINGS_SECTIONS(struct oidc_config),
};

const struct config_table oidc_config_table = {
    .keys = keys,
    .key_count = PS_COUNT_OF(keys),
    .sections = sections,
    .section_count = PS_COUNT_OF(sections),
};

static bool check(const void *config, const char *path, struct ps_buf *errors)
{
    const struct oidc_config *oidc = config;

    return settings_check_common(&oidc->common, path, errors);
}

static void clear(void *config)
{
    config_clear(&oidc_config_table, config);
}

enum ps_err oidc_config_parse(const char *path, struct ps_bytes text, struct ps_buf *errors,
                              struct oidc_config **ret_config)
{
    const struct settings_reading reading = {
        .table = &oidc_config_table, .size = sizeof **ret_config, .check = check, .clear = clear};
    void *config;

    PS_TRY(settings_parse(&reading, path, text, errors, &config));
    *ret_config = config;
    return PS_OK;
}

void oidc_config_free(struct oidc_config *config)
{
    if (config != NULL) {
        clear(config);
        free(config);
    }
}
