#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "lib/sandbox/sandbox.h"

/* Version of the kernel's Landlock interface; 0 when it has none or it is switched off. */
int landlock_version(void);

/*
 * Leaves the process the files of its role and nothing else, no TCP (but for tokens on a network),
 * no signals to other processes: as much of that as this kernel can do. Errors: PS_E_INTERNAL.
 */
PS_MUST_USE enum ps_err landlock_enter(const struct sandbox_role *role);

#endif
