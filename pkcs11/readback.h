#ifndef PKCS11_READBACK_H
#define PKCS11_READBACK_H

#include "pkcs11/object.h"
#include "pkcs11/template.h"

/*
 * What a token says about a key it has made: compared with what it was told, and written down for
 * the transcript.
 */

/*
 * Compares an object with the template it was made by, and with what only the token sets: LOCAL,
 * ALWAYS_SENSITIVE, NEVER_EXTRACTABLE, and the type of the key. Attributes that the profile does
 * not call enforced are left out.
 * Errors: PS_E_TOKEN (the detail names the first attribute that differs), PS_E_NOT_FOUND
 */
PS_MUST_USE enum ps_err readback_compare(struct session *session, CK_OBJECT_HANDLE handle,
                                         const struct template_request *request,
                                         enum template_role role, const struct template *template);

/*
 * Appends `"private":{...}` (public, secret): what the object shows. Attributes that it does not
 * have are left out; key material is never asked for.
 */
PS_MUST_USE enum ps_err readback_describe(struct session *session, CK_OBJECT_HANDLE handle,
                                          enum template_role role, struct ps_buf *json);

#endif
