#ifndef CEREMONY_LOG_VERIFY_H
#define CEREMONY_LOG_VERIFY_H

#include "lib/base/buf.h"

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
    const char *check; /* key, checkpoint, leaves, hashes, offsets, shards, times, files */
    const char *tree;  /* "events", "use/2026-11-0001", ... */
    const char *file;  /* below the directory; "" when it is about no one file */
    uint64_t offset;   /* octet in the file, or LOG_NOWHERE */
    uint64_t leaf;     /* index in the tree, or LOG_NOWHERE */
    const char *text;  /* a sentence for people; text from the log in it is escaped */
};
typedef void log_row_fn(void *context, const struct log_row *row);

struct log_verify_request {
    /* Holds `events` and `use`; or is itself one tree, which then has a checkpoint. */
    const char *directory;
    /* Verifier key of `events`. Empty: as the genesis leaf has it, which is said in a row. */
    struct ps_bytes key;
};

struct log_summary {
    unsigned trees;
    unsigned failures;
    uint64_t leaves;
    uint64_t covered; /* by checkpoints, or by the roots of complete shards */
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
