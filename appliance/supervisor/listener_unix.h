#ifndef APPLIANCE_SUPERVISOR_LISTENER_UNIX_H
#define APPLIANCE_SUPERVISOR_LISTENER_UNIX_H

#include "appliance/supervisor/listeners.h"

/* Makes the Unix socket of a listener's configuration. Errors: as listeners_open. */
PS_MUST_USE enum ps_err listener_open_unix(const struct config_listener *config,
                                           struct listener *ret_listener);

#endif
