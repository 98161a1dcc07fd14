#ifndef FRONTENDS_PLUGINS_REGISTRY_SECRET_HASH_H
#define FRONTENDS_PLUGINS_REGISTRY_SECRET_HASH_H

#include "lib/base/buf.h"

#define SECRET_HASH_MAX 128u

/* PINs and passwords, as they are stored: Argon2id with its parameters and salt, as text. */

/* Once per process, before the others. Errors: PS_E_INTERNAL */
PS_MUST_USE enum ps_err secret_hash_init(void);

/*
 * ret_text: made empty first; at most SECRET_HASH_MAX
 * Blocks:   some tens of milliseconds, and takes 19 MiB meanwhile
 * Errors:   PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err secret_hash_make(struct ps_bytes secret, struct ps_buf *ret_text);

/*
 * Whether it is the secret. With an empty text it never is, after the same work. Blocks as the
 * other one.
 */
bool secret_hash_matches(struct ps_bytes text, struct ps_bytes secret);

#endif
