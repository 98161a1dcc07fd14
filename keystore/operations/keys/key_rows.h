#ifndef KEYSTORE_OPERATIONS_KEYS_KEY_ROWS_H
#define KEYSTORE_OPERATIONS_KEYS_KEY_ROWS_H

#include "keystore/operations/operation.h"

PS_MUST_USE enum ps_err key_rows_put(struct operation *op, const struct key *key,
                                     enum key_state state, uint32_t latest);
/* And lives in that token from now on. */
PS_MUST_USE enum ps_err key_rows_put_in(struct operation *op, const struct key *key,
                                        enum key_state state, uint32_t latest,
                                        struct ps_bytes token);
PS_MUST_USE enum ps_err key_rows_put_version(struct operation *op, const struct key *key,
                                             uint32_t number, enum key_state state);
/* Nothing of it but whether it is `unproven`. */
PS_MUST_USE enum ps_err key_rows_put_mark(struct operation *op, const struct key *key,
                                          uint32_t number, bool is_unproven);

/*
 * How many octets of a leaf are left beside the row of a key, and how many the row of one of its
 * versions takes at most: many versions do not fit into one leaf.
 */
size_t key_rows_room(const struct key *key);
size_t key_rows_version_len(const struct key_version *version);

#endif
