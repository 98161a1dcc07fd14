#ifndef PKCS11_WATCHDOG_H
#define PKCS11_WATCHDOG_H

#include "lib/base/err.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * A call into a module cannot be cancelled: when one does not return, the process has to go. The
 * keeper notices hung requests by itself, and soonest; this thread is for what it does not see,
 * such as a hung start, and for the end of the supervisor while the loop stands still in a call.
 */
struct watchdog;

/* The exit code after a call that did not return. */
enum { WATCHDOG_EXIT_HUNG = 4 };

/*
 * places:        calls that can be under way at the same time
 * supervisor_fd: copied; after its other end is closed the process has two seconds to end by itself
 * Errors:        PS_E_NO_MEMORY, PS_E_INTERNAL
 */
PS_MUST_USE enum ps_err watchdog_new(int supervisor_fd, unsigned places,
                                     struct watchdog **ret_watchdog);

/* Ends the thread. */
void watchdog_free(struct watchdog *watchdog);
PS_DEFINE_CLEANUP(struct watchdog, watchdog_free)

/* A call begins and is to be over by then (monotonic, in ns). */
void watchdog_begin(struct watchdog *watchdog, unsigned place, uint64_t deadline_ns);

/* It is over. */
void watchdog_end(struct watchdog *watchdog, unsigned place);

#endif
