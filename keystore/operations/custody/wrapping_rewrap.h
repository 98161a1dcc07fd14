#ifndef KEYSTORE_OPERATIONS_CUSTODY_WRAPPING_REWRAP_H
#define KEYSTORE_OPERATIONS_CUSTODY_WRAPPING_REWRAP_H

#include "keystore/operations/custody/wrapping_rows.h"

/*
 * wrapping.rewrap: what people approve (wrapping_rewrap.c), and what is done in the token then
 * (wrapping_rewrap_run.c).
 */

/* Objects that it makes, in the order of the document. */
enum { REWRAP_PAIR, REWRAP_COPY, REWRAP_SECRETS_COPY, REWRAP_OBJECTS };

struct rewrap_params {
    struct ps_bytes token;
    uint64_t from;
    uint64_t version;
};

/* From op->params; the ids become the operation's objects. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err rewrap_read_params(struct operation *op, struct rewrap_params *ret_params);

#endif
