#include "call.h"
#include "cryptoki.h"
#include "objects.h"
#include "pins.h"

/* PKCS#11 v3.1, C_Login: CKU_CONTEXT_SPECIFIC answers a key with CKA_ALWAYS_AUTHENTICATE. */
static CK_RV login_context(struct call *call, const void *pin, CK_ULONG length)
{
    struct operation *waiting = NULL;
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        struct operation *operation = &call->session->operations[i];
        if (atomic_load(&operation->active) &&
            attrs_get_bool(&operation->key->attrs, CKA_ALWAYS_AUTHENTICATE, false))
            waiting = operation;
    }
    if (!waiting)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = pins_check(call->module, call->token, PIN_USER, pin, length);
    if (rv == CKR_OK)
        waiting->authenticated = true;
    return rv;
}

static CK_RV login(struct call *call, CK_USER_TYPE user, const void *pin, CK_ULONG length)
{
    enum role now = call_role(call);
    if (user == CKU_CONTEXT_SPECIFIC)
        return login_context(call, pin, length);
    if (user != CKU_USER && user != CKU_SO)
        return CKR_USER_TYPE_INVALID;
    enum role wanted = user == CKU_SO ? ROLE_SO : ROLE_USER;
    if (now == wanted)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (now != ROLE_NONE)
        return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    if (wanted == ROLE_SO && session_count(call->module, call->token, true, false) > 0)
        return CKR_SESSION_READ_ONLY_EXISTS;
    CK_RV rv =
        pins_check(call->module, call->token, wanted == ROLE_SO ? PIN_SO : PIN_USER, pin, length);
    if (rv == CKR_OK)
        module_set_role(call->module, call->token, wanted);
    return rv;
}

static CK_RV logout(struct call *call)
{
    if (call_role(call) == ROLE_NONE)
        return CKR_USER_NOT_LOGGED_IN;
    objects_drop_private_handles(call->module, call->token);
    module_set_role(call->module, call->token, ROLE_NONE);
    return CKR_OK;
}

static CK_RV init_pin(struct call *call, const void *pin, CK_ULONG length)
{
    if (call_role(call) != ROLE_SO)
        return CKR_USER_NOT_LOGGED_IN;
    if (!call->session->writes)
        return CKR_SESSION_READ_ONLY;
    return pins_set(call->module, call->token, PIN_USER, pin, length);
}

/* Changes the PIN of who is logged in, or the user's when nobody is. */
static CK_RV change_pin(struct call *call, const void *old, CK_ULONG old_length, const void *next,
                        CK_ULONG next_length)
{
    enum pin_owner owner = call_role(call) == ROLE_SO ? PIN_SO : PIN_USER;
    if (!call->session->writes)
        return CKR_SESSION_READ_ONLY;
    if (!next || next_length < PIN_MIN || next_length > PIN_MAX)
        return CKR_PIN_LEN_RANGE;
    CK_RV rv = pins_check(call->module, call->token, owner, old, old_length);
    if (rv == CKR_OK)
        rv = pins_set(call->module, call->token, owner, next, next_length);
    return rv;
}

CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_Login, handle);
    if (rv == CKR_OK)
        rv = login(&call, user, pin, length);
    return call_end(&call, rv);
}

CK_RV C_Logout(CK_SESSION_HANDLE handle)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_Logout, handle);
    if (rv == CKR_OK)
        rv = logout(&call);
    return call_end(&call, rv);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR_PTR pin, CK_ULONG length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_InitPIN, handle);
    if (rv == CKR_OK)
        rv = init_pin(&call, pin, length);
    return call_end(&call, rv);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE handle, CK_UTF8CHAR_PTR old, CK_ULONG old_length,
               CK_UTF8CHAR_PTR next, CK_ULONG next_length)
{
    struct call call;
    CK_RV rv = call_begin_session(&call, FAKE_C_SetPIN, handle);
    if (rv == CKR_OK)
        rv = change_pin(&call, old, old_length, next, next_length);
    return call_end(&call, rv);
}
