#ifndef KEYSTORE_OPERATIONS_CUSTODY_WRAPPING_ROWS_H
#define KEYSTORE_OPERATIONS_CUSTODY_WRAPPING_ROWS_H

#include "keystore/custody/wrapping_keys.h"
#include "keystore/operations/internal.h"

/* What the operations on the keys that wrap have in common: locks, parameters, rows. */

/* The key that wraps, and the one of the MACs. */
void wrapping_lock_keys(struct operation *op);

/* The member `objects`: so many ids, each another, as the operation's objects. */
PS_MUST_USE enum ps_err wrapping_params_objects(struct operation *op, size_t count);

/* Both keys' rows of a version, with one token more that holds it. */
PS_MUST_USE enum ps_err wrapping_rows_add_replica(struct operation *op, uint32_t number,
                                                  struct ps_bytes token);

/* The same, from now on without keys under it: that is when the version ends. */
PS_MUST_USE enum ps_err wrapping_rows_set_empty(struct operation *op, uint32_t number);

/* The same, destroyed. */
PS_MUST_USE enum ps_err wrapping_rows_destroy(struct operation *op, uint32_t number);

#endif
