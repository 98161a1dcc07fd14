#include "lib/base/hash.h"
#include "pkcs11/use/use.h"

/*
 * AES-256-GCM, NIST SP 800-38D: nonces of 96 random bits (8.2.2), tags of 128 bits behind the
 * ciphertext.
 */

/* Not to be copied: it points into itself. */
struct gcm {
    CK_MECHANISM mechanism;
    CK_GCM_PARAMS params;
};

static enum ps_err prepare(const struct session *session, struct use_task *task, struct gcm *gcm)
{
    static const CK_MECHANISM_TYPE ours[] = {CKM_AES_GCM, 0};
    static CK_BYTE nothing;

    PS_TRY(
        use_find_mechanism(session->profile, PROFILE_USE_ENCRYPT, ours, &gcm->mechanism.mechanism));
    gcm->params = (CK_GCM_PARAMS){
        .pIv = task->nonce,
        .ulIvLen = sizeof task->nonce,
        .ulIvBits = sizeof task->nonce * 8,
        .pAAD = task->associated.len == 0 ? &nothing : (CK_BYTE *)(uintptr_t)task->associated.data,
        .ulAADLen = task->associated.len,
        .ulTagBits = TOKEN_GCM_TAG * 8,
    };
    gcm->mechanism.pParameter = &gcm->params;
    gcm->mechanism.ulParameterLen = sizeof gcm->params;
    return PS_OK;
}

enum ps_err action_decrypt_gcm(struct session *session, struct use_task *task)
{
    const struct use_call call = {OPERATION_OPEN, session->fn->C_DecryptInit,
                                  session->fn->C_Decrypt, "C_DecryptInit", "C_Decrypt"};
    struct gcm gcm;

    if (task->data.len < TOKEN_GCM_TAG || task->nonce_len != sizeof task->nonce) {
        return ps_fail(PS_E_INPUT, 0, "too short for a nonce and a tag");
    }
    PS_TRY(prepare(session, task, &gcm));
    /* Some modules want room for the tag, too. */
    PS_TRY(use_call(session, &call, &gcm.mechanism, task->data, task->data.len, task));
    if (task->out_len != task->data.len - TOKEN_GCM_TAG) {
        return session_fail(session, OPERATION_OPEN, CKR_OK, "C_Decrypt");
    }
    return PS_OK;
}

/*
 * What a token encrypts wrongly is lost for whoever keeps the ciphertext only. So each is decrypted
 * at once and compared: by the token, since nobody else has the key.
 */
static enum ps_err check_sealed(struct session *session, struct use_task *sealed)
{
    struct use_task opened = {.data = ps_bytes(sealed->out, sealed->out_len),
                              .associated = sealed->associated,
                              .handle = sealed->handle,
                              .nonce_len = sealed->nonce_len};
    enum ps_err err;

    memcpy(opened.nonce, sealed->nonce, sizeof opened.nonce);
    err = action_decrypt_gcm(session, &opened);
    if (err == PS_E_INPUT ||
        (err == PS_OK &&
         !ps_bytes_equal_secret(ps_bytes(opened.out, opened.out_len), sealed->data))) {
        /* No fault of the caller, whose octets were taken when they were encrypted. */
        sealed->is_wrong = true;
        err = ps_fail(PS_E_TOKEN, 0, "the token does not open what it has encrypted");
    }
    use_clear(&opened);
    return err;
}

/*
 * Two generators: one that repeats itself, which nobody would see, would give away what was
 * encrypted and with it the key that the tags are made with.
 */
static enum ps_err make_nonce(struct session *session, struct use_task *task)
{
    uint8_t ours[TOKEN_GCM_NONCE];

    PS_TRY(
        session_try(session, OPERATION_RANDOM,
                    session->fn->C_GenerateRandom(session->handle, task->nonce, sizeof task->nonce),
                    "C_GenerateRandom"));
    ps_random(ours, sizeof ours);
    for (size_t i = 0; i < sizeof ours; i++) {
        task->nonce[i] ^= ours[i];
    }
    task->nonce_len = sizeof task->nonce;
    return PS_OK;
}

enum ps_err action_encrypt_gcm(struct session *session, struct use_task *task)
{
    const struct use_call call = {OPERATION_SIGN, session->fn->C_EncryptInit,
                                  session->fn->C_Encrypt, "C_EncryptInit", "C_Encrypt"};
    struct gcm gcm;

    PS_TRY(prepare(session, task, &gcm));
    PS_TRY(make_nonce(session, task));
    PS_TRY(
        use_call(session, &call, &gcm.mechanism, task->data, task->data.len + TOKEN_GCM_TAG, task));
    if (task->out_len != task->data.len + TOKEN_GCM_TAG) {
        return session_fail(session, OPERATION_SIGN, CKR_OK, "C_Encrypt");
    }
    return check_sealed(session, task);
}
