#ifndef KEYSTORE_LOG_PRUNE_H
#define KEYSTORE_LOG_PRUNE_H

#include "keystore/log/log.h"

/* Complete shards whose leaves go from the disk. */

/*
 * How many leaves of a complete shard its checkpoint covers. Errors: PS_E_NOT_FOUND (no such
 * shard), PS_E_STORAGE, PS_E_INPUT (malformed).
 */
PS_MUST_USE enum ps_err log_shard_covered(struct log *log, struct ps_bytes shard,
                                          uint64_t *ret_size);

/*
 * Removes the leaves of a complete shard from the disk; its checkpoint, which has to cover all of
 * them, stays and says from then on what it was. The space comes back at once. May be done again,
 * also after a crash in it. That an archive has them, and that people allowed it, is the caller's
 * business. Errors: PS_E_NOT_FOUND (no such complete shard), PS_E_STATE (the checkpoint does not
 * cover all of it), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err log_prune_shard(struct log *log, struct ps_bytes name);

#endif
