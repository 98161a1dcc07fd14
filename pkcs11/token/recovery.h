#ifndef PKCS11_TOKEN_RECOVERY_H
#define PKCS11_TOKEN_RECOVERY_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"
#include "pkcs11/module/cryptoki_extra.h"

/*
 * What an answer of the module means. One table (recovery.def) gives each CKR_ value a class for
 * each kind of call; a profile may change single cells for a module that uses them otherwise.
 */

/* The kinds of calls, the columns of recovery.def. */
enum operation {
    OPERATION_START,   /* C_Initialize, C_GetInfo, C_Finalize */
    OPERATION_SLOT,    /* C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo */
    OPERATION_SESSION, /* C_OpenSession, C_GetSessionInfo */
    OPERATION_LOGIN,   /* C_Login, C_Logout */
    OPERATION_FIND,    /* C_FindObjects..., C_GetAttributeValue */
    OPERATION_SIGN,    /* C_SignInit, C_Sign */
    OPERATION_OPEN,    /* what opens octets of a caller: decrypt, unwrap, derive */
    OPERATION_MAKE,    /* C_GenerateKey, C_GenerateKeyPair, C_CreateObject */
    OPERATION_CHANGE,  /* C_DestroyObject, C_SetAttributeValue */
    OPERATION_RANDOM,  /* C_GenerateRandom */
    OPERATION_ADMIN,   /* C_InitToken, C_InitPIN, C_SetPIN, C_Login as SO for those */
    OPERATION_COUNT
};

enum fault_class {
    FAULT_NONE,
    FAULT_CALLER,
    FAULT_KEY,
    FAULT_HANDLE,
    FAULT_ACTIVE,
    FAULT_SESSION,
    FAULT_LOGIN,
    FAULT_RELOAD,
    FAULT_GONE,
    FAULT_PIN,
    FAULT_BUSY,
    FAULT_DOUBT,
    FAULT_UNEXPLAINED,
    FAULT_OURS,
    FAULT_COUNT
};

/* What the last failed call of a session answered. */
struct fault {
    CK_RV rv;
    enum operation operation;
    enum fault_class class;
};

/* A cell that a profile changes. */
struct recovery_rule {
    CK_RV rv;
    enum operation operation;
    enum fault_class class;
};

/* The rules come first, then recovery.def. */
enum fault_class recovery_class(const struct recovery_rule *rules, size_t count, CK_RV rv,
                                enum operation operation);

/* True for what ends a generation of sessions: sessions, login, device or module are lost. */
bool recovery_is_loss(enum fault_class class);

/* The error class that a caller of our functions sees. */
enum ps_err recovery_err(enum fault_class class);

/* "CKR_DEVICE_REMOVED"; "CKR_VENDOR_DEFINED" or "an unlisted CKR" for what is not in the table. */
const char *recovery_rv_name(CK_RV rv);
const char *recovery_operation_name(enum operation operation);
const char *recovery_class_name(enum fault_class class);

/* False when there is no such name. */
bool recovery_rv_by_name(struct ps_bytes name, CK_RV *ret_rv);
bool recovery_operation_by_name(struct ps_bytes name, enum operation *ret_operation);
bool recovery_class_by_name(struct ps_bytes name, enum fault_class *ret_class);

#endif
