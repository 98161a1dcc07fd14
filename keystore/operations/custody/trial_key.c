#include "keystore/operations/custody/trial_key.h"

#include "lib/base/hash.h"
#include "lib/formats/public_key/public_key.h"

#include <stdlib.h>

#define TRIAL_NAME "privyseal.trial"
#define ID_LEN     16u

static const enum ps_alg algorithm = PS_ALG_ES256;

struct trial_key {
    struct trial_key_spec spec;
    const struct trial_key_calls *calls;
    void *context;
    enum ps_key_type type; /* of the one that is tried now */
    uint8_t id[ID_LEN];
    uint8_t digest[PS_SHA256_LEN];
    struct public_key *public_key;
};

void trial_key_free(struct trial_key *trial)
{
    if (trial != NULL) {
        public_key_free(trial->public_key);
        free(trial);
    }
}

static struct ps_bytes id_of(const struct trial_key *trial)
{
    return ps_bytes(trial->id, ID_LEN);
}

static enum ps_err put_record(const struct trial_key *trial, const struct record_made *made,
                              struct ps_buf *out)
{
    const bool is_secret = trial->type == PS_KEY_HMAC_SHA256;
    const struct record_of of = {.key = ps_bytes_str(TRIAL_NAME),
                                 .version = 1,
                                 .type = trial->type,
                                 .usage = is_secret ? PS_USAGE_MAC : PS_USAGE_SIGN,
                                 .algorithms = &algorithm,
                                 .algorithm_count = is_secret ? 0 : 1};

    return record_put(&of, &trial->spec.keys, made, out);
}

static enum ps_err make(struct trial_key *trial, enum ps_key_type type);

static void tell(struct trial_key *trial, bool is_good, const char *detail)
{
    trial->calls->tried(trial->context, is_good, detail);
}

#define NOT_THE_SAME "they do not hold the same keys"

static void on_opened(void *context, const struct token_answer *answer)
{
    struct trial_key *trial = context;

    trial->calls->answered(trial->context, answer);
    tell(trial, answer->outcome == TOKEN_ANSWERED,
         "a secret key that one token wrapped does not open in the other: " NOT_THE_SAME);
}

/* By its profile; a token that does not has no use for the key that wraps them. */
static bool wraps_secrets(const struct token *token)
{
    struct token_view view = {.number = 0};

    for (size_t i = 0; tokens_view(token, i, &view); i++) {
        if (view.state == TOKEN_READY) {
            return (view.wrappable >> PS_KEY_HMAC_SHA256 & 1u) != 0;
        }
    }
    return false;
}

static void on_signed(void *context, const struct token_answer *answer)
{
    struct trial_key *trial = context;
    const struct msg_token_signed *message = answer->message;
    const bool is_good = answer->outcome == TOKEN_ANSWERED &&
                         answer->info == &msg_token_signed_info &&
                         public_key_verify_digest(trial->public_key, algorithm,
                                                  ps_bytes(trial->digest, sizeof trial->digest),
                                                  message->signature) == PS_OK;

    if (!is_good) {
        tell(trial, false, "what one token wrapped does not sign in the other: " NOT_THE_SAME);
    } else if (!wraps_secrets(trial->spec.from) || !wraps_secrets(trial->spec.to)) {
        tell(trial, true, "");
    } else if (make(trial, PS_KEY_HMAC_SHA256) != PS_OK) {
        tell(trial, false, "the token is away");
    }
}

static enum ps_err put_made(const struct trial_key *trial, const struct msg_token_wrapped *made,
                            struct ps_buf *out)
{
    return put_record(
        trial,
        &(struct record_made){.public_key = made->public_key, .blob = made->blob, .mac = made->mac},
        out);
}

static enum ps_err open_there(struct trial_key *trial, const struct msg_token_wrapped *made)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_open message = {.object_id = id_of(trial), .key_type = (uint8_t)trial->type};

    PS_TRY(put_made(trial, made, &record));
    message.record = ps_buf_bytes(&record);
    return tokens_call(trial->spec.to, &msg_token_open_info, &message, 0, on_opened, trial);
}

static enum ps_err sign_there(struct trial_key *trial, const struct msg_token_wrapped *made)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_sign message = {.object_id = id_of(trial),
                                     .algorithm = (uint8_t)algorithm,
                                     .key_type = PS_KEY_EC_P256,
                                     .data = ps_bytes(trial->digest, sizeof trial->digest),
                                     .is_wrapped = true};

    PS_TRY(public_key_from_spki(made->public_key, &trial->public_key));
    PS_TRY(put_made(trial, made, &record));
    message.record = ps_buf_bytes(&record);
    return tokens_call(trial->spec.to, &msg_token_sign_info, &message, 0, on_signed, trial);
}

static void on_made(void *context, const struct token_answer *answer)
{
    struct trial_key *trial = context;
    const bool is_secret = trial->type == PS_KEY_HMAC_SHA256;

    trial->calls->answered(trial->context, answer);
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_wrapped_info) {
        tell(trial, false, "the token did not make a key to try them with");
    } else if ((is_secret ? open_there(trial, answer->message)
                          : sign_there(trial, answer->message)) != PS_OK) {
        tell(trial, false, "the other token is away");
    }
}

static enum ps_err make(struct trial_key *trial, enum ps_key_type type)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct msg_token_make_wrapped message = {.key_type = (uint8_t)type};

    trial->type = type;
    ps_random(trial->id, sizeof trial->id);
    PS_TRY(put_record(trial, &(struct record_made){.blob = {NULL, 0}}, &record));
    message.object_id = id_of(trial);
    message.record = ps_buf_bytes(&record);
    return tokens_call(trial->spec.from, &msg_token_make_wrapped_info, &message, 0, on_made, trial);
}

enum ps_err trial_key_begin(const struct trial_key_spec *spec, const struct trial_key_calls *calls,
                            void *context, struct trial_key **ret_trial)
{
    struct trial_key *trial = calloc(1, sizeof *trial);

    if (trial == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_trial = trial;
    trial->spec = *spec;
    trial->calls = calls;
    trial->context = context;
    ps_random(trial->digest, sizeof trial->digest);
    return make(trial, PS_KEY_EC_P256);
}
