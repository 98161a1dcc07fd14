#ifndef PKCS11_WRAPPED_WRAPPING_H
#define PKCS11_WRAPPED_WRAPPING_H

#include "pkcs11/module/profile.h"
#include "pkcs11/module/session.h"

/* What wraps: AES key wrap with padding (RFC 5649), under whatever name the token has for it. */

/* Errors: PS_E_DENIED (the profile offers none). */
PS_MUST_USE enum ps_err wrapping_find_mechanism(const struct profile *profile,
                                                CK_MECHANISM_TYPE *ret_mechanism);

/*
 * Wraps a key in the token. `out` gets the blob, at most `most` octets.
 * Errors: PS_E_TOKEN (also a length that cannot be), PS_E_DENIED (it is not to be wrapped)
 * Source: PKCS#11 v3.1, C_WrapKey
 */
PS_MUST_USE enum ps_err wrapping_wrap(struct session *session, CK_MECHANISM *mechanism,
                                      CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key, size_t most,
                                      struct ps_buf *out);

#endif
