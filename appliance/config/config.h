#ifndef APPLIANCE_CONFIG_CONFIG_H
#define APPLIANCE_CONFIG_CONFIG_H

#include "lib/base/hash.h"
#include "lib/config/table.h"

/*
 * The one configuration file of the appliance, as plain data. Which keys there are, with their
 * kinds, limits and defaults, stands in keys.def; each key is the member of the same name of its
 * section's struct here. Texts are never NULL: what is not configured is "".
 */
#define CONFIG_TOKENS_MAX 16u

struct config_appliance {
    char *origin;
    char *data;
    bool practice;
    char *console; /* socket */
    char *users;
    uint64_t users_first;
    uint64_t log_level; /* enum ps_level */
    uint64_t stop_deadline_ms;
    uint64_t request_timeout_ms;
    uint64_t queue_max;
    uint64_t keys_in_memory;
};

struct config_listener {
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
    uint64_t requests_in_flight;
    uint64_t header_deadline_ms;
    uint64_t body_deadline_ms;
    uint64_t idle_deadline_ms;
};

struct config_token {
    char *name; /* of the section: [token NAME] */
    char *module;
    char *uri;
    char *profile;
    uint64_t processes; /* never 0 after loading */
    uint64_t sessions;
    char *pin_file;
    char *pin_credential;
    bool attended;
    char *so_pin_file;
    char *so_pin_credential;
    char *store;
    char *readable; /* lines, as the other three */
    char *writable;
    char *environment;
    char *system_calls;
    bool network;
    uint64_t call_timeout_ms;
    uint64_t cache_keys;
};

struct config_log {
    uint64_t disk_reserve_mb;
    char *witness; /* lines */
    uint64_t witnesses_needed;
    uint64_t shard_leaves;
    uint64_t snapshot_leaves;
    uint64_t witness_late_s;
    uint64_t clock_step_s;
};

struct config_backup {
    char *directory; /* "": no backups */
    char *mirror;    /* of `events`; "": none */
    uint64_t period_s;
    uint64_t keep;
    uint64_t drill_period_s;
};

struct config_administrators {
    struct config_uids uids;
};

struct config {
    char *path;
    uint8_t sha256[PS_SHA256_LEN]; /* of the file */
    struct config_appliance appliance;
    struct config_listener clients;
    struct config_listener management;
    struct config_token tokens[CONFIG_TOKENS_MAX];
    size_t token_count;
    struct config_log log;
    struct config_backup backup;
    struct config_administrators administrators;
};

/*
 * Reads and checks a file. Only the file itself is looked at, not what it names.
 *
 * errors: gets one line per mistake, "FILE:LINE: what, and what to do"
 * Errors: PS_E_INPUT (lines in `errors`), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err config_load(const char *path, struct ps_buf *errors,
                                    struct config **ret_config);

/* The same from octets in memory; `path` is only for the messages. */
PS_MUST_USE enum ps_err config_parse(const char *path, struct ps_bytes text, struct ps_buf *errors,
                                     struct config **ret_config);
void config_free(struct config *config);
PS_DEFINE_CLEANUP(struct config, config_free)

/*
 * Checks what the configuration names on this machine: modules, profiles, PIN files, certificates,
 * users, groups and directories. Errors: PS_E_INPUT (lines in `errors`).
 */
PS_MUST_USE enum ps_err config_check_machine(const struct config *config, struct ps_buf *errors);

/*
 * Appends the names of the keys in which two configurations differ, one per line as
 * "[section] key". `reloadable`: those that a reload takes over, or those that need a new start.
 */
void config_put_changes(const struct config *old, const struct config *new, bool reloadable,
                        struct ps_buf *out);

/*
 * SHA-256 over the security section: for each key that keys.def marks, in the table's order
 * (those of tokens: one token after the other, in the order of their names), the line
 * "[SECTION] KEY = LENGTH:VALUE\n". LENGTH is the value's in octets; several values of one key have
 * a newline between them; a value that is not in the file is its default. Errors: PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err config_hash_security(const struct config *config,
                                             uint8_t ret_hash[PS_SHA256_LEN]);

/* Exchanges the values of all reloadable keys between the two. */
void config_swap_reloadable(struct config *a, struct config *b);

#endif
