#ifndef FRONTENDS_SHARED_SETTINGS_H
#define FRONTENDS_SHARED_SETTINGS_H

#include "lib/config/form.h"

/* Sections of a configuration file that every companion has; their rows stand in settings.def. */
struct settings_appliance {
    char *socket;
    char *url;
    char *ca;
    char *certificate;
    char *key;
    uint64_t timeout_ms;
    uint64_t calls_at_a_time;
    uint64_t calls_waiting;
};

struct settings_listener {
    char *socket;
    uint64_t socket_mode;
    char *socket_group;
    char *tls_address;
    uint64_t tls_port; /* 0: no TLS listener */
    char *certificate;
    char *key;
    char *client_ca;
    uint64_t connections;
    uint64_t connections_per_caller;
    uint64_t header_deadline_ms;
    uint64_t body_deadline_ms;
    uint64_t idle_deadline_ms;
};

struct settings_administrators {
    struct config_uids uids;
    char *pins; /* lines */
};

/* All of these, which a companion has in its struct. */
struct settings_common {
    struct settings_appliance appliance;
    struct settings_listener public;
    struct settings_listener management;
    struct settings_administrators administrators;
};

/* What no single key can tell: a line in `errors` for each mistake. */
void settings_check_common(const struct settings_common *common, const char *path,
                           struct ps_buf *errors);

/* A row of a table of keys; the program has its SECTION_ numbers. */
#define SETTINGS_ROW(section_, key, kind, fallback, least, most, flags, help)                      \
    {#key,          SECTION_##section_,                                                            \
     CONFIG_##kind, offsetof(struct settings_##section_, key),                                     \
     fallback,      least,                                                                         \
     most,          help,                                                                          \
     flags},

/* Their numbers, behind those of the program's own sections. */
#define SETTINGS_SECTION_NUMBERS SECTION_appliance, SECTION_listener, SECTION_administrators

/* Sections of a program's table that are in its `struct settings_common common`. */
#define SETTINGS_SECTIONS(type)                                                                    \
    {"appliance", SECTION_appliance, offsetof(type, common.appliance)},                            \
        {"public", SECTION_listener, offsetof(type, common.public)},                               \
        {"management", SECTION_listener, offsetof(type, common.management)},                       \
    {                                                                                              \
        "administrators", SECTION_administrators, offsetof(type, common.administrators)            \
    }

#endif
