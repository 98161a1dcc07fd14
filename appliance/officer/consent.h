#ifndef APPLIANCE_OFFICER_CONSENT_H
#define APPLIANCE_OFFICER_CONSENT_H

#include "appliance/cli/cli.h"
#include "lib/base/hash.h"
#include "lib/formats/ssh/ssh_key.h"

/* What comes before every signature: a key, and a person who says yes. */

/* The public key beside KEY. Errors: PS_E_NOT_FOUND, PS_E_INPUT, those of file_read. */
PS_MUST_USE enum ps_err consent_load_key(const char *key_path, struct ssh_key **ret_key);

/*
 * Asks the question on the terminal, to be answered with Yes; or, for scripts, --yes gives the
 * first four words of the hash, which only who has seen what is signed knows. Errors: PS_E_DENIED.
 */
PS_MUST_USE enum ps_err consent_ask(const struct cli_run *run, const char *question,
                                    const uint8_t hash[PS_SHA256_LEN]);

#endif
