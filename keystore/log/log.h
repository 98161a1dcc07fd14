#ifndef KEYSTORE_LOG_LOG_H
#define KEYSTORE_LOG_LOG_H

#include "keystore/log/tree.h"
#include "lib/base/loop.h"

/*
 * The two append-only Merkle trees, `events` and `use`. The format stands in docs/log-format.md,
 * why the files are as they are in docs/decisions/0002-log-files.md.
 *
 * One writer thread makes both durable: what was appended since its last turn goes out in one write
 * and one fdatasync per tree, however many requests wait. The loop's thread appends and reads; the
 * writer tells it through the handler, in the loop's thread, how far the trees are durable.
 *
 * Two ways of counting. A *position* counts the leaves of a log over all its shards and never steps
 * back: log_append, log_size and log_durable. An *index* or a *size* counts within one tree, as
 * checkpoints and proofs do: log_tree_size, log_root, log_read_..., log_prove_.... For a log
 * without shards they are the same; otherwise index = position - log_first, of the shard that is
 * written now. Other shards are read through log_find_tree.
 */
struct log_writer;
struct log;

struct log_handler {
    /* More of the log is durable: every position below log_durable(log). */
    void (*on_durable)(void *context, struct log *log);
    /*
     * A write or sync failed, or a file was removed or replaced; log_failure says which. What was
     * appended and is not durable counts as not written: whoever waits for it is refused, and the
     * positions are given anew. Nothing can be appended until log_reopen succeeds.
     */
    void (*on_failed)(void *context, struct log *log);
    /*
     * A shard is complete; its root is to become a leaf in `events`. After on_durable for its last
     * leaf. May be NULL when no log is sharded. Shards that were completed before a crash are found
     * with log_shard_info after log_open.
     */
    void (*on_shard)(void *context, struct log *log, const struct tree_info *closed);
};

PS_MUST_USE enum ps_err log_writer_new(struct ps_loop *loop, const struct log_handler *handler,
                                       void *context, struct log_writer **ret_writer);
/* Waits for what was appended. Closes its logs too. Not from within a handler. */
void log_writer_free(struct log_writer *writer);

struct log_config {
    const char *directory; /* of this log; made when absent, not its parents */
    const char *name;      /* "events" or "use": the last, or for shards next to last, part of the
                              checkpoints' origin */
    bool sharded;          /* cut by size and month (use) */
    uint64_t shard_leaves; /* at most so many in one shard; at least 1 */
    uint64_t vouched;      /* not sharded: leaves that a snapshot stands for, to be read later */
};

/*
 * Opens or makes a log, cuts an unfinished last leaf, and brings the stored hashes up to the
 * record. A log without shards is hashed whole (about 1 us a leaf), but for what is vouched for and
 * covered by a checkpoint; a shard from its last multiple of 65,536 that a checkpoint covers.
 * Blocks as long. Errors: PS_E_STORAGE (disk), PS_E_BUSY (another process has it open), PS_E_INPUT
 * (the files contradict each other or a checkpoint: the detail names the place; never repaired by
 * itself).
 */
PS_MUST_USE enum ps_err log_open(struct log_writer *writer, const struct log_config *config,
                                 struct log **ret_log);

/*
 * After a failure, which is told first: opens the files anew, cuts them to what is durable, looks
 * whether there is room. Errors as log_open; may be tried again. PS_OK at once when none was.
 */
PS_MUST_USE enum ps_err log_reopen(struct log *log);

/*
 * Queues a leaf. *ret_index is its position; it is durable when log_durable > *ret_index. Of a
 * `backlog`, with many signatures behind it or before it, it may wait up to 8 ms for others, until
 * one of none comes. Errors: PS_E_INPUT (over LOG_ENTRY_MAX, empty, or with an octet of zero),
 * PS_E_STORAGE (failed before), PS_E_BUSY (more than the writer can hold), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err log_append(struct log *log, struct ps_bytes entry, uint64_t *ret_index);
PS_MUST_USE enum ps_err log_append_backlog(struct log *log, struct ps_bytes entry,
                                           uint64_t *ret_index);

/* Leaves that are surely on their way, for which a sync may wait. Counts until it is said anew. */
void log_set_expected(struct log *log, uint64_t leaves);

/*
 * Waits until all that was appended, and the last checkpoint, are durable: for the steps of an
 * operation. Handlers are called later, by the loop. Errors: PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err log_sync(struct log *log);

uint64_t log_size(const struct log *log);    /* position after the last leaf appended */
uint64_t log_durable(const struct log *log); /* positions below survive a power cut */
bool log_has_failed(const struct log *log);
struct ps_detail log_failure(const struct log *log); /* why; err is PS_OK when it has not */
uint64_t log_sync_micros(const struct log *log);     /* of the last sync, for metrics */
/* Free octets of the file system, and how many the log wrote in the last minute. */
void log_space(const struct log *log, uint64_t *ret_free, uint64_t *ret_per_minute);

/*
 * Reads the whole record of the present tree again and compares it with the tree in memory, and
 * what is behind it with zeros; about 1 us a leaf, in the caller's thread. Errors: PS_E_STORAGE,
 * PS_E_INPUT (changed behind our back).
 */
PS_MUST_USE enum ps_err log_check(struct log *log);

/* Of the first `size` leaves of the present tree, all durable. */
PS_MUST_USE enum ps_err log_root(struct log *log, uint64_t size, struct merkle_hash *ret_root);
uint64_t log_tree_size(const struct log *log); /* durable leaves of the present tree */
uint64_t log_first(const struct log *log);     /* position of its leaf 0 */

/*
 * Keeps the newest signed checkpoint; it replaces the last one whole. It takes effect at once and
 * is durable after the writer's turn (log_sync waits for that; its failure is on_failed). The last
 * part of its origin says of which tree: the log's name, or a shard, complete ones included.
 * Errors: PS_E_INPUT (malformed, or not the root of that size of that tree, or older than the last
 * one), PS_E_NOT_FOUND (no such shard), PS_E_STORAGE. The signature is the caller's business.
 */
PS_MUST_USE enum ps_err log_set_checkpoint(struct log *log, struct ps_bytes note);
struct ps_bytes log_checkpoint(const struct log *log); /* of the present tree; empty: none */

/* Of the present tree: see tree.h. Errors: PS_E_NOT_FOUND, PS_E_STORAGE. */
PS_MUST_USE enum ps_err log_read_entry(struct log *log, uint64_t index, struct ps_buf *out);
PS_MUST_USE enum ps_err log_each_entry(struct log *log, uint64_t from, tree_leaf_fn *fn,
                                       void *context);
PS_MUST_USE enum ps_err log_read_tile(struct log *log, unsigned level, uint64_t index,
                                      unsigned width, struct ps_buf *out);
PS_MUST_USE enum ps_err log_read_bundle(struct log *log, uint64_t index, unsigned width,
                                        struct ps_buf *out);
PS_MUST_USE enum ps_err log_prove_inclusion(struct log *log, uint64_t leaf, uint64_t size,
                                            struct merkle_proof *ret_proof);
PS_MUST_USE enum ps_err log_prove_consistency(struct log *log, uint64_t old, uint64_t size,
                                              struct merkle_proof *ret_proof);

/* The shard that is written now ("2026-11-0001"); "" for a log without shards. */
const char *log_shard(const struct log *log);

/* The complete shards, oldest first; `at` below log_shard_count. */
size_t log_shard_count(const struct log *log);
PS_MUST_USE enum ps_err log_shard_info(struct log *log, size_t at, struct tree_info *ret_info);

/*
 * The tree of a shard by its name, or the present one for its name or "". Valid until the loop's
 * next turn, or the next call of this, log_sync or log_reopen. Errors: PS_E_NOT_FOUND,
 * PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err log_find_tree(struct log *log, struct ps_bytes shard,
                                      const struct tree **ret_tree);

#endif
