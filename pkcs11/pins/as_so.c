#include "pkcs11/pins/as_so.h"

#include "pkcs11/module/store_lock.h"
#include "pkcs11/pins/so_login.h"

/* How long other processes of the token may take to leave its store. */
enum { STORE_WAIT_MS = 10000 };

static enum ps_err check(const struct profile *profile, const struct msg_token_so *asked)
{
    if (asked->act == TOKEN_SO_TRY && asked->next.len == 0) {
        return PS_OK;
    }
    if (asked->act != TOKEN_SO_PIN && asked->act != TOKEN_SO_USER_PIN) {
        return ps_fail(PS_E_INPUT, 0, "a security officer tries or sets a PIN");
    }
    return pin_check_length(profile, asked->next);
}

/* PKCS#11 v3.1 section 5.5.8 (C_InitPIN) and 5.5.9 (C_SetPIN: of the one who is logged in). */
static enum ps_err act(struct session *session, const struct msg_token_so *asked)
{
    switch (asked->act) {
    case TOKEN_SO_PIN:
        return session_try(session, OPERATION_ADMIN,
                           session->fn->C_SetPIN(session->handle, pin_octets(asked->so_pin),
                                                 asked->so_pin.len, pin_octets(asked->next),
                                                 asked->next.len),
                           "C_SetPIN as SO");
    case TOKEN_SO_USER_PIN:
        return session_try(
            session, OPERATION_ADMIN,
            session->fn->C_InitPIN(session->handle, pin_octets(asked->next), asked->next.len),
            "C_InitPIN");
    default:
        return PS_OK;
    }
}

enum ps_err as_so(struct admin_context *context, const void *message,
                  struct admin_answer *ret_answer)
{
    const struct msg_token_so *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(store_lock_drop)
    const int lock = store_lock_take_within(session->store, true, STORE_WAIT_MS);
    enum ps_err err;

    PS_TRY(check(session->profile, asked));
    err = so_begin(session, asked->so_pin, lock);
    ret_answer->info = &msg_token_so_done_info;
    if (so_was_refused(session, err)) {
        ret_answer->message.so_done = (struct msg_token_so_done){.refused = 1};
        return PS_OK;
    }
    PS_TRY(err);
    err = act(session, asked);
    so_end(session);
    PS_TRY(err);
    return admin_sync(context);
}
