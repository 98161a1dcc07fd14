#ifndef APPLIANCE_SUPERVISOR_SPAWN_H
#define APPLIANCE_SUPERVISOR_SPAWN_H

#include "appliance/supervisor/child.h"

/*
 * Forks and executes the program anew as a role: channel on descriptor 3, nothing else open but
 * standard error, signals as at the start of a program, its own session and user, no rights.
 *
 * program_fd: over 3; executed as it is open, whatever stands at its path by now
 * Errors:     PS_E_BUSY (fork failed); what fails in the child ends it with a log line
 */
PS_MUST_USE enum ps_err spawn_role(const struct child_spec *spec, int program_fd, int channel_fd,
                                   pid_t *ret_pid);

#endif
