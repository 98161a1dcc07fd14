#include "appliance/config/table.h"

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

const struct config_key *config_key_find(enum config_section section, const char *name)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].section == section && strcmp(config_keys[i].name, name) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

void *config_key_value(const struct config_key *key, void *section)
{
    return (uint8_t *)section + key->offset;
}
