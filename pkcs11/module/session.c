#include "pkcs11/module/session.h"

#include "pkcs11/module/store_copy.h"
#include "pkcs11/module/store_lock.h"

#include <time.h>

enum { CHECKS = 4 };

enum ps_err session_fail(struct session *session, enum operation operation, CK_RV rv,
                         const char *call)
{
    const struct profile *profile = session->profile;
    enum fault_class class = FAULT_UNEXPLAINED;

    if (rv != CKR_OK) {
        class = recovery_class(profile->rules, profile->rules_count, rv, operation);
    }
    /* Only C_Initialize has an answer beside CKR_OK that means success. */
    if (class == FAULT_NONE) {
        class = FAULT_UNEXPLAINED;
    }
    session->fault = (struct fault){.rv = rv, .operation = operation, .class = class};
    return ps_fail(recovery_err(class), (long)rv, "%s: %s", call,
                   rv == CKR_OK ? "an answer that cannot be" : recovery_rv_name(rv));
}

static CK_RV open_one(const struct session *session, CK_SESSION_HANDLE *ret_handle)
{
    /* No callback: some modules refuse sessions that ask for one. */
    return session->fn->C_OpenSession(session->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                      NULL, ret_handle);
}

enum ps_err session_open(struct session *session)
{
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;

    PS_TRY(session_try(session, OPERATION_SESSION, open_one(session, &handle), "C_OpenSession"));
    session->handle = handle;
    session->is_open = true;
    return PS_OK;
}

void session_close(struct session *session, bool tell)
{
    if (session->is_open && tell) {
        (void)session->fn->C_CloseSession(session->handle);
    }
    session->is_open = false;
    session->handle = CK_INVALID_HANDLE;
}

enum ps_err session_replace(struct session *session)
{
    const CK_SESSION_HANDLE old = session->handle;
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;

    PS_TRY(session_try(session, OPERATION_SESSION, open_one(session, &handle), "C_OpenSession"));
    session->handle = handle;
    (void)session->fn->C_CloseSession(old);
    return PS_OK;
}

static CK_RV login(const struct session *session, struct ps_bytes pin)
{
    return session->fn->C_Login(session->handle, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin.data,
                                pin.len);
}

static enum ps_err set_fault(struct session *session, enum fault_class class, const char *what)
{
    session->fault = (struct fault){.rv = CKR_OK, .operation = OPERATION_SLOT, .class = class};
    return ps_fail(PS_E_TOKEN, 0, "%s", what);
}

enum ps_err session_login(struct session *session, struct ps_bytes pin)
{
    PS_CLEANUP(store_lock_drop) const int lock = store_lock_take(session->store, true);
    CK_RV rv;

    if (pin.len < session->profile->pin_min || pin.len > session->profile->pin_max) {
        return session_fail(session, OPERATION_LOGIN, CKR_PIN_LEN_RANGE, "C_Login (not called)");
    }
    if (store_copy_keep(session->store, session->profile->rewritten_file.text, lock) != PS_OK) {
        return set_fault(session, FAULT_SESSION, "no copy of the token's file can be kept");
    }
    rv = login(session, pin);
    if (rv == CKR_USER_ALREADY_LOGGED_IN) {
        /* A login we do not know of would let any PIN pass, so it is ended first. */
        PS_TRY(session_try(session, OPERATION_LOGIN, session->fn->C_Logout(session->handle),
                           "C_Logout"));
        rv = login(session, pin);
    }
    return session_try(session, OPERATION_LOGIN, rv, "C_Login");
}

static enum ps_err check_token(struct session *session, struct ps_bytes serial)
{
    CK_TOKEN_INFO info = {0};
    struct token_description token;

    PS_TRY(session_try(session, OPERATION_SLOT, session->fn->C_GetTokenInfo(session->slot, &info),
                       "C_GetTokenInfo"));
    token_describe(&info, &token);
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) {
        return set_fault(session, FAULT_GONE, "the token is not initialised any more");
    }
    if (serial.len != 0 && !ps_bytes_equal_str(serial, token.serial)) {
        return set_fault(session, FAULT_GONE, "the token has another serial number");
    }
    return PS_OK;
}

/* A soft token that another process writes to just now looks broken for a moment. */
static bool may_pass(const struct fault *fault)
{
    return fault->class == FAULT_GONE && fault->rv != CKR_DEVICE_REMOVED &&
           fault->rv != CKR_TOKEN_NOT_PRESENT && fault->rv != CKR_SLOT_ID_INVALID;
}

enum ps_err session_check(struct session *session, bool logged_in, struct ps_bytes serial)
{
    PS_CLEANUP(store_lock_drop) PS_UNUSED const int lock = store_lock_take(session->store, false);
    const struct timespec pause = {.tv_nsec = 20000000};
    CK_SESSION_INFO state = {0};
    enum ps_err err = check_token(session, serial);

    for (int tries = 1; err != PS_OK && may_pass(&session->fault) && tries < CHECKS; tries++) {
        (void)nanosleep(&pause, NULL);
        err = check_token(session, serial);
    }
    PS_TRY(err);
    PS_TRY(session_try(session, OPERATION_SESSION,
                       session->fn->C_GetSessionInfo(session->handle, &state), "C_GetSessionInfo"));
    if (logged_in && state.state != CKS_RW_USER_FUNCTIONS) {
        return set_fault(session, FAULT_LOGIN, "the user is not logged in any more");
    }
    return PS_OK;
}

void session_explain(struct session *session, struct ps_bytes serial)
{
    const struct fault before = session->fault;

    if (before.class != FAULT_UNEXPLAINED && before.class != FAULT_DOUBT &&
        before.class != FAULT_HANDLE) {
        return;
    }
    if (session_check(session, true, serial) == PS_OK) {
        session->fault = before;
        if (before.class == FAULT_DOUBT) {
            session->fault.class = FAULT_CALLER;
        }
    }
}
