#ifndef PS_BASE_LOOP_SIGNALS_H
#define PS_BASE_LOOP_SIGNALS_H

#include "lib/base/loop.h"

#include <signal.h>
#include <sys/signalfd.h>

/*
 * Signals in an event loop. Beside loop.h, as few take signals, and what the system says of them is
 * longer than all that is said of a loop.
 */

/* Blocks the signals in `set` for this thread and delivers them here. Once per loop. */
typedef void ps_signal_fn(void *context, const struct signalfd_siginfo *info);
PS_MUST_USE enum ps_err ps_loop_signals(struct ps_loop *loop, const sigset_t *set, ps_signal_fn *fn,
                                        void *context);

#endif
