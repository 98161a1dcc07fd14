#include "keystore/signing/steps.h"

/* What the verbs of msg_key_use have in common. */

static key_use_fn *const verbs[KEY_VERB_COUNT] = {
    [KEY_MAC] = mac_begin,
    [KEY_MAC_VERIFY] = mac_verify_begin,
    [KEY_ENCRYPT] = encrypt_begin,
    [KEY_DECRYPT] = decrypt_begin,
};

void signer_use_key(struct signer *signer, const struct reply_to *to,
                    const struct msg_key_use *message)
{
    if (message->verb >= KEY_VERB_COUNT) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_MALFORMED});
        return;
    }
    verbs[message->verb](signer, to, message);
}

struct sign_request *key_use_begin(struct signer *signer, const struct reply_to *to,
                                   const struct sign_kind *kind, const struct msg_key_use *message,
                                   uint32_t version)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .version = version};

    return sign_request_admit(signer, to, kind, &wish);
}

void key_use_refuse(struct sign_request *request, enum ps_problem problem, const char *detail)
{
    sign_request_refuse(request, &(struct problem_answer){.problem = problem, .detail = detail});
}

void key_use_send(struct sign_request *request)
{
    struct problem_answer answer;

    if (!build_use(request, &answer)) {
        sign_request_refuse(request, &answer);
    } else if (request->action == TOKEN_ENCRYPT_GCM) {
        encrypt_enqueue(request);
    } else {
        dispatch_enqueue(request);
    }
}

void key_use_put_answer(const struct sign_request *request)
{
    const struct msg_key_used message = {.octets = ps_buf_bytes(&request->payload),
                                         .version = request->version->number};

    answer_send(&request->to, &msg_key_used_info, &message);
}
