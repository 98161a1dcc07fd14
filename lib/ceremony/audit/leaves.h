#ifndef CEREMONY_AUDIT_LEAVES_H
#define CEREMONY_AUDIT_LEAVES_H

#include "lib/base/buf.h"

/* Which leaves of `events` each operation has, from the first one to the one that ends it. */
struct audit_leaves;

PS_MUST_USE enum ps_err audit_leaves_new(struct audit_leaves **ret_leaves);
void audit_leaves_free(struct audit_leaves *leaves);

/* Errors: PS_E_NO_MEMORY. A leaf of no operation (an empty id) is passed over. */
PS_MUST_USE enum ps_err audit_leaves_add(struct audit_leaves *leaves, struct ps_bytes operation,
                                         uint64_t leaf);

/* "12,15,16": the first 256 of them. */
void audit_leaves_put(const struct audit_leaves *leaves, struct ps_bytes operation,
                      struct ps_buf *out);

/* It has come to its end. */
void audit_leaves_forget(struct audit_leaves *leaves, struct ps_bytes operation);

#endif
