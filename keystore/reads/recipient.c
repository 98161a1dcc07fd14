#include "keystore/answer.h"
#include "keystore/callers/authority.h"
#include "keystore/reads/reads.h"
#include "lib/base/encode.h"

/* The public half of a key that decrypts, for the api, which encrypts to it itself. */

static void put_certificate(const struct key_certificate *certificate, struct writer *json)
{
    writer_begin_array(json, "x5c");
    for (size_t i = 0; i < certificate->count; i++) {
        writer_raw(json, NULL, ps_bytes_str("\""));
        ps_buf_put_base64(json->out, certificate->chain[i]);
        ps_buf_put_u8(json->out, '"');
    }
    writer_end_array(json);
    writer_octets(json, "x5t#S256",
                  ps_bytes(certificate->leaf_hash, sizeof certificate->leaf_hash));
}

static enum ps_err put_recipient(struct key_version *version, struct ps_buf *out)
{
    const struct key_certificate *certificate = version_certificate(version);
    struct writer json = writer(out);
    struct public_key *public_key;

    PS_TRY(version_public_key(version, &public_key));
    writer_begin_object(&json, NULL);
    writer_raw(&json, "jwk", ps_bytes(NULL, 0));
    public_key_put_jwk(public_key, PS_ALG_NONE, "enc", out);
    writer_number(&json, "version", version->number);
    if (certificate != NULL) {
        put_certificate(certificate, &json);
    }
    writer_end_object(&json);
    return ps_buf_status(out);
}

/* The version that is encrypted to now; NULL: *ret_answer says why there is none. */
static struct key_version *find_version(struct keeper *keeper, struct ps_bytes name,
                                        struct problem_answer *ret_answer)
{
    struct key *key = keys_find(keeper->keys, name);
    struct key_version *version = NULL;

    if (key == NULL) {
        *ret_answer = (struct problem_answer){.problem = PS_PROBLEM_NOT_FOUND,
                                              .detail = "there is no such key"};
        return NULL;
    }
    if (key->usage != PS_USAGE_DECRYPT) {
        *ret_answer = (struct problem_answer){.problem = PS_PROBLEM_KEY_MISMATCH,
                                              .detail = "the key is not made to decrypt"};
        return NULL;
    }
    if (key->state == KEY_ACTIVE) {
        version = key_active(key, real_now_s());
    }
    if (version == NULL) {
        *ret_answer = (struct problem_answer){.problem = PS_PROBLEM_WRONG_STATE,
                                              .detail = "no version of the key is active now",
                                              .state = key_state_name(key->state)};
    }
    return version;
}

void read_answer_recipient(struct keeper *keeper, const struct reply_to *to,
                           const struct msg_jwe_recipient *message)
{
    const struct question question = {.role = to->peer->role,
                                      .caller = &message->caller,
                                      .operation = GRANTED_JWE_ENCRYPT,
                                      .key = message->key};
    const struct authority authority =
        authority_decide_request(keeper, &question, message->request_id);
    struct problem_answer refusal;
    struct key_version *version;
    enum ps_err err;
    PS_BUF_AUTO body = {.max = IPC_DOCUMENT_MAX};

    if (authority.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = authority.problem,
                                                    .retry_after_s = authority.retry_after_s,
                                                    .detail = authority.text});
        return;
    }
    version = find_version(keeper, message->key, &refusal);
    if (version == NULL) {
        answer_problem(to, &refusal);
        return;
    }
    err = put_recipient(version, &body);
    if (err != PS_OK) {
        answer_error(to, err);
        return;
    }
    answer_document(to, &(struct msg_document){
                            .status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
}
