#include <pthread.h>
#include <string.h>

#include "call.h"
#include "cryptoki.h"
#include "unsupported.h"

/* How a program gets at the functions: the list of v2.40 and the interfaces of v3.0. */

static CK_FUNCTION_LIST list_v2 = {
    .version = {2, 40},
    .C_Initialize = C_Initialize,
    .C_Finalize = C_Finalize,
    .C_GetInfo = C_GetInfo,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = C_GetSlotList,
    .C_GetSlotInfo = C_GetSlotInfo,
    .C_GetTokenInfo = C_GetTokenInfo,
    .C_GetMechanismList = C_GetMechanismList,
    .C_GetMechanismInfo = C_GetMechanismInfo,
    .C_InitToken = C_InitToken,
    .C_InitPIN = C_InitPIN,
    .C_SetPIN = C_SetPIN,
    .C_OpenSession = C_OpenSession,
    .C_CloseSession = C_CloseSession,
    .C_CloseAllSessions = C_CloseAllSessions,
    .C_GetSessionInfo = C_GetSessionInfo,
    .C_Login = C_Login,
    .C_Logout = C_Logout,
    .C_CreateObject = C_CreateObject,
    .C_CopyObject = C_CopyObject,
    .C_DestroyObject = C_DestroyObject,
    .C_GetObjectSize = C_GetObjectSize,
    .C_GetAttributeValue = C_GetAttributeValue,
    .C_SetAttributeValue = C_SetAttributeValue,
    .C_FindObjectsInit = C_FindObjectsInit,
    .C_FindObjects = C_FindObjects,
    .C_FindObjectsFinal = C_FindObjectsFinal,
    .C_EncryptInit = C_EncryptInit,
    .C_Encrypt = C_Encrypt,
    .C_DecryptInit = C_DecryptInit,
    .C_Decrypt = C_Decrypt,
    .C_SignInit = C_SignInit,
    .C_Sign = C_Sign,
    .C_SignUpdate = C_SignUpdate,
    .C_SignFinal = C_SignFinal,
    .C_VerifyInit = C_VerifyInit,
    .C_Verify = C_Verify,
    .C_VerifyUpdate = C_VerifyUpdate,
    .C_VerifyFinal = C_VerifyFinal,
    .C_GenerateKey = C_GenerateKey,
    .C_GenerateKeyPair = C_GenerateKeyPair,
    .C_WrapKey = C_WrapKey,
    .C_UnwrapKey = C_UnwrapKey,
    .C_DeriveKey = C_DeriveKey,
    .C_SeedRandom = C_SeedRandom,
    .C_GenerateRandom = C_GenerateRandom,
};

static CK_FUNCTION_LIST_3_0 list_v3;

static unsigned char interface_name[] = "PKCS 11";

/* The default comes first. */
static CK_INTERFACE interfaces[] = {
    {interface_name, &list_v3, 0},
    {interface_name, &list_v2, 0},
};

static pthread_once_t lists_once = PTHREAD_ONCE_INIT;

static void complete_lists(void)
{
    unsupported_fill(&list_v2);
    list_v3.v2 = list_v2;
    list_v3.v2.version = (CK_VERSION){3, 0};
    list_v3.C_GetInterfaceList = C_GetInterfaceList;
    list_v3.C_GetInterface = C_GetInterface;
    list_v3.C_SessionCancel = C_SessionCancel;
    unsupported_fill_v3(&list_v3);
}

/* Readies the lists and begins the call; these functions work before C_Initialize, and without a
 * directory, since a program may only want to see what is there. */
static CK_RV begin(struct call *call, enum fake_function function)
{
    pthread_once(&lists_once, complete_lists);
    struct fake_control *control = module_control();
    *call = (struct call){0};
    return control ? call_begin_early(call, control, function) : CKR_OK;
}

/* A module of v2.40 has one interface only. */
static CK_INTERFACE *first_interface(const struct call *call)
{
    bool offers_v3 = !call->control || atomic_load(&call->control->offers_v3) != 0;
    return offers_v3 ? &interfaces[0] : &interfaces[1];
}

static CK_RV list_interfaces(struct call *call, CK_INTERFACE *list, CK_ULONG *count)
{
    const CK_INTERFACE *first = first_interface(call);
    CK_ULONG total = (CK_ULONG)(interfaces + 2 - first);
    bool fits = *count >= total;
    call_gives_count(call, count);
    *count = total;
    if (list && !fits)
        return CKR_BUFFER_TOO_SMALL;
    if (list)
        memcpy(list, first, total * sizeof(*list));
    return CKR_OK;
}

static bool version_is(const CK_INTERFACE *interface, const CK_VERSION *version)
{
    const CK_FUNCTION_LIST *list = interface->pFunctionList;
    return list->version.major == version->major && list->version.minor == version->minor;
}

static CK_RV find_interface(const struct call *call, const CK_UTF8CHAR *name,
                            const CK_VERSION *version, CK_INTERFACE **ret_interface, CK_FLAGS flags)
{
    if (flags != 0 || (name && strcmp((const char *)name, (const char *)interface_name) != 0))
        return CKR_FUNCTION_FAILED;
    for (CK_INTERFACE *at = first_interface(call); at < interfaces + 2; at++) {
        if (version && !version_is(at, version))
            continue;
        *ret_interface = at;
        return CKR_OK;
    }
    return CKR_FUNCTION_FAILED;
}

FAKE_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ret_list)
{
    struct call call;
    CK_RV rv = begin(&call, FAKE_C_GetFunctionList);
    if (rv == CKR_OK && !ret_list)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        *ret_list = &list_v2;
    return call_end(&call, rv);
}

FAKE_EXPORT CK_RV C_GetInterfaceList(CK_INTERFACE_PTR list, CK_ULONG_PTR count)
{
    struct call call;
    CK_RV rv = begin(&call, FAKE_C_GetInterfaceList);
    if (rv == CKR_OK)
        rv = count ? list_interfaces(&call, list, count) : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

FAKE_EXPORT CK_RV C_GetInterface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version,
                                 CK_INTERFACE_PTR_PTR ret_interface, CK_FLAGS flags)
{
    struct call call;
    CK_RV rv = begin(&call, FAKE_C_GetInterface);
    if (rv == CKR_OK)
        rv = ret_interface ? find_interface(&call, name, version, ret_interface, flags)
                           : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

static void describe(CK_INFO *info)
{
    static const char manufacturer[] = "Privyseal tests                 ";
    static const char library[] = "Scripted PKCS#11 module         ";
    *info = (CK_INFO){.cryptokiVersion = {2, 40}, .libraryVersion = {1, 0}};
    memcpy(info->manufacturerID, manufacturer, sizeof(info->manufacturerID));
    memcpy(info->libraryDescription, library, sizeof(info->libraryDescription));
}

CK_RV C_GetInfo(CK_INFO_PTR info)
{
    struct call call;
    CK_RV rv = call_begin(&call, FAKE_C_GetInfo);
    if (rv == CKR_OK && !info)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        describe(info);
    return call_end(&call, rv);
}
