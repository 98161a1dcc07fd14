#ifndef FRONTENDS_SHARED_SETTINGS_H
#define FRONTENDS_SHARED_SETTINGS_H

#include "lib/config/table.h"

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

/*
 * What no single key can tell. `name`: of the section. `with_callers`: its callers are known by
 * their certificates; else nobody is asked for one. False: there are mistakes, in `errors`.
 */
bool settings_check_listener(const struct settings_listener *listener, const char *name,
                             bool with_callers, const char *path, struct ps_buf *errors);
bool settings_check_appliance(const struct settings_appliance *appliance, const char *path,
                              struct ps_buf *errors);

/* The same of all sections here together, which a companion has in its struct. */
struct settings_common {
    struct settings_appliance appliance;
    struct settings_listener public;
    struct settings_listener management;
    struct settings_administrators administrators;
};
bool settings_check_common(const struct settings_common *common, const char *path,
                           struct ps_buf *errors);

/*
 * Reads and checks a file's octets; nothing on the machine is looked at.
 *
 * size:   of the program's struct
 * check:  what the table cannot tell; false: there are mistakes, in `errors`
 * errors: gets one line per mistake
 * Errors: PS_E_INPUT (lines in `errors`), PS_E_NO_MEMORY
 */
typedef bool settings_check_fn(const void *config, const char *path, struct ps_buf *errors);
struct settings_reading {
    const struct config_table *table;
    size_t size;
    settings_check_fn *check;
    void (*clear)(void *config); /* frees what is in the struct; not it */
};
PS_MUST_USE enum ps_err settings_parse(const struct settings_reading *reading, const char *path,
                                       struct ps_bytes text, struct ps_buf *errors,
                                       void **ret_config);

/* A row of a table of keys; the program has its SECTION_ numbers. */
#define SETTINGS_ROW(section_, key, kind, fallback, least, most, flags, help)                      \
    {#key,          SECTION_##section_,                                                            \
     CONFIG_##kind, offsetof(struct settings_##section_, key),                                     \
     fallback,      least,                                                                         \
     most,          help,                                                                          \
     flags},

/* Sections of a program's table that are in its `struct settings_common common`. */
#define SETTINGS_SECTIONS(type)                                                                    \
    {"appliance", SECTION_appliance, offsetof(type, common.appliance)},                            \
        {"public", SECTION_listener, offsetof(type, common.public)},                               \
        {"management", SECTION_listener, offsetof(type, common.management)},                       \
    {                                                                                              \
        "administrators", SECTION_administrators, offsetof(type, common.administrators)            \
    }

#endif
