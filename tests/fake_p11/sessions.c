#include "call.h"
#include "cryptoki.h"
#include "pins.h"

static CK_RV open_session(struct call *call, CK_FLAGS flags, CK_SESSION_HANDLE *ret_handle)
{
    struct token_file file;
    bool writes = (flags & CKF_RW_SESSION) != 0;
    if (!control_token_present(call->control, call->token))
        return CKR_TOKEN_NOT_PRESENT;
    if (!ret_handle)
        return CKR_ARGUMENTS_BAD;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    if (tokenfile_load(call->module->directory, call->token, &file) != 0)
        return CKR_DEVICE_ERROR;
    if (!file.initialised)
        return CKR_TOKEN_NOT_RECOGNIZED;
    if (!writes && call_role(call) == ROLE_SO)
        return CKR_SESSION_READ_WRITE_SO_EXISTS;
    return session_open(call->module, call->token, writes, ret_handle);
}

static CK_STATE session_state(const struct call *call)
{
    static const CK_STATE states[][3] = {
        {CKS_RO_PUBLIC_SESSION, CKS_RO_USER_FUNCTIONS, CKS_RO_PUBLIC_SESSION},
        {CKS_RW_PUBLIC_SESSION, CKS_RW_USER_FUNCTIONS, CKS_RW_SO_FUNCTIONS},
    };
    return states[call->session->writes][call_role(call)];
}

/* PKCS#11 v3.0, C_SessionCancel, for the operations the module has. */
static void cancel(struct session *session, CK_FLAGS flags)
{
    static const CK_FLAGS of_operation[OPERATION_COUNT] = {
        [OPERATION_SIGN] = CKF_SIGN,
        [OPERATION_VERIFY] = CKF_VERIFY,
        [OPERATION_ENCRYPT] = CKF_ENCRYPT,
        [OPERATION_DECRYPT] = CKF_DECRYPT,
    };
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        if (flags & of_operation[i])
            operation_end(&session->operations[i]);
    if (flags & CKF_FIND_OBJECTS)
        session->finding = false;
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE_PTR ret_handle)
{
    struct call call;
    (void)application;
    (void)notify;
    CK_RV rv = call_begin_slot(&call, FAKE_C_OpenSession, slot);
    if (rv == CKR_OK)
        rv = open_session(&call, flags, ret_handle);
    return call_end(&call, rv);
}

CK_RV C_CloseSession(CK_SESSION_HANDLE handle)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_CloseSession, handle);
    if (rv == CKR_OK)
        session_close(call.module, call.session);
    return call_end(&call, rv);
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
    struct call call;
    CK_RV rv = call_begin_slot(&call, FAKE_C_CloseAllSessions, slot);
    if (rv == CKR_OK)
        session_close_all(call.module, call.token);
    return call_end(&call, rv);
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO_PTR info)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_GetSessionInfo, handle);
    if (rv == CKR_OK && !info)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK) {
        CK_FLAGS flags = CKF_SERIAL_SESSION | (call.session->writes ? CKF_RW_SESSION : 0);
        *info = (CK_SESSION_INFO){call.token, session_state(&call), flags, 0};
    }
    return call_end(&call, rv);
}

CK_RV C_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_SessionCancel, handle);
    if (rv == CKR_OK)
        cancel(call.session, flags);
    return call_end(&call, rv);
}
