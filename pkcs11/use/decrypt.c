/* OpenSSL 3 has no other way to remove OAEP alone. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "lib/base/secret.h"
#include "pkcs11/use/use.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

/*
 * RSAES-OAEP, RFC 8017 section 7.1.2, with SHA-256 and MGF1 with SHA-256 and no label (RFC 7518
 * section 4.3, RSA-OAEP-256). Where the token has it, the token does it; else it does the raw
 * operation with keys that do nothing but decrypt, and the padding is removed here.
 */

enum { MODULUS_MAX = 512 };

static const struct use_call *decrypt_call(const struct session *session, struct use_call *call)
{
    *call = (struct use_call){OPERATION_OPEN, session->fn->C_DecryptInit, session->fn->C_Decrypt,
                              "C_DecryptInit", "C_Decrypt"};
    return call;
}

static enum ps_err decrypt_in_token(struct session *session, struct use_task *task)
{
    CK_RSA_PKCS_OAEP_PARAMS params = {
        .hashAlg = CKM_SHA256, .mgf = CKG_MGF1_SHA256, .source = CKZ_DATA_SPECIFIED};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &params, sizeof params};
    struct use_call call;

    return use_call(session, decrypt_call(session, &call), &mechanism, task->data, MODULUS_MAX,
                    task);
}

/*
 * "Note. Care must be taken to ensure that an opponent cannot distinguish the different error
 * conditions" (RFC 8017, 7.1.2): the function takes the same time whether and wherever the padding
 * is wrong. Some modules drop the leading zeros of the block; it is given in its full length.
 */
static enum ps_err remove_padding(struct session *session, size_t modulus, struct use_task *task)
{
    uint8_t block[MODULUS_MAX] = {0};
    int len;

    memcpy(block + modulus - task->out_len, task->out, task->out_len);
    len = RSA_padding_check_PKCS1_OAEP_mgf1(task->out, (int)task->out_room, block, (int)modulus,
                                            (int)modulus, NULL, 0, EVP_sha256(), EVP_sha256());
    ps_wipe(block, sizeof block);
    ERR_clear_error();
    if (len < 0) {
        return use_fail_open(session);
    }
    task->out_len = (size_t)len;
    return PS_OK;
}

static enum ps_err decrypt_raw(struct session *session, struct use_task *task)
{
    const size_t modulus = ps_key_type_info(task->type)->bits / 8;
    CK_MECHANISM mechanism = {CKM_RSA_X_509, NULL, 0};
    struct use_call call;

    PS_TRY(use_call(session, decrypt_call(session, &call), &mechanism, task->data, modulus, task));
    return remove_padding(session, modulus, task);
}

enum ps_err action_decrypt_oaep(struct session *session, struct use_task *task)
{
    static const CK_MECHANISM_TYPE ours[] = {CKM_RSA_PKCS_OAEP, CKM_RSA_X_509, 0};
    CK_MECHANISM_TYPE mechanism;

    if (task->data.len != ps_key_type_info(task->type)->bits / 8) {
        return use_fail_open(session);
    }
    PS_TRY(use_find_mechanism(session->profile, PROFILE_USE_DECRYPT_RSA, ours, &mechanism));
    return mechanism == CKM_RSA_PKCS_OAEP ? decrypt_in_token(session, task)
                                          : decrypt_raw(session, task);
}
