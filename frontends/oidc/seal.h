#ifndef FRONTENDS_OIDC_SEAL_H
#define FRONTENDS_OIDC_SEAL_H

#include "lib/base/buf.h"

/*
 * What is kept for somebody who comes back with a handle of at least 256 random bits (a
 * transaction's id, a code, an access token) is sealed under that handle, which is not kept: what
 * lies on the disk can be read by nobody else, and there is no key to be lost. HKDF (RFC 5869) with
 * SHA-256, AES-256-GCM with a random nonce.
 */

/* Octets that a sealed text has more than what it was made of. */
#define SEAL_EXTRA 28u

/* Appends. Errors: PS_E_INTERNAL; the buffer's. */
PS_MUST_USE enum ps_err seal_close(struct ps_bytes handle, struct ps_bytes octets,
                                   struct ps_buf *out);

/* Appends. Further error: PS_E_STORAGE: it is not what was sealed under this handle. */
PS_MUST_USE enum ps_err seal_open(struct ps_bytes handle, struct ps_bytes sealed,
                                  struct ps_buf *out);

#endif
