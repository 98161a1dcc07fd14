#ifndef PKCS11_WRAPPED_CARRY_H
#define PKCS11_WRAPPED_CARRY_H

#include "pkcs11/module/admin.h"
#include "pkcs11/objects/template.h"

/*
 * The keys that wrap are carried to another token: under an RSA key that was made there for this,
 * and that the security officer of this token has said is trusted.
 *
 * wrapped_carry_out: the SO logs in, puts the public key in as TRUSTED for as long as the session
 *   lasts, the user logs in again, the token wraps all three. All sessions of the process are
 *   without a login meanwhile: it forgets them afterwards.
 * wrapped_carry_in: the token unwraps them with full templates; they are read back.
 * Source: PKCS#11 v3.1, section 4.9 (CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED), C_WrapKey, C_UnwrapKey
 */
admin_fn wrapped_carry_out;
admin_fn wrapped_carry_in;

/* A key that arrives: what it is to be, and what it was wrapped to under the pair. */
struct arrival {
    struct template_request request;
    struct ps_bytes transport_id;
    struct ps_bytes blob;
};

/*
 * One key for itself, of a request that template_check accepts: unwrapped and read back. When that
 * is not as it should be, it is destroyed. Errors: PS_E_NOT_FOUND (there is no such pair),
 * PS_E_CONFLICT (its id is taken), PS_E_DENIED, PS_E_TOKEN
 */
PS_MUST_USE enum ps_err wrapped_arrive(struct session *session, const struct arrival *arrival,
                                       CK_OBJECT_HANDLE *ret_handle);

#endif
