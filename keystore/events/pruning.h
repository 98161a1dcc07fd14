#ifndef KEYSTORE_EVENTS_PRUNING_H
#define KEYSTORE_EVENTS_PRUNING_H

#include "keystore/internal.h"

/*
 * Shards of the log of uses whose leaves are removed from the appliance, since an archive has them.
 * The rows of the kind `pruned` say which: an operation of the gate made them (log.prune).
 */

/*
 * At a start: each shard whose leaves are not there is one that a row names, of that size and root.
 * Errors: PS_E_INPUT (leaves were removed that nobody allowed to be), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err pruning_check(struct keeper *keeper);

/*
 * Called once a second: removes the leaves of shards that have a row, once a checkpoint signs for
 * the row's leaf and enough witnesses have seen it. What a crash interrupted is done again.
 */
void pruning_tick(struct keeper *keeper);

#endif
