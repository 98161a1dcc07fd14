#ifndef FAKE_P11_FUNCTIONS_H
#define FAKE_P11_FUNCTIONS_H

/* What a function is, beside its name: whether a token needs time for it, and which operation of
 * the session it ends, whatever it answers (PKCS#11 v3.1, 5.2 on functions returning output). */
#define FAKE_COSTS        0x01U
#define FAKE_ENDS_SIGN    0x02U
#define FAKE_ENDS_VERIFY  0x04U
#define FAKE_ENDS_ENCRYPT 0x08U
#define FAKE_ENDS_DECRYPT 0x10U

/* Every function of PKCS#11 v3.0, in the order of CK_FUNCTION_LIST_3_0. */
#define FAKE_FUNCTIONS(X)                                                                          \
    X(C_Initialize, 0)                                                                             \
    X(C_Finalize, 0)                                                                               \
    X(C_GetInfo, 0)                                                                                \
    X(C_GetFunctionList, 0)                                                                        \
    X(C_GetSlotList, 0)                                                                            \
    X(C_GetSlotInfo, 0)                                                                            \
    X(C_GetTokenInfo, 0)                                                                           \
    X(C_GetMechanismList, 0)                                                                       \
    X(C_GetMechanismInfo, 0)                                                                       \
    X(C_InitToken, 0)                                                                              \
    X(C_InitPIN, 0)                                                                                \
    X(C_SetPIN, 0)                                                                                 \
    X(C_OpenSession, 0)                                                                            \
    X(C_CloseSession, 0)                                                                           \
    X(C_CloseAllSessions, 0)                                                                       \
    X(C_GetSessionInfo, 0)                                                                         \
    X(C_GetOperationState, 0)                                                                      \
    X(C_SetOperationState, 0)                                                                      \
    X(C_Login, 0)                                                                                  \
    X(C_Logout, 0)                                                                                 \
    X(C_CreateObject, 0)                                                                           \
    X(C_CopyObject, 0)                                                                             \
    X(C_DestroyObject, 0)                                                                          \
    X(C_GetObjectSize, 0)                                                                          \
    X(C_GetAttributeValue, 0)                                                                      \
    X(C_SetAttributeValue, 0)                                                                      \
    X(C_FindObjectsInit, 0)                                                                        \
    X(C_FindObjects, 0)                                                                            \
    X(C_FindObjectsFinal, 0)                                                                       \
    X(C_EncryptInit, 0)                                                                            \
    X(C_Encrypt, FAKE_COSTS | FAKE_ENDS_ENCRYPT)                                                   \
    X(C_EncryptUpdate, 0)                                                                          \
    X(C_EncryptFinal, 0)                                                                           \
    X(C_DecryptInit, 0)                                                                            \
    X(C_Decrypt, FAKE_COSTS | FAKE_ENDS_DECRYPT)                                                   \
    X(C_DecryptUpdate, 0)                                                                          \
    X(C_DecryptFinal, 0)                                                                           \
    X(C_DigestInit, 0)                                                                             \
    X(C_Digest, 0)                                                                                 \
    X(C_DigestUpdate, 0)                                                                           \
    X(C_DigestKey, 0)                                                                              \
    X(C_DigestFinal, 0)                                                                            \
    X(C_SignInit, 0)                                                                               \
    X(C_Sign, FAKE_COSTS | FAKE_ENDS_SIGN)                                                         \
    X(C_SignUpdate, 0)                                                                             \
    X(C_SignFinal, FAKE_COSTS | FAKE_ENDS_SIGN)                                                    \
    X(C_SignRecoverInit, 0)                                                                        \
    X(C_SignRecover, 0)                                                                            \
    X(C_VerifyInit, 0)                                                                             \
    X(C_Verify, FAKE_COSTS | FAKE_ENDS_VERIFY)                                                     \
    X(C_VerifyUpdate, 0)                                                                           \
    X(C_VerifyFinal, FAKE_COSTS | FAKE_ENDS_VERIFY)                                                \
    X(C_VerifyRecoverInit, 0)                                                                      \
    X(C_VerifyRecover, 0)                                                                          \
    X(C_DigestEncryptUpdate, 0)                                                                    \
    X(C_DecryptDigestUpdate, 0)                                                                    \
    X(C_SignEncryptUpdate, 0)                                                                      \
    X(C_DecryptVerifyUpdate, 0)                                                                    \
    X(C_GenerateKey, FAKE_COSTS)                                                                   \
    X(C_GenerateKeyPair, FAKE_COSTS)                                                               \
    X(C_WrapKey, FAKE_COSTS)                                                                       \
    X(C_UnwrapKey, FAKE_COSTS)                                                                     \
    X(C_DeriveKey, FAKE_COSTS)                                                                     \
    X(C_SeedRandom, 0)                                                                             \
    X(C_GenerateRandom, FAKE_COSTS)                                                                \
    X(C_GetFunctionStatus, 0)                                                                      \
    X(C_CancelFunction, 0)                                                                         \
    X(C_WaitForSlotEvent, 0)                                                                       \
    X(C_GetInterfaceList, 0)                                                                       \
    X(C_GetInterface, 0)                                                                           \
    X(C_LoginUser, 0)                                                                              \
    X(C_SessionCancel, 0)                                                                          \
    X(C_MessageEncryptInit, 0)                                                                     \
    X(C_EncryptMessage, 0)                                                                         \
    X(C_EncryptMessageBegin, 0)                                                                    \
    X(C_EncryptMessageNext, 0)                                                                     \
    X(C_MessageEncryptFinal, 0)                                                                    \
    X(C_MessageDecryptInit, 0)                                                                     \
    X(C_DecryptMessage, 0)                                                                         \
    X(C_DecryptMessageBegin, 0)                                                                    \
    X(C_DecryptMessageNext, 0)                                                                     \
    X(C_MessageDecryptFinal, 0)                                                                    \
    X(C_MessageSignInit, 0)                                                                        \
    X(C_SignMessage, 0)                                                                            \
    X(C_SignMessageBegin, 0)                                                                       \
    X(C_SignMessageNext, 0)                                                                        \
    X(C_MessageSignFinal, 0)                                                                       \
    X(C_MessageVerifyInit, 0)                                                                      \
    X(C_VerifyMessage, 0)                                                                          \
    X(C_VerifyMessageBegin, 0)                                                                     \
    X(C_VerifyMessageNext, 0)                                                                      \
    X(C_MessageVerifyFinal, 0)

#define FAKE_FUNCTION_MEMBER(name, flags) FAKE_##name,
enum fake_function { FAKE_FUNCTIONS(FAKE_FUNCTION_MEMBER) FAKE_FUNCTION_COUNT };
#undef FAKE_FUNCTION_MEMBER

#endif
