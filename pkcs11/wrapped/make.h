#ifndef PKCS11_WRAPPED_MAKE_H
#define PKCS11_WRAPPED_MAKE_H

#include "pkcs11/module/admin.h"
#include "pkcs11/wrapped/record.h"

/*
 * msg_token_make_wrapped: a key (pair) that goes with the session is made with full templates, read
 * back and tried; the token wraps it and makes its MAC; then it is destroyed. A crash at any point
 * leaves nothing behind.
 */
admin_fn wrapped_make;

/*
 * Wraps an object under the keys that key->record names, and makes its MAC; the record has its
 * public key. out: empty before, the caller clears it; gets blob and MAC, which wrapped_message
 * tells apart, borrowed.
 * Errors: PS_E_TOKEN, PS_E_DENIED (it is not to be wrapped)
 */
PS_MUST_USE enum ps_err wrapped_seal(struct session *session, CK_OBJECT_HANDLE own,
                                     struct wrapped_key *key, struct ps_buf *out);
struct msg_token_wrapped wrapped_message(const struct ps_buf *sealed);

#endif
