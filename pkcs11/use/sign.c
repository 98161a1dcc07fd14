#include "pkcs11/use/ecdsa_form.h"
#include "pkcs11/use/use.h"

/* The result is the raw signature, of exactly its length. */
static enum ps_err take_signature(struct session *session, const struct mechanism_call *call,
                                  struct use_task *task)
{
    const struct ps_key_type_info *key = ps_key_type_info(task->type);

    if (key->family == PS_FAMILY_EC && session->profile->signature_der) {
        size_t raw_len;

        if (ecdsa_form_to_raw(task->out, task->out_len, key->coordinate, &raw_len) != PS_OK) {
            return session_fail(session, OPERATION_SIGN, CKR_OK, "C_Sign");
        }
        task->out_len = raw_len;
    }
    if (task->out_len != call->signature_len) {
        return session_fail(session, OPERATION_SIGN, CKR_OK, "C_Sign");
    }
    return PS_OK;
}

enum ps_err action_sign(struct session *session, struct use_task *task)
{
    const struct use_call sign = {OPERATION_SIGN, session->fn->C_SignInit, session->fn->C_Sign,
                                  "C_SignInit", "C_Sign"};
    struct mechanism_call call;

    PS_TRY(mechanism_prepare(session->profile, task->alg, task->type, task->data, &call));
    PS_TRY(use_call(session, &sign, &call.mechanism, call.data, PS_SIGNATURE_MAX, task));
    return take_signature(session, &call, task);
}
