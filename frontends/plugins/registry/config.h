#ifndef FRONTENDS_PLUGINS_REGISTRY_CONFIG_H
#define FRONTENDS_PLUGINS_REGISTRY_CONFIG_H

#include "lib/config/form.h"

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

/* Of struct registry_config. */
extern const struct config_form registry_config_form;

#endif
