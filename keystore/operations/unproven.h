#ifndef KEYSTORE_OPERATIONS_UNPROVEN_H
#define KEYSTORE_OPERATIONS_UNPROVEN_H

#include "keystore/operations/operation.h"

/* Public keys that only a leaf names which nobody signed for: docs/decisions/0020. */

/* --- unproven.c --- */
/* The version is kept from everybody until the token has shown that it has this public key. */
PS_MUST_USE enum ps_err unproven_add(struct operations *operations, struct key_version *version);
/* The token has shown it, and its row is still to say so. */
bool unproven_is_shown(const struct operations *operations, const struct key_version *version);

/* --- key_proof.c: key.unproven and key.proven, which the appliance begins by itself --- */
bool key_proof_resolve(struct operation *op, struct json_value request);
bool key_proof_check(struct operation *op);
enum ps_err key_proof_rows(struct operation *op);
void key_proof_begin(struct operations *operations, const struct key_version *version,
                     const char *type);

#endif
