#ifndef FRONTENDS_PLUGINS_REGISTRY_CONFIG_H
#define FRONTENDS_PLUGINS_REGISTRY_CONFIG_H

#include "lib/config/table.h"

/* The plugin's own file. Texts that are not set are "". */
struct registry_settings {
    char *database;
    uint64_t login_life_s;
    uint64_t window_s;
    uint64_t wrong_per_source;
    uint64_t wrong_per_person;
};

struct registry_otp {
    char *directory;
    uint64_t life_s;
    uint64_t per_source;
    uint64_t per_person;
};

struct registry_smtp {
    char *url;
    char *from;
    char *subject;
    char *ca;
    char *user;
    char *password;
    bool plain;
};

struct registry_config {
    struct registry_settings registry;
    struct registry_otp otp;
    struct registry_smtp smtp;
};

extern const struct config_table registry_config_table;

/*
 * errors: gets one line per mistake
 * Errors: PS_E_INPUT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err registry_config_parse(const char *path, struct ps_bytes text,
                                              struct ps_buf *errors,
                                              struct registry_config **ret_config);
void registry_config_free(struct registry_config *config);
PS_DEFINE_CLEANUP(struct registry_config, registry_config_free)

#endif
