#ifndef FAKE_P11_BEGIN_H
#define FAKE_P11_BEGIN_H

#include "call.h"

/* The beginnings that signing, verifying, encrypting and decrypting have in common. */

/*
 * Checks session, mechanism, parameter and key, and puts them into the session's operation, which
 * the caller then prepares and marks as active.
 * Errors: those PKCS#11 lists for C_SignInit
 */
CK_RV begin_operation(struct call *call, enum operation_kind kind, const CK_MECHANISM *given,
                      CK_OBJECT_HANDLE handle);

/* Whether an operation may go on. Errors: CKR_OPERATION_NOT_INITIALIZED, CKR_USER_NOT_LOGGED_IN */
CK_RV begin_continue(const struct call *call, enum operation_kind kind);

/* class: of the key when the mechanism is asymmetric */
CK_RV begin_check_key(const struct object *key, const struct mechanism *mechanism,
                      CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE usage);

#endif
