#ifndef API_VERIFY_VERIFY_H
#define API_VERIFY_VERIFY_H

#include "api/internal.h"
#include "lib/base/algorithm.h"

/*
 * What the verifying routes have in common: keys of ours come from the keeper, to those who may;
 * with keys of the caller's own nothing of ours is used, but the route is for those who may.
 */

/* Asks for the public keys of a key of ours. `fn` gets a document with a JWK set. */
void verify_ask_keys(struct exchange *exchange, struct ps_bytes key, enum ps_format format,
                     keeper_answer_fn *fn);

/* Asks whether the caller may verify at all; `fn` passes the answer to verify_is_allowed. */
void verify_ask_access(struct exchange *exchange, const char *operation, enum ps_format format,
                       keeper_answer_fn *fn);

/* False: the request is refused and answered. */
bool verify_is_allowed(struct exchange *exchange, const struct ipc_message *info,
                       const void *message);

/* The set in the keeper's document, read with api->other_json. */
PS_MUST_USE enum ps_err verify_read_jwks(struct exchange *exchange,
                                         const struct msg_document *document,
                                         struct json_value *ret_jwks);

/* Answers when no key verified it: PS_E_DENIED and PS_E_NOT_FOUND are results, others problems. */
void verify_answer_not_valid(struct exchange *exchange, enum ps_err err);

#endif
