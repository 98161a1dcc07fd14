#ifndef FRONTENDS_PLUGINS_LOAD_H
#define FRONTENDS_PLUGINS_LOAD_H

#include "frontends/plugins/privyseal_authenticator.h"
#include "lib/base/err.h"

#include <sys/types.h>

/*
 * Loads a plugin's shared object, which stays loaded until the process ends. Before anything of it
 * runs it is seen that nobody but root (or `owner`) could have put it there.
 *
 * path:      as plugin_path_check, and the next
 * owner:     0: root alone
 * ret_table: complete; its texts are checked
 * Errors:    those of plugin_path_check, PS_E_INPUT (no plugin, a plugin of another version of the
 *            interface, one that lacks something)
 * Source:    dlopen(3)
 */
PS_MUST_USE enum ps_err plugin_load(const char *path, uid_t owner,
                                    const struct privyseal_authenticator **ret_table);

#endif
