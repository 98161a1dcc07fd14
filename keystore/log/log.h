#ifndef KEYSTORE_LOG_LOG_H
#define KEYSTORE_LOG_LOG_H

#include "lib/base/loop.h"
#include "lib/formats/merkle.h"

/*
 * The two append-only Merkle trees, `events` and `use`. The format stands in docs/log-format.md.
 *
 * One writer thread makes both durable: what was appended since its last turn goes out in one write
 * and one fdatasync per tree, however many requests wait. The loop's thread appends and reads; the
 * writer tells it through the handler, in the loop's thread, how far the trees are durable.
 */
struct log_writer;
struct log;

#define LOG_ENTRY_MAX (48u * 1024u)

struct log_handler {
    /* More of the tree is durable: everything below log_durable(log). */
    void (*on_durable)(void *context, struct log *log);
    /*
     * A write or sync failed. What was appended and is not durable counts as not written; nothing
     * more can be appended until log_reopen succeeds.
     */
    void (*on_failed)(void *context, struct log *log);
};

PS_MUST_USE enum ps_err log_writer_new(struct ps_loop *loop, const struct log_handler *handler,
                                       void *context, struct log_writer **ret_writer);
/* Waits for what was appended. Closes its logs too. */
void log_writer_free(struct log_writer *writer);

struct log_config {
    const char *directory; /* of this tree; made when absent */
    const char *name;      /* "events" or "use" */
    bool sharded;          /* cut by size and month (use) */
    uint64_t shard_leaves; /* at most so many in one shard */
};

/*
 * Opens or makes a tree, cuts an unfinished last leaf, and brings the stored hashes up to the
 * record. Errors: PS_E_STORAGE (disk), PS_E_INPUT (the files contradict each other or a checkpoint:
 * the detail names the place; never repaired by itself).
 */
PS_MUST_USE enum ps_err log_open(struct log_writer *writer, const struct log_config *config,
                                 struct log **ret_log);

/* After on_failed: opens the files anew. Errors as log_open; may be tried again. */
PS_MUST_USE enum ps_err log_reopen(struct log *log);

/*
 * Queues a leaf. *ret_index is its index in the tree; it is durable when log_durable > index.
 * Errors: PS_E_INPUT (over LOG_ENTRY_MAX or empty), PS_E_STORAGE (failed before), PS_E_BUSY (more
 * than the writer can hold).
 */
PS_MUST_USE enum ps_err log_append(struct log *log, struct ps_bytes entry, uint64_t *ret_index);

/* Waits until all that was appended is durable: for the steps of an operation. */
PS_MUST_USE enum ps_err log_sync(struct log *log);

uint64_t log_size(const struct log *log);    /* with what is not durable yet */
uint64_t log_durable(const struct log *log); /* leaves that survive a power cut */
bool log_has_failed(const struct log *log);
uint64_t log_sync_micros(const struct log *log); /* of the last sync, for metrics */
/* Free octets of the file system, and how many the log wrote in the last minute. */
void log_space(const struct log *log, uint64_t *ret_free, uint64_t *ret_per_minute);

/* Of the first `size` leaves, all durable. */
PS_MUST_USE enum ps_err log_root(struct log *log, uint64_t size, struct merkle_hash *ret_root);

/* The newest signed checkpoint: kept durably and replaced whole. Empty when there is none. */
PS_MUST_USE enum ps_err log_set_checkpoint(struct log *log, struct ps_bytes note);
struct ps_bytes log_checkpoint(const struct log *log);

/* Reading; of durable leaves only. Errors: PS_E_NOT_FOUND, PS_E_STORAGE. */
PS_MUST_USE enum ps_err log_read_entry(struct log *log, uint64_t index, struct ps_buf *out);
/* C2SP tlog-tiles: `width` hashes (1-256) of tile `index` at `level`; 32 octets each. */
PS_MUST_USE enum ps_err log_read_tile(struct log *log, unsigned level, uint64_t index,
                                      unsigned width, struct ps_buf *out);
/* C2SP tlog-tiles entry bundle: u16 length and octets of each of `width` entries. Entries over
 * 65,535 octets do not exist (LOG_ENTRY_MAX). */
PS_MUST_USE enum ps_err log_read_bundle(struct log *log, uint64_t index, unsigned width,
                                        struct ps_buf *out);
PS_MUST_USE enum ps_err log_prove_inclusion(struct log *log, uint64_t leaf, uint64_t size,
                                            struct merkle_proof *ret_proof);
PS_MUST_USE enum ps_err log_prove_consistency(struct log *log, uint64_t old, uint64_t size,
                                              struct merkle_proof *ret_proof);

/* The shard that is written now; "" for a tree without shards. */
const char *log_shard(const struct log *log);

#endif
