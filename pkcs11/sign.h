#ifndef PKCS11_SIGN_H
#define PKCS11_SIGN_H

#include "pkcs11/mechanism.h"
#include "pkcs11/object.h"

/*
 * One signature: what is asked for, and what came of it. Whoever runs it touches nothing else, so
 * that it may be done by any thread that has a session.
 */
struct sign_task {
    struct ps_bytes id;
    struct ps_bytes data;
    struct ps_bytes serial; /* of the token, for session_explain */
    enum ps_alg alg;
    enum ps_key_type type;
    CK_OBJECT_HANDLE handle; /* CK_INVALID_HANDLE: search for the id first */
    bool searched;           /* out: `handle` was found anew, or (invalid) was not found */
    enum ps_err err;
    struct fault fault; /* with err: what the module answered; FAULT_NONE: it was not asked */
    size_t signature_len;
    uint32_t micros; /* inside the module */
    uint8_t signature[PS_SIGNATURE_MAX + OBJECT_GUARD];
};

/*
 * Signs; the result stands in the task. A dead handle is searched for by its id and a session with
 * an operation left over replaced, each once.
 *
 * task->err: PS_OK, PS_E_INPUT, PS_E_DENIED (key and algorithm), PS_E_NOT_FOUND, PS_E_CONFLICT
 *            (several keys have the id), PS_E_BUSY, PS_E_TOKEN, PS_E_INTERNAL; ps_detail() says
 * more Source:    PKCS#11 v3.1, C_SignInit and C_Sign
 */
void sign_run(struct session *session, struct sign_task *task);

#endif
