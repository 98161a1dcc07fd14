#include "pkcs11/use/use.h"

enum ps_err action_mac(struct session *session, struct use_task *task)
{
    static const CK_MECHANISM_TYPE ours[] = {CKM_SHA256_HMAC, 0};
    const struct use_call sign = {OPERATION_SIGN, session->fn->C_SignInit, session->fn->C_Sign,
                                  "C_SignInit", "C_Sign"};
    CK_MECHANISM mechanism = {0, NULL, 0};

    PS_TRY(use_find_mechanism(session->profile, PROFILE_USE_MAC, ours, &mechanism.mechanism));
    PS_TRY(use_call(session, &sign, &mechanism, task->data, PS_SIGNATURE_MAX, task));
    if (task->out_len != TOKEN_MAC_LEN) {
        return session_fail(session, OPERATION_SIGN, CKR_OK, "C_Sign");
    }
    return PS_OK;
}
