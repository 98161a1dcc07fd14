#ifndef KEYSTORE_OPERATIONS_CALLERS_WAY_IN_H
#define KEYSTORE_OPERATIONS_CALLERS_WAY_IN_H

#include "keystore/operations/operation.h"

/*
 * False, and the operation is refused, when what it takes away (either may be empty) was the last
 * way in: a client that is not suspended, on the management listener, with grants without an end to
 * give grants and to take steps of operations.
 */
struct way_in_closing {
    struct ps_bytes client;
    struct ps_bytes grant;
};
PS_MUST_USE bool way_in_stays(struct operation *op, const struct way_in_closing *closing);

#endif
