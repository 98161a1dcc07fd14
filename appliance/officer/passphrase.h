#ifndef APPLIANCE_OFFICER_PASSPHRASE_H
#define APPLIANCE_OFFICER_PASSPHRASE_H

#include "appliance/cli/cli.h"
#include "lib/base/secret.h"

/*
 * Passphrases are typed, or come from the descriptor that --passphrase-fd names, one to a line in
 * the order in which they are asked for; never from an argument or the environment.
 * Errors: PS_E_STATE (no terminal and no descriptor), PS_E_INPUT, PS_E_DENIED, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err passphrase_ask(const struct cli_run *run, const char *what,
                                       struct ps_secret **ret_passphrase);
/* Of something new: typed twice. */
PS_MUST_USE enum ps_err passphrase_ask_new(const struct cli_run *run,
                                           struct ps_secret **ret_passphrase);

#endif
