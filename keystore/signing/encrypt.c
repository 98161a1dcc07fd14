#include "keystore/keys/encryptions.h"
#include "keystore/signing/aes_gcm.h"
#include "keystore/signing/steps.h"

/*
 * AES-256-GCM with a nonce of the token's generator; the token process has decrypted it again
 * before it comes here. Each encryption is counted before the token is asked for it, done or not.
 */

static bool take_sealed(struct sign_request *request, const struct msg_token_used *used)
{
    const struct ps_bytes head = ps_bytes(request->associated.data, AES_GCM_HEAD);

    if (used == NULL || used->nonce.len != TOKEN_GCM_NONCE ||
        used->octets.len != request->input.len + TOKEN_GCM_TAG) {
        return false;
    }
    ps_buf_put(&request->payload, head);
    ps_buf_put(&request->payload, used->nonce);
    ps_buf_put(&request->payload, used->octets);
    use_set_hash(request, ps_buf_bytes(&request->payload));
    return true;
}

static const struct sign_kind encrypt_kind = {.operation = GRANTED_ENCRYPT,
                                              .usage = PS_USAGE_ENCRYPT,
                                              .leaf = "encrypt",
                                              .take = take_sealed,
                                              .put_answer = key_use_put_answer};

void encrypt_begin(struct signer *signer, const struct reply_to *to,
                   const struct msg_key_use *message)
{
    struct sign_request *request = key_use_begin(signer, to, &encrypt_kind, message, 0);

    if (request == NULL) {
        return;
    }
    if (message->data.len > KEY_PLAINTEXT_MAX) {
        key_use_refuse(request, PS_PROBLEM_TOO_LARGE, "plaintext: more than 512 KiB");
        return;
    }
    ps_buf_put_u8(&request->associated, AES_GCM_FORM);
    ps_buf_put_u32(&request->associated, request->version->number);
    ps_buf_put(&request->associated, message->associated);
    use_octets(request, TOKEN_ENCRYPT_GCM, message->data);
    key_use_send(request);
}

static void wait_for_block(struct sign_request *request)
{
    struct signer *signer = request->signer;

    request->step = STEP_UNCOUNTED;
    request->next_unverified = signer->uncounted;
    signer->uncounted = request;
}

void encrypt_enqueue(struct sign_request *request)
{
    switch (encryptions_count(request->signer->keeper, request->version)) {
    case ENCRYPTIONS_GO:
        dispatch_enqueue(request);
        break;
    case ENCRYPTIONS_WAIT:
        wait_for_block(request);
        break;
    case ENCRYPTIONS_OVER:
        key_use_refuse(request, PS_PROBLEM_EXHAUSTED,
                       "this version has encrypted 2^32 times: rotate the key");
        break;
    case ENCRYPTIONS_UNRECORDED:
        key_use_refuse(request, PS_PROBLEM_LOG_UNAVAILABLE, NULL);
        break;
    }
}

bool encrypt_count_again(struct sign_request *request)
{
    return encryptions_count(request->signer->keeper, request->version) == ENCRYPTIONS_GO;
}

/* Takes out of the list whoever waits for this version. */
static struct sign_request *take_waiting(struct signer *signer, const struct key_version *version)
{
    struct sign_request **at = &signer->uncounted;
    struct sign_request *taken = NULL;

    while (*at != NULL) {
        struct sign_request *request = *at;

        if (request->version == version) {
            *at = request->next_unverified;
            request->next_unverified = taken;
            taken = request;
        } else {
            at = &request->next_unverified;
        }
    }
    return taken;
}

void signer_reserved(struct signer *signer, struct key_version *version, bool is_durable)
{
    struct sign_request *request = take_waiting(signer, version);
    struct sign_request *next;

    for (; request != NULL; request = next) {
        next = request->next_unverified;
        if (request->step == STEP_ABANDONED) {
            sign_request_free(request);
        } else if (is_durable) {
            request->step = STEP_ADMITTED;
            encrypt_enqueue(request);
        } else {
            key_use_refuse(request, PS_PROBLEM_LOG_UNAVAILABLE, NULL);
        }
    }
}
