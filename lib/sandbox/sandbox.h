#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "lib/base/buf.h"

#include <sys/types.h>

/*
 * What a role may still do. In order: the supervisor forks; the child drops users, groups and
 * capabilities and executes the program anew; the role reads its configuration and then takes from
 * itself the files (Landlock) and system calls (seccomp) that it does not need.
 */

/* What this kernel offers; asked once by the supervisor. */
struct sandbox_support {
    int landlock; /* version of its interface, 0: none */
    bool seccomp;
};
struct sandbox_support sandbox_probe(void);

/* True when this process may become other users (CAP_SETUID and CAP_SETGID are effective). */
bool sandbox_may_switch_users(void);

/* No core dumps, no tracing: for every process, before it has anything to hide. */
PS_MUST_USE enum ps_err sandbox_forbid_dumps(void);

/*
 * For the supervisor, when all that needs rights has been opened: no core dumps, not traceable, and
 * of the capabilities only those that making, stopping and reloading roles needs.
 */
PS_MUST_USE enum ps_err sandbox_enter_supervisor(void);

/*
 * For a child between fork and exec: limits, groups, user, capabilities with their bounding set,
 * and no way to regain any.
 *
 * separate: become uid and gid; else they stay what they are
 */
PS_MUST_USE enum ps_err sandbox_enter_child(bool separate, uid_t uid, gid_t gid);

enum sandbox_kind {
    SANDBOX_NONE,
    SANDBOX_API,
    SANDBOX_KEEPER,
    SANDBOX_TOKEN,
    SANDBOX_COMPANION /* a program beside the appliance: a database, and calls over a network */
};

/* What one role's rules depend on. Texts are "" or lines. */
struct sandbox_role {
    enum sandbox_kind kind;
    const char *data_directory; /* keeper, companion */
    const char *backups;        /* keeper */
    const char *mirror;         /* keeper */
    const char *module;         /* token, as the rest */
    const char *store;
    const char *readable; /* companion, too */
    const char *writable; /* companion, too */
    const char *system_calls;
    bool network;
};

/* For a role, once it has its configuration; what the kernel lacks is left out. */
PS_MUST_USE enum ps_err sandbox_enter_role(const struct sandbox_role *role);

#endif
