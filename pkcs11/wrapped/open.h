#ifndef PKCS11_WRAPPED_OPEN_H
#define PKCS11_WRAPPED_OPEN_H

#include "pkcs11/module/admin.h"
#include "pkcs11/wrapped/record.h"

/*
 * Opens a wrapped key: its MAC is made anew and compared, then it is unwrapped with a full template
 * to an object that goes with the session, and read back.
 *
 * handles: CK_INVALID_HANDLE where they are not known; on success what they were found to be
 * Errors:  PS_E_STATE (the record is not what the token made), PS_E_TOKEN, PS_E_DENIED (the profile
 *          offers no such keys), PS_E_NO_MEMORY
 * Source:  PKCS#11 v3.1, C_UnwrapKey
 */
PS_MUST_USE enum ps_err wrapped_open(struct session *session, const struct wrapped_key *key,
                                     struct wrapped_handles *handles, CK_OBJECT_HANDLE *ret_handle);

/*
 * The same, once, for a key that is to be wrapped anew: handles->wrapping is the copy that opens
 * such keys (rewrap.h), since what the wrapping key itself opens cannot be wrapped.
 */
PS_MUST_USE enum ps_err wrapped_open_to_wrap(struct session *session, const struct wrapped_key *key,
                                             const struct wrapped_handles *handles,
                                             CK_OBJECT_HANDLE *ret_handle);

/* msg_token_open: whether it opens. */
admin_fn wrapped_try_open;

#endif
