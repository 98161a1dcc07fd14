#ifndef APPLIANCE_SUPERVISOR_PINS_H
#define APPLIANCE_SUPERVISOR_PINS_H

#include "appliance/config/config.h"
#include "lib/base/secret.h"

/*
 * The PINs that the supervisor keeps, so that a keeper that dies comes back alone. NULL where none
 * is configured: then officers release it (attended unlock).
 */
struct pins {
    struct ps_secret *user[CONFIG_TOKENS_MAX];
    struct ps_secret *so[CONFIG_TOKENS_MAX];
    bool is_kept[CONFIG_TOKENS_MAX]; /* the user's: released by officers */
};

/*
 * Keeps the PIN that officers released for the configuration's token `index`, in place of any
 * other. Errors: PS_E_LIMIT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err pins_keep(struct pins *pins, size_t index, struct ps_bytes pin);

/*
 * Reads all PINs of a configuration, from files that only their owner may read, or from systemd's
 * credentials. Errors: PS_E_NOT_FOUND, PS_E_DENIED, PS_E_INPUT (empty), PS_E_LIMIT (over 256
 * octets), PS_E_STORAGE, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err pins_load(const struct config *config, struct pins *ret_pins);
void pins_clear(struct pins *pins);

/* Reads and forgets one: for --check-config. The path or the name may be "". */
PS_MUST_USE enum ps_err pins_check(const char *path, const char *credential);

#endif
