#include "keystore/signing/steps.h"

/* Octets or their digest, signed as they are given: keys of the format `raw` only. */

static bool take_digest(struct sign_request *request, const struct msg_raw_sign *message,
                        const struct ps_alg_info *info, struct problem_answer *ret_answer)
{
    if (message->message.len != 0) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "either a message or a digest");
    }
    if (info->signs_message) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED, "EdDSA signs messages, not digests");
    }
    if (message->digest.len != ps_hash_len(info->hash)) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "digest: not of the length of the algorithm's hash");
    }
    memcpy(request->digest, message->digest.data, message->digest.len);
    request->digest_len = message->digest.len;
    return true;
}

static bool build(struct sign_request *request, const void *asked,
                  struct problem_answer *ret_answer)
{
    const struct msg_raw_sign *message = asked;
    const struct ps_alg_info *info = ps_alg_info(request->algorithm);

    if (message->encoding > RAW_ENCODING_DER) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "encoding: raw or der");
    }
    if (message->encoding == RAW_ENCODING_DER && info->scheme != PS_SCHEME_ECDSA) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED, "encoding: der is for ECDSA only");
    }
    request->wants_der = message->encoding == RAW_ENCODING_DER;
    if (message->is_digest != 0) {
        return take_digest(request, message, info, ret_answer);
    }
    if (message->digest.len != 0) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "either a message or a digest");
    }
    ps_buf_put(&request->input, message->message);
    return build_digest(request, ret_answer);
}

void raw_put_answer(const struct sign_request *request)
{
    struct msg_raw_signed message = {
        .signature = ps_bytes(request->signature, request->signature_len),
        .kid = ps_bytes_str(request->version->kid),
        .algorithm = ps_bytes_str(ps_alg_info(request->algorithm)->name),
        .version = request->version->number,
    };
    PS_BUF_AUTO der;

    ps_buf_init(&der, IPC_SIGNATURE_MAX + 16);
    if (request->wants_der) {
        if (ecdsa_put_der(message.signature, &der) != PS_OK) {
            answer_problem(&request->to, &(struct problem_answer){.problem = PS_PROBLEM_INTERNAL});
            return;
        }
        message.signature = ps_buf_bytes(&der);
    }
    answer_send(&request->to, &msg_raw_signed_info, &message);
}

static const struct sign_kind raw_kind = {.operation = GRANTED_RAW_SIGN,
                                          .usage = PS_USAGE_SIGN,
                                          .format = PS_FORMAT_RAW,
                                          .put_answer = raw_put_answer};

void signer_sign_raw(struct signer *signer, const struct reply_to *to,
                     const struct msg_raw_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm,
                              .version = message->version};

    sign_request_serve(signer, to, &raw_kind, &wish, build, message);
}
