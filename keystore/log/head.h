#ifndef KEYSTORE_LOG_HEAD_H
#define KEYSTORE_LOG_HEAD_H

#include "keystore/log/io.h"

/* The file `checkpoint` of a tree. Its signature is not looked at here. */
#define HEAD_MAX 16384u

struct head {
    struct ps_bytes origin; /* borrowed from the note */
    uint64_t size;
    struct merkle_hash root;
};

/* Errors: PS_E_INPUT: not a checkpoint without extension lines and with a signature line. */
PS_MUST_USE enum ps_err head_parse(struct ps_bytes note, struct head *ret_head);

/*
 * The last part of the origin; and whether it, or for a shard the part before it, is `log`.
 * "x/events" is of the log events, "x/use/2026-11-0001" of the shard 2026-11-0001 of use.
 */
PS_MUST_USE enum ps_err head_shard(const struct head *head, const char *log, bool sharded,
                                   struct ps_bytes *ret_shard);

/* Appends the file's octets to `out`; nothing when there is no such file. */
PS_MUST_USE enum ps_err head_read(int dir_fd, const char *label, struct ps_buf *out);

/*
 * The same of the newest note that one witness cosigned, in the file `witnessed.<id>`. It is not
 * synced: what is lost is asked for again.
 */
#define HEAD_WITNESS_LEN 4u
PS_MUST_USE enum ps_err head_read_witnessed(int dir_fd, const char *label,
                                            const uint8_t id[HEAD_WITNESS_LEN], struct ps_buf *out);
PS_MUST_USE enum ps_err head_store_witnessed(const struct log_io *io, int dir_fd, const char *label,
                                             const uint8_t id[HEAD_WITNESS_LEN],
                                             struct ps_bytes note);

/* Replaces the file durably. */
PS_MUST_USE enum ps_err head_store(const struct log_io *io, int dir_fd, const char *label,
                                   struct ps_bytes note);

#endif
