#include "keystore/tokens/trial.h"

#include "lib/base/hash.h"
#include "lib/base/secret.h"

#define TEXT_LEN 32u

_Static_assert(sizeof TOKEN_CHECK_TEXT - 1 + TOKEN_GCM_NONCE + TOKEN_GCM_TAG <= TOKEN_CHECK_MAX &&
                   TOKEN_MAC_LEN <= PUBLIC_KEY_Z_MAX && TEXT_LEN <= PUBLIC_KEY_Z_MAX &&
                   sizeof TOKEN_CHECK_TEXT - 1 <= PUBLIC_KEY_Z_MAX,
               "what is compared has room");

/* What was of no meaning is still forgotten: it shows what the token does with its key. */
static void finish(struct trial *trial, enum trial_result result, const struct token_answer *answer)
{
    ps_wipe(trial->expected, sizeof trial->expected);
    trial->fn(trial->context, result, answer);
}

static enum ps_err ask(struct trial *trial, struct msg_token_use *use, token_answer_fn *fn)
{
    use->object_id = ps_bytes(trial->object_id, trial->object_id_len);
    use->key_type = (uint8_t)trial->type;
    use->is_wrapped = trial->record.len != 0;
    use->record = trial->record;
    return tokens_call_at(&trial->place, &msg_token_use_info, use, 0, fn, trial);
}

/* False: it is at its end. */
static bool is_used(struct trial *trial, const struct token_answer *answer)
{
    if (answer->outcome == TOKEN_GONE) {
        finish(trial, TRIAL_GONE, answer);
        return false;
    }
    if (answer->outcome == TOKEN_REFUSED) {
        finish(trial, TRIAL_REFUSED, answer);
        return false;
    }
    if (answer->info != &msg_token_used_info ||
        ((const struct msg_token_used *)answer->message)->is_wrong != 0) {
        finish(trial, TRIAL_WRONG, answer);
        return false;
    }
    return true;
}

static void on_result(void *context, const struct token_answer *answer)
{
    struct trial *trial = context;
    const struct msg_token_used *used = answer->message;

    if (is_used(trial, answer)) {
        finish(trial,
               ps_bytes_equal_secret(used->octets, ps_bytes(trial->expected, trial->expected_len))
                   ? TRIAL_GOOD
                   : TRIAL_WRONG,
               answer);
    }
}

/* Of an AES key with its nonce in front. False: of a length that it cannot have. */
static bool keep_check_value(struct trial *trial, const struct msg_token_used *used)
{
    const size_t len = trial->type == PS_KEY_HMAC_SHA256
                           ? TOKEN_MAC_LEN
                           : strlen(TOKEN_CHECK_TEXT) + TOKEN_GCM_NONCE + TOKEN_GCM_TAG;

    if (used->nonce.len + used->octets.len != len) {
        return false;
    }
    if (used->nonce.len != 0) {
        memcpy(trial->check, used->nonce.data, used->nonce.len);
    }
    memcpy(trial->check + used->nonce.len, used->octets.data, used->octets.len);
    trial->check_len = used->nonce.len + used->octets.len;
    return true;
}

/* The second half: what the token made has to be undone, or made once more. */
static void on_made(void *context, const struct token_answer *answer)
{
    struct trial *trial = context;
    const struct msg_token_used *used = answer->message;
    struct msg_token_use use = {.action = TOKEN_DECRYPT_GCM,
                                .associated = ps_bytes_str(TOKEN_CHECK_TEXT)};

    if (!is_used(trial, answer)) {
        return;
    }
    if (!keep_check_value(trial, used)) {
        finish(trial, TRIAL_WRONG, answer);
        return;
    }
    if (trial->type == PS_KEY_HMAC_SHA256) {
        trial->expected_len = trial->check_len;
        memcpy(trial->expected, trial->check, trial->check_len);
        use = (struct msg_token_use){.action = TOKEN_MAC, .data = ps_bytes_str(TOKEN_CHECK_TEXT)};
    } else {
        trial->expected_len = strlen(TOKEN_CHECK_TEXT);
        memcpy(trial->expected, TOKEN_CHECK_TEXT, trial->expected_len);
        use.data = used->octets;
        use.nonce = used->nonce;
    }
    if (ask(trial, &use, on_result) != PS_OK) {
        finish(trial, TRIAL_GONE, answer);
    }
}

static enum ps_err begin_rsa(struct trial *trial, const struct public_key *key)
{
    PS_BUF_AUTO sealed = {.max = 512};
    struct msg_token_use use = {.action = TOKEN_DECRYPT_OAEP};

    PS_TRY(public_key_encrypt_oaep(key, ps_bytes(trial->expected, trial->expected_len), &sealed));
    use.data = ps_buf_bytes(&sealed);
    return ask(trial, &use, on_result);
}

static enum ps_err begin_ec(struct trial *trial, const struct public_key *key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *ephemeral = NULL;
    struct msg_token_use use = {.action = TOKEN_DERIVE_ECDH};
    PS_BUF_AUTO point = {.max = 160};

    PS_TRY(public_key_agree(key, &ephemeral, trial->expected, &trial->expected_len));
    ps_buf_put_u8(&point, 0x04);
    ps_buf_put(&point, public_key_point(ephemeral));
    PS_TRY(ps_buf_status(&point));
    use.data = ps_buf_bytes(&point);
    return ask(trial, &use, on_result);
}

static enum ps_err begin_secret(struct trial *trial)
{
    const bool is_mac = trial->type == PS_KEY_HMAC_SHA256;
    struct msg_token_use use = {.action = is_mac ? TOKEN_MAC : TOKEN_ENCRYPT_GCM,
                                .data = ps_bytes_str(TOKEN_CHECK_TEXT),
                                .associated = ps_bytes_str(is_mac ? "" : TOKEN_CHECK_TEXT)};

    return ask(trial, &use, on_made);
}

static enum ps_err begin(struct trial *trial, const struct public_key *key)
{
    switch (ps_key_type_info(trial->type)->family) {
    case PS_FAMILY_RSA:
        return begin_rsa(trial, key);
    case PS_FAMILY_EC:
        return begin_ec(trial, key);
    case PS_FAMILY_EDWARDS:
        return ps_fail(PS_E_INPUT, 0, "a key of this type only signs");
    case PS_FAMILY_SECRET:
        break;
    }
    return begin_secret(trial);
}

enum ps_err trial_begin(struct trial *trial, const struct trial_spec *spec, trial_fn *fn,
                        void *context)
{
    enum ps_err err;

    *trial = (struct trial){.place = spec->place, .type = spec->type, .fn = fn, .context = context};
    trial->object_id_len = spec->object_id.len < sizeof trial->object_id ? spec->object_id.len
                                                                         : sizeof trial->object_id;
    memcpy(trial->object_id, spec->object_id.data, trial->object_id_len);
    trial->expected_len = TEXT_LEN;
    ps_random(trial->expected, TEXT_LEN);
    trial->record = spec->record;
    err = begin(trial, spec->public_key);
    if (spec->public_key != NULL) {
        trial->record = ps_bytes(NULL, 0); /* pairs are asked once, during this call */
    }
    return err;
}

enum ps_err trial_ask_check(enum ps_key_type type, struct ps_bytes check,
                            struct msg_token_use *message)
{
    message->action = TOKEN_MAC;
    message->key_type = (uint8_t)type;
    message->data = ps_bytes_str(TOKEN_CHECK_TEXT);
    message->check = check;
    if (type != PS_KEY_AES_256) {
        return PS_OK;
    }
    if (check.len <= TOKEN_GCM_NONCE) {
        return ps_fail(PS_E_INPUT, 0, "the key has no check value");
    }
    message->action = TOKEN_DECRYPT_GCM;
    message->nonce = ps_bytes(check.data, TOKEN_GCM_NONCE);
    message->data = ps_bytes_from(check, TOKEN_GCM_NONCE);
    message->associated = ps_bytes_str(TOKEN_CHECK_TEXT);
    return PS_OK;
}
