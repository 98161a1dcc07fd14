#ifndef CEREMONY_LOG_VERIFY_H
#define CEREMONY_LOG_VERIFY_H

#include "lib/formats/tlog/merkle.h"

/*
 * Verifies a log offline, as docs/log-format.md section 6 says: the appliance's own directory (also
 * while it runs) or an exported one. Nothing is written.
 */
enum log_verdict {
    LOG_PASS,
    LOG_NOTE, /* no damage, but worth knowing: not yet checkpointed, a clock that stepped back */
    LOG_FAIL
};

#define LOG_NOWHERE UINT64_MAX

/* One finding. The texts are borrowed until the callback returns. */
struct log_row {
    enum log_verdict verdict;
    const char *check; /* key, checkpoint, leaves, hashes, offsets, shards, times, witnesses */
    const char *tree;  /* "events", "use/2026-11-0001", ... */
    const char *file;  /* below the directory; "" when it is about no one file */
    uint64_t offset;   /* octet in the file, or LOG_NOWHERE */
    uint64_t leaf;     /* index in the tree, or LOG_NOWHERE */
    const char *text;  /* a sentence for people; text from the log in it is escaped */
};
typedef void log_row_fn(void *context, const struct log_row *row);

struct log_event;
struct log_seen_result;
struct log_use;
struct log_witnesses;

struct log_read_tree {
    const char *name;
    uint64_t covered;               /* leaves that somebody signed for */
    const struct merkle_hash *root; /* of these */
};

/*
 * Gets each leaf that a checkpoint or a complete shard's root covers, while it is being verified:
 * what is made of it counts if the log verifies.
 */
struct log_reader {
    void *context;
    enum ps_err (*on_event)(void *context, uint64_t index, const struct log_event *event);
    enum ps_err (*on_use)(void *context, const struct log_use *use);
    /* Each tree that is here, after its leaves; and each note in it that witnesses cosigned and
     * that holds. May be NULL. */
    enum ps_err (*on_tree)(void *context, const struct log_read_tree *tree);
    enum ps_err (*on_witnessed)(void *context, const char *tree, const char *file,
                                const struct log_seen_result *seen);
};

struct log_verify_request {
    /* Holds `events` and `use`; or is itself one tree, which then has a checkpoint. */
    const char *directory;
    /* Verifier key of `events`. Empty: as the genesis leaf has it, which is said in a row. */
    struct ps_bytes key;
    /* A checkpoint kept elsewhere, by a witness: its tree has to go on from there. Empty: none. */
    struct ps_bytes checkpoint;
    /*
     * Where the archives of pruned shards are, each in a directory of the shard's name; NULL: what
     * was pruned is named, and not verified.
     */
    const char *archive;
    /* Whose cosignatures can be verified; how many are needed is not asked. NULL: nobody's. */
    const struct log_witnesses *witnesses;
    const struct log_reader *reader; /* NULL: nobody reads along */
};

struct log_summary {
    unsigned trees;
    unsigned failures;
    uint64_t leaves;
    uint64_t covered;        /* by checkpoints, or by the roots of complete shards */
    unsigned pruned_shards;  /* of which only the checkpoint is here, and no archive was given */
    unsigned missing_shards; /* that events calls complete, and are not here: these and others */
    bool key_from_genesis;
};

/*
 * About 2 us a leaf. *ret_summary is set unless the error is PS_E_INPUT, PS_E_NOT_FOUND or
 * PS_E_NO_MEMORY.
 * Errors: PS_E_DENIED (at least one row is a FAIL), PS_E_INPUT (the key given is none),
 * PS_E_NOT_FOUND (no log in the directory), PS_E_STORAGE (a file could not be read).
 */
PS_MUST_USE enum ps_err log_verify(const struct log_verify_request *request, log_row_fn *fn,
                                   void *context, struct log_summary *ret_summary);

/*
 * Writes a log, or one tree, in the layout of C2SP tlog-tiles: what checkpoints cover, and complete
 * shards whole. `to` does not exist yet. Nothing is verified; verify the result. After an error
 * `to` may hold a part, in which a tree that is not whole has no checkpoint. Errors: PS_E_NOT_FOUND
 * (no log), PS_E_CONFLICT (`to` exists), PS_E_INPUT (damaged), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err log_export(const char *from, const char *to);

#endif
