#include "pkcs11/wrapped/rewrap.h"

#include "pkcs11/wrapped/carry.h"
#include "pkcs11/wrapped/make.h"
#include "pkcs11/wrapped/open.h"

enum ps_err wrapped_rewrap_begin(struct admin_context *context, const void *message,
                                 struct admin_answer *ret_answer)
{
    const struct msg_token_rewrap_begin *asked = message;
    const struct arrival arrival = {.request = {.id = asked->copy_id,
                                                .label = asked->label,
                                                .type = PS_KEY_AES_256,
                                                .usage = PS_USAGE_WRAP,
                                                .is_session = true,
                                                .is_unwrapped = true,
                                                .only_opens = true,
                                                .for_secrets = asked->is_for_secrets != 0},
                                    .transport_id = asked->transport_id,
                                    .blob = asked->wrapping};
    CK_OBJECT_HANDLE copy;

    PS_TRY(template_check(context->session->profile, &arrival.request));
    PS_TRY(wrapped_arrive(context->session, &arrival, &copy));
    ret_answer->info = &msg_token_done_info;
    return PS_OK;
}

static enum ps_err open_by_copy(struct session *session, const struct wrapped_key *key,
                                struct ps_bytes copy_id, CK_OBJECT_HANDLE *ret_handle)
{
    const struct wrapped_record ids = {.wrapping_id = copy_id, .mac_id = key->record.mac_id};
    struct wrapped_handles handles;

    PS_TRY(wrapped_find_handles(session, &ids, &handles));
    return wrapped_open_to_wrap(session, key, &handles, ret_handle);
}

/* Whatever became of it: it must not stay, and what is said of a failure is of the first one. */
static enum ps_err close_opened(struct session *session, CK_OBJECT_HANDLE handle, enum ps_err err)
{
    const struct fault fault = session->fault;
    const enum ps_err closed =
        session_try(session, OPERATION_CHANGE,
                    session->fn->C_DestroyObject(session->handle, handle), "C_DestroyObject");

    if (err == PS_OK) {
        return closed;
    }
    session->fault = fault;
    return err;
}

enum ps_err wrapped_rewrap(struct admin_context *context, const void *message,
                           struct admin_answer *ret_answer)
{
    const struct msg_token_rewrap *asked = message;
    struct session *session = context->session;
    CK_OBJECT_HANDLE handle;
    struct wrapped_key key;

    PS_TRY(
        wrapped_key_read(asked->object_id, (enum ps_key_type)asked->key_type, asked->record, &key));
    PS_TRY(open_by_copy(session, &key, asked->copy_id, &handle));
    key.record.wrapping_id = asked->wrapping_id;
    key.record.mac_id = asked->mac_id;
    PS_TRY(close_opened(session, handle, wrapped_seal(session, handle, &key, &ret_answer->third)));
    ret_answer->info = &msg_token_wrapped_info;
    ret_answer->message.wrapped = wrapped_message(&ret_answer->third);
    ret_answer->change = ADMIN_RECORD_MADE;
    ret_answer->id = asked->object_id;
    return PS_OK;
}
