#include "pkcs11/use/use.h"

/*
 * Whether a secret key that was found anew is the one that was made: it is asked for what only that
 * one can give. Pairs need none of this, since their public half tells.
 */

static enum ps_err ask_aes(struct session *session, struct use_task *asked, struct ps_bytes check)
{
    if (check.len < TOKEN_GCM_NONCE) {
        return ps_fail(PS_E_INPUT, 0, "a check value of %zu octets", check.len);
    }
    memcpy(asked->nonce, check.data, TOKEN_GCM_NONCE);
    asked->nonce_len = TOKEN_GCM_NONCE;
    asked->data = ps_bytes_from(check, TOKEN_GCM_NONCE);
    asked->associated = ps_bytes_str(TOKEN_CHECK_TEXT);
    return action_decrypt_gcm(session, asked);
}

static enum ps_err ask_mac(struct session *session, struct use_task *asked)
{
    asked->data = ps_bytes_str(TOKEN_CHECK_TEXT);
    return action_mac(session, asked);
}

enum ps_err check_value_test(struct session *session, struct use_task *task)
{
    const bool is_aes = task->type == PS_KEY_AES_256;
    const struct ps_bytes expected = is_aes ? ps_bytes_str(TOKEN_CHECK_TEXT) : task->check;
    struct use_task asked = {.handle = task->handle};
    enum ps_err err = is_aes ? ask_aes(session, &asked, task->check) : ask_mac(session, &asked);

    task->is_wrong =
        err == PS_E_INPUT ||
        (err == PS_OK && !ps_bytes_equal_secret(ps_bytes(asked.out, asked.out_len), expected));
    use_clear(&asked);
    if (task->is_wrong) {
        return ps_fail(PS_E_TOKEN, 0, "the token has another key under this id");
    }
    return err;
}
