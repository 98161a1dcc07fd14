#ifndef PKCS11_OBJECTS_GENERATE_H
#define PKCS11_OBJECTS_GENERATE_H

#include "pkcs11/module/admin.h"
#include "pkcs11/objects/template.h"

/*
 * msg_token_generate: makes a key or key pair with full templates, reads it back and compares, and
 * signs once with it. A key that is not exactly what was asked for is destroyed again.
 */
admin_fn generate_key;

struct generated {
    CK_OBJECT_HANDLE own;    /* the private or secret key */
    CK_OBJECT_HANDLE public; /* CK_INVALID_HANDLE: it has none */
};

/*
 * The same for what template_check has let pass: answer->first gets the SubjectPublicKeyInfo of a
 * pair, answer->second the JSON of what was read back.
 */
PS_MUST_USE enum ps_err generate_pair(struct session *session,
                                      const struct template_request *request,
                                      struct generated *ret_pair, struct admin_answer *answer);
/* Destroys it, and keeps the session's fault. */
void generate_undo(struct session *session, const struct generated *pair);

#endif
