#ifndef KEYSTORE_INTERNAL_H
#define KEYSTORE_INTERNAL_H

#include "keystore/catalog/appliance_record.h"
#include "keystore/catalog/catalog.h"
#include "keystore/keys/keys.h"
#include "keystore/log/leaf.h"
#include "keystore/log/log.h"
#include "keystore/signing/held.h"
#include "keystore/tokens/view.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/base/problem.h"
#include "lib/ipc/channel.h"
#include "lib/ipc/messages_keeper.h"
#include "lib/ipc/messages_supervisor.h"

/* Why nothing may be signed. Each is a row of `reasons` in state.c. */
enum reason {
    REASON_CATALOG_DIFFERS,
    REASON_CATALOG_GONE,
    REASON_LOG_DAMAGED, /* the files contradict themselves, at start */
    REASON_LOG_FAILED,  /* a write or sync failed; goes away when it works again */
    REASON_DISK_FULL,
    REASON_ANCHOR,
    REASON_CHECKPOINT_LATE,
    REASON_COUNT
};

struct state {
    bool is_set[REASON_COUNT];
    char detail[REASON_COUNT][160];
    enum appliance_state shown; /* what was last told to the apis */
    struct ps_buf ready;        /* body of /health/ready as it was last told */
    struct ps_defer *tell;
};

/* How far a lock of the appliance has come (lock.h). */
struct lock {
    bool is_held; /* its leaf is on the way */
    bool is_shut; /* tokens are logged out, PINs forgotten */
    unsigned anchor_tries;
};

/* Of shards whose leaves are to be removed (events/pruning.h). */
struct pruning {
    bool is_due;
    bool is_swept; /* nothing is left of those that were removed before */
};

/* What genesis fixed and officers decided since; empty before it. */
struct appliance {
    bool exists;
    bool is_locked;                       /* by officers */
    uint8_t configuration[PS_SHA256_LEN]; /* the security section that was approved */
    bool is_practice;
    char origin[IPC_NAME_MAX + 1]; /* of the logs, without "/events" */
    char token[PS_NAME_MAX + 1];   /* where log and identity key are */
    char log_verifier[LOG_VERIFIER_MAX + 1];
    uint8_t identity_hash[PS_SHA256_LEN];
    uint8_t policy_hash[PS_SHA256_LEN];
    uint64_t policy_epoch;
    uint8_t roster_hash[PS_SHA256_LEN];
};

/* One api process; `generation` tells its channel from the one before it. */
struct api_peer {
    struct keeper *keeper;
    struct channel *channel;
    uint8_t role; /* enum ipc_role */
    uint32_t generation;
    struct ps_buf metrics; /* rows it last sent */
};

/* To whom an answer goes: nowhere when that process is gone meanwhile. */
struct reply_to {
    struct api_peer *peer; /* NULL: nobody waits */
    uint32_t generation;
    uint64_t id;
};

/* The keeper process. Its parts see each other through this; each has its own header. */
struct keeper {
    struct ps_loop *loop;
    const struct msg_keeper_config *config;
    struct channel *supervisor;
    struct api_peer clients;
    struct api_peer management;
    struct request_queue *requests;
    bool was_told_to_start;
    bool started;
    bool stopping;
    struct ps_timer *stop_deadline;
    uint64_t started_ns; /* monotonic */
    struct catalog *catalog;
    struct catalog *known; /* in memory: all authorising rows but keys and versions */
    struct log_writer *writer;
    struct log *events;
    struct log *use;
    struct held *events_held;
    struct held *use_held;
    struct state state;
    struct appliance appliance;
    struct lock lock;
    struct pruning pruning;
    struct keys *keys;
    struct key_cache *key_cache;
    struct row_reader *row_reader;
    uint64_t versions_epoch; /* one more at each change of a version or its certificate */
    struct sets *sets;
    struct profiles *profiles;
    struct revocations *revocations;
    struct crls *crls;
    struct tls_certificates *tls_certificates;
    struct truth *truth;
    struct access *access;
    uint64_t access_epoch; /* one more at each change of clients and grants */
    struct tokens *tokens;
    struct custody *custody;
    struct signer *signer;
    struct operations *operations;
    struct gate *gate;
    struct client_nonces *client_nonces;
    struct randoms *randoms;
    struct audits *audits;
    struct checkpoints *checkpoints;
    struct anchor *anchor;
    struct check *check;
    struct snapshots *snapshots;
    struct inventory *inventory;
    struct witnesses *witnesses;
    struct backups *backups;
    struct mirror *mirror;
    struct drill *drill;
    struct restored *restored;
    struct refusals *refusals;
    struct why *why;
    struct metrics *metrics;
};

/* The token that holds the log key; NULL while it is not configured or before genesis. */
struct token *keeper_main_token(const struct keeper *keeper);
/* Uids of our own roles, at most 16, into `out`; returns how many. */
size_t keeper_refused_uids(const struct keeper *keeper, uint32_t *out);
static inline uint64_t real_now_s(void)
{
    return ps_clock_real_ns() / PS_NS_PER_S;
}

#endif
