#ifndef IPC_MESSAGES_SUPERVISOR_H
#define IPC_MESSAGES_SUPERVISOR_H

#include "lib/ipc/messages_common.h"

/*
 * Between the supervisor (client of the channel) and each role (its server). The role's first
 * message is its configuration; then come listeners, channels to other roles, PINs. A role exits
 * when this channel ends, whoever ended it.
 */
extern const struct ipc_set supervisor_set;

struct msg_api_config {
    uint8_t role; /* IPC_ROLE_API_CLIENTS or IPC_ROLE_API_MANAGEMENT */
    uint32_t header_deadline_ms;
    uint32_t body_deadline_ms;
    uint32_t idle_deadline_ms; /* a connection without a request */
    uint32_t connections;      /* at most, in all */
    uint32_t connections_per_caller;
    uint32_t requests_in_flight; /* at most, towards the keeper; more is 503 */
    uint8_t log_level;
};

struct msg_keeper_config {
    struct ps_bytes data_directory;   /* absolute; catalog.sqlite, log/, all of it the keeper's */
    struct ps_bytes origin;           /* first line of checkpoints, e.g. "privyseal.example/a" */
    uint8_t practice;                 /* 1: a practice appliance */
    uint32_t request_timeout_ms;      /* longest wait for a token before 503 */
    uint32_t token_timeout_ms;        /* a call that takes longer means its process hangs */
    uint32_t queue_max;               /* requests waiting per token */
    uint32_t keys_in_memory;          /* wrapped ones to which nothing happens by itself; not 0 */
    uint32_t disk_reserve_mb;         /* below it signing stops */
    struct ps_bytes witnesses;        /* of the logs: lines of a verifier key and perhaps a URL */
    uint32_t witnesses_needed;        /* so many of them make a leaf witnessed */
    uint64_t shard_leaves;            /* of the log of uses, in one shard at most */
    uint32_t snapshot_leaves;         /* of events, after which there is a snapshot; 0: never */
    uint64_t witness_late_s;          /* one that is not after this time is an alarm */
    uint64_t clock_step_s;            /* a jump beyond it is an alarm */
    struct ps_bytes backup_directory; /* absolute; empty: no backups */
    uint64_t backup_period_s;
    uint32_t backup_keep;           /* so many; older ones are removed */
    uint64_t drill_period_s;        /* the newest is restored by way of trial so often */
    struct ps_bytes mirror;         /* of `events`: absolute; empty: none */
    struct ps_bytes administrators; /* uids, u32 each: may call genesis and restore */
    struct ps_bytes refused_uids;   /* uids, u32 each: our own roles' */
    struct ps_bytes hashes;         /* JSON: SHA-256 of binaries, configuration, profiles */
    struct ps_bytes configuration;  /* SHA-256 of the configuration's security section; 32 octets */
    uint8_t log_level;
};

struct msg_token_config {
    struct ps_bytes token;   /* name in the configuration: "a" */
    uint32_t number;         /* of the process for it: 0, 1, ... */
    uint32_t processes;      /* so many are there for it */
    struct ps_bytes module;  /* absolute path */
    struct ps_bytes uri;     /* RFC 7512; empty: any blank token (before genesis) */
    struct ps_bytes profile; /* JSON of firmware-profiles/ */
    uint32_t sessions;
    uint32_t call_timeout_ms;
    struct ps_bytes sync_directory; /* of a soft token: synced after changes; empty: none */
    struct ps_bytes readable;       /* extra paths for the sandbox, newline-separated */
    struct ps_bytes writable;
    struct ps_bytes environment; /* "NAME=value" lines for the module, e.g. SOFTHSM2_CONF */
    uint8_t log_level;
    uint8_t network;              /* for the sandbox: the module may open connections */
    struct ps_bytes system_calls; /* for the sandbox: further ones, newline-separated */
    uint32_t cache_keys;          /* wrapped keys that may be unwrapped at a time; not 0 */
    struct ps_bytes module_hash;  /* SHA-256 of the only file that may be loaded; 32 octets */
};

enum listener_kind { LISTENER_UNIX, LISTENER_TLS };

/* With a listening socket. TLS material comes in msg_tls. */
struct msg_listener {
    uint8_t kind; /* enum listener_kind */
    struct ps_bytes address;
};

/* The listener's key is a named file key: the supervisor reads the files, the api none. */
struct msg_tls {
    struct ps_bytes certificate; /* PEM chain */
    struct ps_bytes key;         /* PEM */
    struct ps_bytes client_ca;   /* PEM: who may issue client certificates */
};

/* With one end of a socket pair to another role; an earlier one to the same peer is over. */
struct msg_peer {
    uint8_t role; /* enum ipc_role: who is at the other end */
    struct ps_bytes name;
    uint32_t number;
    struct ps_bytes module_hash; /* the one in its msg_token_config; of another role: empty */
};

/* Supervisor to keeper: the PIN of a token, or its absence (empty: attended unlock). */
struct msg_pin {
    struct ps_bytes token;
    struct ps_bytes pin;
    uint8_t is_so;       /* 1: the SO PIN, given only to make a blank token */
    uint8_t is_attended; /* 1: officers release the PIN at each start */
    uint8_t is_kept;     /* 1: they did so before, and the supervisor kept it */
};

/* Keeper to supervisor: officers released this PIN; keep it until it is to be forgotten. */
struct msg_pin_keep {
    struct ps_bytes token;
    struct ps_bytes pin;
};

/* Supervisor to keeper, at its start and at each reload: when what the listeners show ends. */
struct msg_tls_ends {
    uint64_t clients_s; /* seconds since 1970; 0: no TLS there */
    uint64_t management_s;
};

/* All that belongs to the start was sent. */
struct msg_start {
    uint8_t unused;
};

/* Finish what is in flight, take nothing new, then exit with 0. */
struct msg_stop {
    uint32_t within_ms;
};

/* A reload changed the least level of log lines (enum ps_level). */
struct msg_log_level {
    uint8_t level;
};

/* Role to supervisor. */
struct msg_ready {
    struct ps_bytes status; /* one line for people, e.g. systemd's STATUS= */
};

/* Keeper to supervisor: this token process does not answer; replace it. */
struct msg_hung {
    struct ps_bytes token;
    uint32_t number;
};

/* Keeper to supervisor: 0: forget all PINs; 1: read them anew and send them. */
struct msg_pins {
    uint8_t are_wanted;
};

extern const struct ipc_message msg_api_config_info, msg_keeper_config_info, msg_token_config_info,
    msg_listener_info, msg_tls_info, msg_peer_info, msg_pin_info, msg_start_info, msg_stop_info,
    msg_log_level_info, msg_ready_info, msg_hung_info, msg_pins_info, msg_pin_keep_info,
    msg_tls_ends_info;

#endif
