#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "lib/sandbox/sandbox.h"

bool seccomp_available(void);

/*
 * PS_OK when a token's configuration may name this system call. Errors: PS_E_INPUT for what does
 * not exist, and for what would lead out of the sandbox.
 */
PS_MUST_USE enum ps_err sandbox_check_call(const char *name);

/*
 * From here on the process may use its role's system calls only; any other answers EPERM, and is
 * written to the kernel's audit log where that is on. Errors: PS_E_INTERNAL.
 */
PS_MUST_USE enum ps_err seccomp_enter(const struct sandbox_role *role);

#endif
