#include "pkcs11/pins/so_login.h"

#include "pkcs11/module/store_copy.h"

enum ps_err pin_check_length(const struct profile *profile, struct ps_bytes pin)
{
    if (pin.len < profile->pin_min || pin.len > profile->pin_max || pin.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "a PIN of this token has %u to %u octets", profile->pin_min,
                       profile->pin_max);
    }
    return PS_OK;
}

static enum ps_err log_out_user(struct session *session)
{
    CK_SESSION_INFO state = {0};

    PS_TRY(session_try(session, OPERATION_SESSION,
                       session->fn->C_GetSessionInfo(session->handle, &state), "C_GetSessionInfo"));
    if (state.state == CKS_RW_PUBLIC_SESSION) {
        return PS_OK;
    }
    return session_try(session, OPERATION_ADMIN, session->fn->C_Logout(session->handle),
                       "C_Logout");
}

enum ps_err so_begin(struct session *session, struct ps_bytes so_pin, int lock)
{
    PS_TRY(pin_check_length(session->profile, so_pin));
    /* Also the security officer's login has a soft token write its file anew. */
    PS_TRY(store_copy_keep(session->store, session->profile->rewritten_file.text, lock));
    PS_TRY(log_out_user(session));
    return session_try(
        session, OPERATION_LOGIN,
        session->fn->C_Login(session->handle, CKU_SO, pin_octets(so_pin), so_pin.len),
        "C_Login as SO");
}

void so_end(struct session *session)
{
    session_note(session, OPERATION_ADMIN, session->fn->C_Logout(session->handle), "C_Logout");
}

bool so_was_refused(const struct session *session, enum ps_err err)
{
    return err == PS_E_DENIED && session->fault.class == FAULT_PIN;
}
