#ifndef KEYSTORE_LOG_INTERNAL_H
#define KEYSTORE_LOG_INTERNAL_H

#include "keystore/log/head.h"
#include "keystore/log/store.h"

#include <pthread.h>

/* Octets that may wait for the writer; a disk that stalls must not eat the memory. */
#define LOG_QUEUE_MAX  (8u * 1024u * 1024u)
#define LOG_RATE_SLOTS 60u

/*
 * Where the leaves of one bundle begin, as far as it was read: who reads one after the other, or
 * from the end backwards, does not begin at its first each time. What is read is compared anyway.
 */
struct tree_places {
    const struct store *store; /* only compared: it may be gone */
    uint64_t bundle;
    unsigned count; /* of `offsets` */
    uint64_t offsets[TILES_WIDTH + 1];
};

struct tree {
    const struct store *store;
    struct tree_places *places; /* NULL: nothing is remembered */
    uint64_t first;
    uint64_t size;
    uint64_t octets;                /* of the record */
    const struct tree_info *pruned; /* what it was; NULL: its leaves are there */
};

/* A checkpoint on its way to the disk. */
struct log_note {
    struct log_note *next;
    char tree[TREE_NAME_MAX + 1];
    struct ps_buf text;
};

/* A complete shard. `store` is handed over by the writer, and closed as soon as it arrives. */
struct log_shard_node {
    struct log_shard_node *next;
    struct tree_info info;
    struct store *store;
};

/* Where a log ends: the writer's own while it works, else the loop's (log_open, log_reopen). */
struct log_end {
    struct store *store;
    struct tiles_edge *edge;
    uint64_t first;
    uint64_t octets;       /* of the record; edge->size leaves, all synced */
    uint64_t length;       /* of its file: with the room behind it, see room.h */
    uint64_t derived_upto; /* leaves whose hashes and offsets are synced */
    uint64_t month_end_ns;
    uint64_t checked_ns; /* when all files were last looked for */
    struct ps_buf cells[TILES_LEVELS];
    struct ps_buf offsets;
};

struct log {
    struct log_writer *writer;
    struct log *next;
    char *directory;
    char *name;
    bool sharded;
    uint64_t shard_leaves;
    uint64_t vouched;
    uint64_t unread; /* of the present tree, by what opened it */
    int top_fd;      /* of the directory; locked */

    /* Under the writer's mutex. */
    struct ps_buf queued;
    uint64_t queued_leaves;
    uint64_t turn_ns;  /* when the last turn began */
    uint64_t expected; /* leaves that are on their way: see log_set_expected */
    bool is_backlog;   /* all queued ones were appended by log_append_backlog */
    struct log_note *notes;
    struct log_shard_node *closed; /* not yet taken by the loop; oldest first */
    struct tree durable;
    struct merkle_hash durable_root; /* of a log without shards */
    bool working;                    /* the writer is at it */
    bool failed;
    struct ps_detail failure;
    uint64_t sync_us;
    uint64_t rate_second[LOG_RATE_SLOTS];
    uint64_t rate_octets[LOG_RATE_SLOTS];

    /* The writer's. */
    struct log_end end;
    struct ps_buf batch;

    /* The loop's. */
    struct tree present;             /* `durable` as last taken, */
    struct merkle_hash present_root; /* and its root */
    uint64_t appended;               /* positions given */
    uint64_t told;                   /* positions told durable */
    bool told_failed;
    struct log_shard_node *shards; /* complete ones, oldest first */
    size_t told_shards;            /* so many of them were told */
    struct tree_places places;
    struct store *found; /* of log_find_tree */
    struct tree found_tree;
    struct ps_buf checkpoint; /* of the present tree */
    uint64_t checkpoint_size;
};

struct log_writer {
    struct ps_loop *loop;
    struct log_handler handler;
    void *context;
    const struct log_io *io;
    struct log *logs;
    struct ps_defer *wake_defer;
    struct ps_watch *watch;
    int event_fd;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t mutex;
    pthread_cond_t wake; /* for the writer: there is work */
    pthread_cond_t done; /* for the loop's thread, when it waits: a turn has ended */
    bool waiting;
    const struct log *gathering; /* the writer waits for more leaves of this one, */
    bool is_patient;             /* as long as those of a backlog may wait */
    bool stopping;
    bool signalled; /* the event is up and was not taken yet */
};

/* open.c: builds log->end from the files. `again`: after a failure, with what is in log->end. */
PS_MUST_USE enum ps_err open_files(struct log *log, bool again);
void open_free_shards(struct log_shard_node *shards);
void open_clear_end(struct log_end *end);

/* turn.c: makes log->batch and the notes durable; called by the writer's thread without mutex. */
PS_MUST_USE enum ps_err turn_run(struct log *log, const struct log_note *notes);

/* writer.c */
void writer_publish_shard(struct log *log, struct log_shard_node *closed); /* takes the mutex */
void writer_count_sync(struct log *log, uint64_t octets, uint64_t micros); /* the same */
void writer_wake(void *writer);
void writer_wait(struct log_writer *writer); /* with the mutex, for the end of a turn */
void writer_free_notes(struct log_note *notes);

/* log.c: takes over what the writer has published; told to the handler by log_tell. */
void log_take(struct log *log);
void log_tell(struct log *log);
void log_free(struct log *log);

#endif
