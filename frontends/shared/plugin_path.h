#ifndef FRONTENDS_SHARED_PLUGIN_PATH_H
#define FRONTENDS_SHARED_PLUGIN_PATH_H

#include "lib/base/err.h"

#include <sys/types.h>

/*
 * Whether nobody but root (or `owner`) could have put a plugin's shared object there: to be asked
 * before anything of it runs.
 *
 * path:   absolute, without symbolic links; the file and each directory above it belong to root or
 *         `owner`, and nobody else can write them (but for sticky directories)
 * owner:  0: root alone
 * Errors: PS_E_NOT_FOUND, PS_E_DENIED (whose it is), PS_E_INPUT (the path)
 */
PS_MUST_USE enum ps_err plugin_path_check(const char *path, uid_t owner);

#endif
