#ifndef KEYSTORE_LOAD_H
#define KEYSTORE_LOAD_H

#include "keystore/internal.h"

/* From rows of the catalog to what the keeper holds in memory. */

/*
 * Everything, at the start, from a catalog that is what the log says: the stored one, or what was
 * derived when the stored one differs. Errors: PS_E_STORAGE, PS_E_INPUT (a row of no known form).
 */
PS_MUST_USE enum ps_err load_all(struct keeper *keeper, struct catalog *from);

/* What a result says of keys: taken over from the changes themselves. */
PS_MUST_USE enum ps_err load_key_changes(struct keeper *keeper,
                                         const struct catalog_change *changes, size_t count);

/* After its transaction: all else that it changed. `event`: of its result leaf. */
PS_MUST_USE enum ps_err load_changes(struct keeper *keeper, const struct catalog_change *changes,
                                     size_t count, uint64_t event);

/* Lets the tokens that the catalog names be logged in to. */
void load_approve_tokens(struct keeper *keeper);

#endif
