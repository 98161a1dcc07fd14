#ifndef APPLIANCE_SUPERVISOR_NOTIFY_H
#define APPLIANCE_SUPERVISOR_NOTIFY_H

#include "lib/base/loop.h"

/*
 * The service manager's side (sd_notify(3)): what state we are in, and its watchdog. Does nothing
 * when none listens.
 */
void notify_ready(const char *status);
void notify_status(const char *status);
void notify_stopping(void);
void notify_reloading(void);

/* Pings the watchdog at half its interval from the loop, if one was asked for. */
struct notify_watchdog;
PS_MUST_USE enum ps_err notify_watchdog_new(struct ps_loop *loop,
                                            struct notify_watchdog **ret_watchdog);
void notify_watchdog_free(struct notify_watchdog *watchdog);

#endif
