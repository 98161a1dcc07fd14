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

#endif
