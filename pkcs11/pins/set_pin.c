#include "pkcs11/pins/set_pin.h"

#include "pkcs11/module/store_copy.h"
#include "pkcs11/module/store_lock.h"
#include "pkcs11/pins/so_login.h"

enum ps_err set_pin(struct admin_context *context, const void *message,
                    struct admin_answer *ret_answer)
{
    const struct msg_token_set_pin *asked = message;
    struct session *session = context->session;
    PS_CLEANUP(store_lock_drop) const int lock = store_lock_take(session->store, true);

    PS_TRY(pin_check_length(session->profile, asked->pin));
    PS_TRY(pin_check_length(session->profile, asked->next));
    /* A soft token writes its file anew for this, too. */
    PS_TRY(store_copy_keep(session->store, session->profile->rewritten_file.text, lock));
    /* PKCS#11 v3.1 section 5.5.9: of the user that is logged in. */
    PS_TRY(
        session_try(session, OPERATION_ADMIN,
                    session->fn->C_SetPIN(session->handle, pin_octets(asked->pin), asked->pin.len,
                                          pin_octets(asked->next), asked->next.len),
                    "C_SetPIN"));
    PS_TRY(admin_sync(context));
    ret_answer->info = &msg_token_done_info;
    return PS_OK;
}
