#include "lib/base/line.h"
#include "lib/base/secret.h"
#include "pkcs11/use/use.h"

/*
 * ECDH: C(0e, 2s, ECC CDH) of NIST SP 800-56A, section 5.7.1.2. The token makes a session object of
 * the shared secret, which is read and destroyed: the key derivation of RFC 7518, section 4.6, is
 * none that tokens have.
 */

static enum ps_err make_secret(struct session *session, const struct use_task *task,
                               CK_OBJECT_HANDLE *ret_secret)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ULONG len = ps_key_type_info(task->type)->coordinate;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},       {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &no, sizeof no},   {CKA_EXTRACTABLE, &yes, sizeof yes},
        {CKA_VALUE_LEN, &len, sizeof len},
    };
    /* "A token MUST be able to accept this value encoded as a raw octet string." (6.3.16) */
    CK_ECDH1_DERIVE_PARAMS params = {
        .kdf = CKD_NULL,
        .ulPublicDataLen = task->data.len,
        .pPublicData = (CK_BYTE *)(uintptr_t)task->data.data,
    };
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &params, sizeof params};
    CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;

    PS_TRY(session_try(session, OPERATION_OPEN,
                       session->fn->C_DeriveKey(session->handle, &mechanism, task->handle, template,
                                                PS_COUNT_OF(template), &secret),
                       "C_DeriveKey"));
    *ret_secret = secret;
    return PS_OK;
}

static enum ps_err read_secret(struct session *session, CK_OBJECT_HANDLE secret,
                               struct use_task *task)
{
    struct object_value value;
    enum ps_err err = object_read(session, secret, CKA_VALUE, &value);

    if (err == PS_OK &&
        (!value.is_there || value.len != ps_key_type_info(task->type)->coordinate)) {
        err = session_fail(session, OPERATION_FIND, CKR_OK, "C_GetAttributeValue of the secret");
    }
    if (err == PS_OK) {
        task->out = task->room;
        task->out_room = task->out_len = value.len;
        memcpy(task->out, value.octets, value.len);
    }
    ps_wipe(&value, sizeof value);
    return err;
}

enum ps_err action_derive_ecdh(struct session *session, struct use_task *task)
{
    static const CK_MECHANISM_TYPE ours[] = {CKM_ECDH1_DERIVE, 0};
    const size_t coordinate = ps_key_type_info(task->type)->coordinate;
    CK_MECHANISM_TYPE mechanism;
    CK_OBJECT_HANDLE secret;
    enum ps_err err;
    CK_RV rv;

    if (task->data.len != 2 * coordinate + 1 || task->data.data[0] != 0x04) {
        return use_fail_open(session);
    }
    PS_TRY(use_find_mechanism(session->profile, PROFILE_USE_DECRYPT_EC, ours, &mechanism));
    PS_TRY(make_secret(session, task, &secret));
    err = read_secret(session, secret, task);
    rv = session->fn->C_DestroyObject(session->handle, secret);
    if (err == PS_OK && rv != CKR_OK) {
        /* It ends with its session; but it must not be that they fill the token. */
        err = session_fail(session, OPERATION_CHANGE, rv, "C_DestroyObject of the secret");
    }
    return err;
}
