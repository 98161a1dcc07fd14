#ifndef PKCS11_MODULE_CRYPTOKI_EXTRA_H
#define PKCS11_MODULE_CRYPTOKI_EXTRA_H

#include <p11-kit/pkcs11.h>

/*
 * What p11-kit 0.24.1 lacks of PKCS #11. Names, values and layouts are those of pkcs11t.h and
 * pkcs11f.h, which OASIS publishes with the specification; the version that brought each is named.
 */

/* v3.0 */
#define CKO_PROFILE                    (0x9UL)
#define CKK_EC_MONTGOMERY              (0x41UL)
#define CKA_UNIQUE_ID                  (0x4UL)
#define CKA_PROFILE_ID                 (0x601UL)
#define CKM_EC_MONTGOMERY_KEY_PAIR_GEN (0x1056UL)
#define CKM_AES_KEY_WRAP_KWP           (0x210bUL)
#define CKF_INTERFACE_FORK_SAFE        (0x1UL)
#define CKF_FIND_OBJECTS               (0x40UL)
#define CKR_AEAD_DECRYPT_FAILED        (0x42UL)
#define CKR_TOKEN_RESOURCE_EXCEEDED    (0x201UL)
#define CKR_OPERATION_CANCEL_FAILED    (0x202UL)

/* v3.1 */
#define CKR_KEY_EXHAUSTED (0x203UL)

/* v2.40, where p11-kit's values are not the specification's. */
#undef CKR_EXCEEDED_MAX_ITERATIONS
#undef CKR_FIPS_SELF_TEST_FAILED
#undef CKR_LIBRARY_LOAD_FAILED
#undef CKR_PIN_TOO_WEAK
#undef CKR_PUBLIC_KEY_INVALID
#define CKR_EXCEEDED_MAX_ITERATIONS (0x1b5UL)
#define CKR_FIPS_SELF_TEST_FAILED   (0x1b6UL)
#define CKR_LIBRARY_LOAD_FAILED     (0x1b7UL)
#define CKR_PIN_TOO_WEAK            (0x1b8UL)
#define CKR_PUBLIC_KEY_INVALID      (0x1b9UL)

/* v3.0: the parameter of CKM_EDDSA. */
typedef struct CK_EDDSA_PARAMS {
    CK_BBOOL phFlag;
    CK_ULONG ulContextDataLen;
    CK_BYTE_PTR pContextData;
} CK_EDDSA_PARAMS;

/* v3.0: one of the function lists a module offers. */
typedef struct CK_INTERFACE {
    CK_UTF8CHAR_PTR pInterfaceName;
    CK_VOID_PTR pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;

typedef CK_INTERFACE *CK_INTERFACE_PTR;
typedef CK_INTERFACE_PTR *CK_INTERFACE_PTR_PTR;

typedef CK_RV (*CK_C_GetInterfaceList)(CK_INTERFACE_PTR list, CK_ULONG_PTR count);
typedef CK_RV (*CK_C_GetInterface)(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version,
                                   CK_INTERFACE_PTR_PTR interface, CK_FLAGS flags);
typedef CK_RV (*CK_C_LoginUser)(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                                CK_ULONG pin_length, CK_UTF8CHAR_PTR name, CK_ULONG name_length);
typedef CK_RV (*CK_C_SessionCancel)(CK_SESSION_HANDLE session, CK_FLAGS flags);

/* The message functions of v3.0 come in a few shapes: beginning, one message, parts, the end. */
typedef CK_RV (*CK_C_MessageInit)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                                  CK_OBJECT_HANDLE key);
typedef CK_RV (*CK_C_MessageFinal)(CK_SESSION_HANDLE session);
typedef CK_RV (*CK_C_CryptMessage)(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                   CK_ULONG parameter_length, CK_BYTE_PTR associated,
                                   CK_ULONG associated_length, CK_BYTE_PTR in, CK_ULONG in_length,
                                   CK_BYTE_PTR out, CK_ULONG_PTR out_length);
typedef CK_RV (*CK_C_CryptMessageBegin)(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                        CK_ULONG parameter_length, CK_BYTE_PTR associated,
                                        CK_ULONG associated_length);
typedef CK_RV (*CK_C_CryptMessageNext)(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                       CK_ULONG parameter_length, CK_BYTE_PTR in,
                                       CK_ULONG in_length, CK_BYTE_PTR out, CK_ULONG_PTR out_length,
                                       CK_FLAGS flags);
typedef CK_RV (*CK_C_SignMessage)(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                  CK_ULONG parameter_length, CK_BYTE_PTR data, CK_ULONG data_length,
                                  CK_BYTE_PTR signature, CK_ULONG_PTR signature_length);
typedef CK_RV (*CK_C_SignMessageBegin)(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                       CK_ULONG parameter_length);
typedef CK_RV (*CK_C_VerifyMessage)(CK_SESSION_HANDLE session, CK_VOID_PTR parameter,
                                    CK_ULONG parameter_length, CK_BYTE_PTR data,
                                    CK_ULONG data_length, CK_BYTE_PTR signature,
                                    CK_ULONG signature_length);

/*
 * v3.0: the specification spells the members of CK_FUNCTION_LIST out again, in the same order, and
 * adds to them; the layout is the same, so `v2` may be handed on as a list of v2.40.
 */
typedef struct CK_FUNCTION_LIST_3_0 {
    CK_FUNCTION_LIST v2;
    CK_C_GetInterfaceList C_GetInterfaceList;
    CK_C_GetInterface C_GetInterface;
    CK_C_LoginUser C_LoginUser;
    CK_C_SessionCancel C_SessionCancel;
    CK_C_MessageInit C_MessageEncryptInit;
    CK_C_CryptMessage C_EncryptMessage;
    CK_C_CryptMessageBegin C_EncryptMessageBegin;
    CK_C_CryptMessageNext C_EncryptMessageNext;
    CK_C_MessageFinal C_MessageEncryptFinal;
    CK_C_MessageInit C_MessageDecryptInit;
    CK_C_CryptMessage C_DecryptMessage;
    CK_C_CryptMessageBegin C_DecryptMessageBegin;
    CK_C_CryptMessageNext C_DecryptMessageNext;
    CK_C_MessageFinal C_MessageDecryptFinal;
    CK_C_MessageInit C_MessageSignInit;
    CK_C_SignMessage C_SignMessage;
    CK_C_SignMessageBegin C_SignMessageBegin;
    CK_C_SignMessage C_SignMessageNext;
    CK_C_MessageFinal C_MessageSignFinal;
    CK_C_MessageInit C_MessageVerifyInit;
    CK_C_VerifyMessage C_VerifyMessage;
    CK_C_SignMessageBegin C_VerifyMessageBegin;
    CK_C_VerifyMessage C_VerifyMessageNext;
    CK_C_MessageFinal C_MessageVerifyFinal;
} CK_FUNCTION_LIST_3_0;

#endif
