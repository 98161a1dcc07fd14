#ifndef APPLIANCE_CONFIG_TABLE_H
#define APPLIANCE_CONFIG_TABLE_H

#include "appliance/config/config.h"

/* The rows of keys.def and the sections they belong to. */
enum config_section {
    CONFIG_SECTION_appliance,
    CONFIG_SECTION_listener,
    CONFIG_SECTION_token,
    CONFIG_SECTION_log,
    CONFIG_SECTION_backup,
    CONFIG_SECTION_administrators
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

extern const struct config_section_info config_sections[];
extern const size_t config_section_count;

extern const struct config_table config_table;

/* NULL when the section has no such key. */
const struct config_key *config_key_find(unsigned section, const char *name);

#endif
