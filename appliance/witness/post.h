#ifndef APPLIANCE_WITNESS_POST_H
#define APPLIANCE_WITNESS_POST_H

#include "lib/base/buf.h"

/*
 * Sends the body of an add-checkpoint to a witness, below its URL. TLS is verified with the
 * system's authorities. Blocks at most 20 s. Errors: PS_E_BUSY (not reached), PS_E_LIMIT (an answer
 * that is none), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err witness_post(const char *url, struct ps_bytes request,
                                     struct ps_buf *answer, unsigned *ret_status);

#endif
