#ifndef KEYSTORE_LOG_WALK_H
#define KEYSTORE_LOG_WALK_H

#include "keystore/log/log.h"

/*
 * Reads all leaves again that the newest checkpoint of a log without shards covers, some at a time,
 * and holds them against its root: what log_open has passed over, and what somebody changed since.
 */
/* So many leaves at most were not read by log_open: only their hashes are known. */
uint64_t log_unread(const struct log *log);

struct log_walk;

/* Errors: PS_E_NOT_FOUND (no checkpoint), PS_E_STORAGE, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err log_walk_new(struct log *log, struct log_walk **ret_walk);
void log_walk_free(struct log_walk *walk);
PS_DEFINE_CLEANUP(struct log_walk, log_walk_free)

/*
 * octets: about so many of the record
 * Errors: PS_E_INPUT (not the leaves of the checkpoint; the detail names the place where that can
 *         be said), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err log_walk_step(struct log_walk *walk, uint64_t octets, bool *ret_done);

/* Leaves read, and all of them. */
uint64_t log_walk_done(const struct log_walk *walk);
uint64_t log_walk_all(const struct log_walk *walk);

#endif
