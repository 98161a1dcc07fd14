#include "unsupported.h"

#include "call.h"

/* The functions the module does not have: they are counted, obey rules, and answer so. What they
 * are given does not matter. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

static CK_RV unsupported(enum fake_function function, CK_SESSION_HANDLE session)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, function, session);
    return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

#define UNSUPPORTED(name, ...)                                                                     \
    static CK_RV no_##name(CK_SESSION_HANDLE session, __VA_ARGS__)                                 \
    {                                                                                              \
        return unsupported(FAKE_C_##name, session);                                                \
    }
#define UNSUPPORTED_PLAIN(name)                                                                    \
    static CK_RV no_##name(CK_SESSION_HANDLE session)                                              \
    {                                                                                              \
        return unsupported(FAKE_C_##name, session);                                                \
    }

#define INIT   CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key
#define INPUT  CK_BYTE_PTR in, CK_ULONG in_length
#define OUTPUT CK_BYTE_PTR out, CK_ULONG_PTR out_length
#define GIVEN  CK_VOID_PTR parameter, CK_ULONG parameter_length
#define EXTRA  CK_BYTE_PTR associated, CK_ULONG associated_length

UNSUPPORTED(GetOperationState, OUTPUT)
UNSUPPORTED(SetOperationState, INPUT, CK_OBJECT_HANDLE encrypting, CK_OBJECT_HANDLE signing)
UNSUPPORTED(EncryptUpdate, INPUT, OUTPUT)
UNSUPPORTED(EncryptFinal, OUTPUT)
UNSUPPORTED(DecryptUpdate, INPUT, OUTPUT)
UNSUPPORTED(DecryptFinal, OUTPUT)
UNSUPPORTED(DigestInit, CK_MECHANISM_PTR mechanism)
UNSUPPORTED(Digest, INPUT, OUTPUT)
UNSUPPORTED(DigestUpdate, INPUT)
UNSUPPORTED(DigestKey, CK_OBJECT_HANDLE key)
UNSUPPORTED(DigestFinal, OUTPUT)
UNSUPPORTED(SignRecoverInit, INIT)
UNSUPPORTED(SignRecover, INPUT, OUTPUT)
UNSUPPORTED(VerifyRecoverInit, INIT)
UNSUPPORTED(VerifyRecover, INPUT, OUTPUT)
UNSUPPORTED(DigestEncryptUpdate, INPUT, OUTPUT)
UNSUPPORTED(DecryptDigestUpdate, INPUT, OUTPUT)
UNSUPPORTED(SignEncryptUpdate, INPUT, OUTPUT)
UNSUPPORTED(DecryptVerifyUpdate, INPUT, OUTPUT)
UNSUPPORTED_PLAIN(GetFunctionStatus)
UNSUPPORTED_PLAIN(CancelFunction)

UNSUPPORTED(LoginUser, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG pin_length,
            CK_UTF8CHAR_PTR name, CK_ULONG name_length)
UNSUPPORTED(MessageEncryptInit, INIT)
UNSUPPORTED(EncryptMessage, GIVEN, EXTRA, INPUT, OUTPUT)
UNSUPPORTED(EncryptMessageBegin, GIVEN, EXTRA)
UNSUPPORTED(EncryptMessageNext, GIVEN, INPUT, OUTPUT, CK_FLAGS flags)
UNSUPPORTED_PLAIN(MessageEncryptFinal)
UNSUPPORTED(MessageDecryptInit, INIT)
UNSUPPORTED(DecryptMessage, GIVEN, EXTRA, INPUT, OUTPUT)
UNSUPPORTED(DecryptMessageBegin, GIVEN, EXTRA)
UNSUPPORTED(DecryptMessageNext, GIVEN, INPUT, OUTPUT, CK_FLAGS flags)
UNSUPPORTED_PLAIN(MessageDecryptFinal)
UNSUPPORTED(MessageSignInit, INIT)
UNSUPPORTED(SignMessage, GIVEN, INPUT, OUTPUT)
UNSUPPORTED(SignMessageBegin, GIVEN)
UNSUPPORTED(SignMessageNext, GIVEN, INPUT, OUTPUT)
UNSUPPORTED_PLAIN(MessageSignFinal)
UNSUPPORTED(MessageVerifyInit, INIT)
UNSUPPORTED(VerifyMessage, GIVEN, INPUT, CK_BYTE_PTR signature, CK_ULONG signature_length)
UNSUPPORTED(VerifyMessageBegin, GIVEN)
UNSUPPORTED(VerifyMessageNext, GIVEN, INPUT, CK_BYTE_PTR signature, CK_ULONG signature_length)
UNSUPPORTED_PLAIN(MessageVerifyFinal)

static CK_RV no_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved)
{
    struct call call;
    CK_RV rv = call_begin(&call, FAKE_C_WaitForSlotEvent);
    return call_end(&call, rv == CKR_OK ? CKR_FUNCTION_NOT_SUPPORTED : rv);
}

void unsupported_fill(CK_FUNCTION_LIST *list)
{
    list->C_GetOperationState = no_GetOperationState;
    list->C_SetOperationState = no_SetOperationState;
    list->C_EncryptUpdate = no_EncryptUpdate;
    list->C_EncryptFinal = no_EncryptFinal;
    list->C_DecryptUpdate = no_DecryptUpdate;
    list->C_DecryptFinal = no_DecryptFinal;
    list->C_DigestInit = no_DigestInit;
    list->C_Digest = no_Digest;
    list->C_DigestUpdate = no_DigestUpdate;
    list->C_DigestKey = no_DigestKey;
    list->C_DigestFinal = no_DigestFinal;
    list->C_SignRecoverInit = no_SignRecoverInit;
    list->C_SignRecover = no_SignRecover;
    list->C_VerifyRecoverInit = no_VerifyRecoverInit;
    list->C_VerifyRecover = no_VerifyRecover;
    list->C_DigestEncryptUpdate = no_DigestEncryptUpdate;
    list->C_DecryptDigestUpdate = no_DecryptDigestUpdate;
    list->C_SignEncryptUpdate = no_SignEncryptUpdate;
    list->C_DecryptVerifyUpdate = no_DecryptVerifyUpdate;
    list->C_GetFunctionStatus = no_GetFunctionStatus;
    list->C_CancelFunction = no_CancelFunction;
    list->C_WaitForSlotEvent = no_WaitForSlotEvent;
}

void unsupported_fill_v3(CK_FUNCTION_LIST_3_0 *list)
{
    list->C_LoginUser = no_LoginUser;
    list->C_MessageEncryptInit = no_MessageEncryptInit;
    list->C_EncryptMessage = no_EncryptMessage;
    list->C_EncryptMessageBegin = no_EncryptMessageBegin;
    list->C_EncryptMessageNext = no_EncryptMessageNext;
    list->C_MessageEncryptFinal = no_MessageEncryptFinal;
    list->C_MessageDecryptInit = no_MessageDecryptInit;
    list->C_DecryptMessage = no_DecryptMessage;
    list->C_DecryptMessageBegin = no_DecryptMessageBegin;
    list->C_DecryptMessageNext = no_DecryptMessageNext;
    list->C_MessageDecryptFinal = no_MessageDecryptFinal;
    list->C_MessageSignInit = no_MessageSignInit;
    list->C_SignMessage = no_SignMessage;
    list->C_SignMessageBegin = no_SignMessageBegin;
    list->C_SignMessageNext = no_SignMessageNext;
    list->C_MessageSignFinal = no_MessageSignFinal;
    list->C_MessageVerifyInit = no_MessageVerifyInit;
    list->C_VerifyMessage = no_VerifyMessage;
    list->C_VerifyMessageBegin = no_VerifyMessageBegin;
    list->C_VerifyMessageNext = no_VerifyMessageNext;
    list->C_MessageVerifyFinal = no_MessageVerifyFinal;
}
