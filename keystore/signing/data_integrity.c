#include "lib/formats/data_integrity.h"
#include "keystore/signing/steps.h"

/*
 * The hash block of a W3C Data Integrity proof. Nothing in it says what it is: 64 octets that a
 * caller chooses can be the signing input of any format, so that a key of this format has no other,
 * and nobody takes its signatures for anything else (docs/formats.md).
 */

static bool build(struct sign_request *request, const void *asked,
                  struct problem_answer *ret_answer)
{
    const struct msg_data_integrity_sign *message = asked;
    const struct data_integrity_suite *suite =
        data_integrity_suite_find(message->suite, request->algorithm);
    enum ps_err err;

    if (suite == NULL && !data_integrity_suite_exists(message->suite)) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "cryptosuite: none of this name");
    }
    if (suite == NULL) {
        return build_refuse(ret_answer, PS_PROBLEM_KEY_MISMATCH,
                            "the cryptosuite is for another type of key");
    }
    err = data_integrity_put_block(suite, message->proof_hash, message->document_hash,
                                   &request->input);
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    return build_digest(request, ret_answer);
}

static const struct sign_kind data_integrity_kind = {.operation = GRANTED_DATA_INTEGRITY_SIGN,
                                                     .usage = PS_USAGE_SIGN,
                                                     .format = PS_FORMAT_DATA_INTEGRITY,
                                                     .put_answer = raw_put_answer};

void signer_sign_data_integrity(struct signer *signer, const struct reply_to *to,
                                const struct msg_data_integrity_sign *message)
{
    const struct wish wish = {
        .caller = &message->caller, .request_id = message->request_id, .key = message->key};

    sign_request_serve(signer, to, &data_integrity_kind, &wish, build, message);
}
