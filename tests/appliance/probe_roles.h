#ifndef TESTS_APPLIANCE_PROBE_ROLES_H
#define TESTS_APPLIANCE_PROBE_ROLES_H

#include "appliance/role.h"

/*
 * Roles for tests of the supervisor: each writes what it is told as a log line of its own
 * ("probe_config", "probe_listener", "probe_tls", "probe_peer", "probe_pin", "probe_log_level",
 * "probe_stop") and greets each peer over the channel it was handed ("probe_hello"). SIGUSR1 makes
 * the keeper report "token a/0" as hung. The status of each holds a second line. A token's
 * environment may hold PROBE_UNWILLING=1 (does not obey msg_stop) and PROBE_CRASH=1 (exits with 9
 * at once).
 */
extern const struct role_programs probe_programs;

#endif
