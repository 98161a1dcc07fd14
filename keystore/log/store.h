#ifndef KEYSTORE_LOG_STORE_H
#define KEYSTORE_LOG_STORE_H

#include "keystore/log/io.h"
#include "lib/formats/tlog/tiles.h"

/* The files of one tree. After it was opened nothing in it changes, so threads may share it. */
enum store_file {
    STORE_ENTRIES,
    STORE_OFFSETS,
    STORE_HASHES, /* and the levels above it */
    STORE_FILES = STORE_HASHES + (int)TILES_LEVELS
};

struct file_id {
    dev_t device;
    ino_t inode;
};

struct store {
    const struct log_io *io;
    char name[TREE_NAME_MAX + 1]; /* of the shard; empty for a log without shards */
    char *path;
    char *label; /* for errors: "events" or "use/2026-11-0001" */
    int dir_fd;
    bool pruned;
    int fds[STORE_FILES]; /* -1: pruned */
    struct file_id ids[STORE_FILES];
};

struct store_place {
    const struct log_io *io;
    const char *directory; /* of the log */
    const char *log;       /* its name */
    const char *name;      /* shard, or "" */
};

/*
 * Opens the files; with `create` makes the directory and what is missing in a new tree, durably.
 * Errors: PS_E_STORAGE, PS_E_INPUT (the record of a tree that is not new is missing).
 */
PS_MUST_USE enum ps_err store_open(const struct store_place *place, bool create,
                                   struct store **ret_store);
/*
 * Opens those of a complete shard, to read: nothing is written there any more. One with a
 * checkpoint and without a record was pruned: it has no files. Errors: as above.
 */
PS_MUST_USE enum ps_err store_open_complete(const struct store_place *place,
                                            struct store **ret_store);
void store_free(struct store *store);
PS_DEFINE_CLEANUP(struct store, store_free)

const char *store_file_name(unsigned file);

PS_MUST_USE enum ps_err store_length(const struct store *store, unsigned file,
                                     uint64_t *ret_octets);

/* The record that is open has exactly `octets`. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err store_check_length(const struct store *store, uint64_t octets);
/* And its name still means it. */
PS_MUST_USE enum ps_err store_check_record(const struct store *store, uint64_t octets);
/* The same for every file, whatever their lengths. */
PS_MUST_USE enum ps_err store_check_files(const struct store *store);

/* Syncs what follows from the record. */
PS_MUST_USE enum ps_err store_sync_derived(const struct store *store);

/* Cuts every file to a tree of `size` leaves, whose record has `octets`, and syncs them. */
PS_MUST_USE enum ps_err store_cut(const struct store *store, uint64_t size, uint64_t octets);

/*
 * Removes the leaves of a complete shard and what follows from them; its checkpoint stays. The
 * record goes first, durably: from then on it is a pruned one, whatever else is left. May be done
 * again. Errors: PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err store_prune(const struct store *store);

/* Hashes of a level from number `from` on. Errors: PS_E_STORAGE (fewer are stored), PS_E_NOT_FOUND
 * (pruned). */
PS_MUST_USE enum ps_err store_read_hashes(const struct store *store, unsigned level, uint64_t from,
                                          unsigned count, struct merkle_hash *ret_hashes);

/* Where bundle `index` begins in the record. Errors: PS_E_STORAGE (not stored), PS_E_NOT_FOUND
 * (pruned). */
PS_MUST_USE enum ps_err store_read_offset(const struct store *store, uint64_t index,
                                          uint64_t *ret_offset);

/* Writes hashes and offsets behind those of a tree of `size` leaves. */
PS_MUST_USE enum ps_err store_write_derived(const struct store *store, uint64_t size,
                                            const struct ps_buf cells[TILES_LEVELS],
                                            const struct ps_buf *offsets);

/* Of a tree of `size` leaves: its bundles, and the octets of a file that is not the record. */
uint64_t store_bundles(uint64_t size);
uint64_t store_expected_length(unsigned file, uint64_t size);

#endif
