#ifndef PKCS11_TOKEN_WATCHDOG_H
#define PKCS11_TOKEN_WATCHDOG_H

#include "lib/base/err.h"

#include <stdint.h>

/*
 * A call into a module cannot be cancelled: when one does not return, the process has to go. The
 * keeper notices hung requests by itself; this is for the calls it does not see, such as a start of
 * the module or a look at the token, and for administration that takes far too long.
 *
 * It is a signal and not a thread: with a second thread the allocator and OpenSSL take locks for
 * each signature, which costs 4 % of them.
 */

/* The exit code after a call that did not return. */
enum { WATCHDOG_EXIT_HUNG = 4 };

/* Takes SIGALRM. Errors: PS_E_INTERNAL */
PS_MUST_USE enum ps_err watchdog_init(void);

/* A call begins that is to be over in so many ms (rounded up to seconds). One at a time. */
void watchdog_begin(uint64_t limit_ms);

/* It is over. */
void watchdog_end(void);

#endif
