#ifndef APPLIANCE_SUPERVISOR_SUPERVISOR_H
#define APPLIANCE_SUPERVISOR_SUPERVISOR_H

#include "appliance/config/config.h"

/*
 * The first process: opens what needs rights, starts the roles, hands each its sockets and secrets,
 * starts anew what ends, and stops all in order. It reads no octet that a client or a token sent.
 *
 * Takes over the configuration. Returns the exit code of the program once all roles have ended.
 */
int supervisor_run(struct config *config);

#endif
