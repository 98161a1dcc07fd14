#include "keystore/signing/steps.h"

/*
 * HMAC-SHA-256. A MAC that comes in is compared here with the one that the token makes of the
 * message, so that nobody gets that one who may only ask whether his own is right.
 */

static bool take_mac(struct sign_request *request, const struct msg_token_used *used)
{
    if (used == NULL || used->octets.len != TOKEN_MAC_LEN) {
        return false;
    }
    ps_buf_put(&request->payload, used->octets);
    use_set_hash(request, used->octets);
    return true;
}

static const struct sign_kind mac_kind = {.operation = GRANTED_MAC,
                                          .usage = PS_USAGE_MAC,
                                          .leaf = "mac",
                                          .take = take_mac,
                                          .put_answer = key_use_put_answer};

void mac_begin(struct signer *signer, const struct reply_to *to, const struct msg_key_use *message)
{
    struct sign_request *request = key_use_begin(signer, to, &mac_kind, message, message->version);

    if (request != NULL) {
        use_octets(request, TOKEN_MAC, message->data);
        key_use_send(request);
    }
}

/* The MAC that came in waits in request->associated; the leaf has its hash. */
static bool take_comparison(struct sign_request *request, const struct msg_token_used *used)
{
    if (used == NULL) {
        return false;
    }
    ps_buf_put_u8(&request->payload,
                  ps_bytes_equal_secret(used->octets, ps_buf_bytes(&request->associated)) ? 1 : 0);
    return true;
}

static void put_comparison(const struct sign_request *request)
{
    const struct msg_key_used message = {.is_valid = request->payload.data[0],
                                         .version = request->version->number};

    answer_send(&request->to, &msg_key_used_info, &message);
}

static const struct sign_kind mac_verify_kind = {.operation = GRANTED_MAC,
                                                 .usage = PS_USAGE_MAC,
                                                 .leaf = "mac-verify",
                                                 .is_processing = true,
                                                 .take = take_comparison,
                                                 .put_answer = put_comparison};

void mac_verify_begin(struct signer *signer, const struct reply_to *to,
                      const struct msg_key_use *message)
{
    struct sign_request *request =
        key_use_begin(signer, to, &mac_verify_kind, message, message->version);

    if (request != NULL) {
        use_octets(request, TOKEN_MAC, message->data);
        ps_buf_put(&request->associated, message->mac);
        use_set_hash(request, message->mac);
        key_use_send(request);
    }
}
