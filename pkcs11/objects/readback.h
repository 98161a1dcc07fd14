#ifndef PKCS11_OBJECTS_READBACK_H
#define PKCS11_OBJECTS_READBACK_H

#include "pkcs11/objects/object.h"
#include "pkcs11/objects/template.h"

/*
 * What a token says about a key it has made: compared with what it was told, and written down for
 * the transcript.
 */

/*
 * Compares an object with the template it was made by, and with what only the token sets: LOCAL,
 * ALWAYS_SENSITIVE, NEVER_EXTRACTABLE, and the type of the key; an object that was unwrapped
 * (`is_unwrapped`) shows none of these three. Attributes that the profile does not call enforced
 * are left out.
 * Errors: PS_E_TOKEN (the detail names the first attribute that differs), PS_E_NOT_FOUND
 */
PS_MUST_USE enum ps_err readback_compare(struct session *session, CK_OBJECT_HANDLE handle,
                                         const struct template_request *request,
                                         enum template_role role, const struct template *template);

/*
 * The same of an object that was made long ago: the name of the first attribute that differs
 * ("CKA_SIGN"), NULL when there is none. Errors: PS_E_TOKEN (it cannot be read), PS_E_NOT_FOUND
 */
PS_MUST_USE enum ps_err readback_find_difference(struct session *session, CK_OBJECT_HANDLE handle,
                                                 const struct template_request *request,
                                                 enum template_role role,
                                                 const struct template *template,
                                                 const char **ret_name);

/*
 * Appends `"private":{...}` (public, secret): what the object shows. Attributes that it does not
 * have are left out; key material is never asked for.
 */
PS_MUST_USE enum ps_err readback_describe(struct session *session, CK_OBJECT_HANDLE handle,
                                          enum template_role role, struct ps_buf *json);

#endif
