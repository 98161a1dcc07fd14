#include "lib/formats/cms/cms.h"

#include "keystore/signing/steps.h"
#include "keystore/state/check.h"
#include "lib/formats/x509/certificate.h"

/*
 * Detached CMS signatures, which PDFs carry, too. What is signed are always signed attributes that
 * are built here: a signature without them would be one of the content itself, which could be a
 * TBSCertificate. For the same reason a key whose certificate is a CA's signs none.
 */

/* RFC 5280 section 4.2.1.3: what a signature over a document is. */
static bool usage_allows(const struct x509_facts *facts)
{
    return !facts->has_key_usage ||
           (facts->key_usage & (X509_DIGITAL_SIGNATURE | X509_NON_REPUDIATION)) != 0;
}

/* Whether others would accept a signature made under this certificate now. */
static bool check_leaf(const struct key_certificate *certificate, uint64_t now_s,
                       struct problem_answer *ret_answer)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *leaf = NULL;

    if (now_s < certificate->not_before_s || now_s > certificate->not_after_s) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            now_s < certificate->not_before_s
                                ? "the key's certificate is not valid yet"
                                : "the key's certificate has expired; install its successor");
    }
    if (x509_read(certificate->chain[0], &leaf) != PS_OK) {
        return build_refuse_error(ret_answer, PS_E_INTERNAL);
    }
    if (x509_facts(leaf)->is_ca) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "the key's certificate is a CA's, which signs no documents");
    }
    if (!usage_allows(x509_facts(leaf))) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "the key usage in the key's certificate is not for documents");
    }
    return true;
}

/* Keeps the chain for the answer: a row that changes meanwhile does not change the signature. */
static bool take_certificate(struct sign_request *request, struct problem_answer *ret_answer)
{
    const struct key_certificate *certificate = version_certificate(request->version);

    if (certificate == NULL) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "the key has no certificate; one has to be issued or installed first");
    }
    if (!check_leaf(certificate, request->arrived_real_ns / PS_NS_PER_S, ret_answer)) {
        return false;
    }
    for (size_t i = 0; i < certificate->count; i++) {
        ps_buf_put(&request->payload, certificate->chain[i]);
    }
    return ps_buf_status(&request->payload) == PS_OK ||
           build_refuse(ret_answer, PS_PROBLEM_OVERLOADED, NULL);
}

/* The digest of the content, as it was given or made here. */
static bool take_digest(const struct msg_cms_sign *message, enum ps_alg algorithm,
                        uint8_t out[PS_HASH_MAX], struct problem_answer *ret_answer)
{
    const enum ps_hash hash = cms_hash(algorithm);

    if ((message->is_digest != 0 ? message->content.len : message->digest.len) != 0) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "either content or a digest");
    }
    if (message->is_digest == 0) {
        ps_hash_parts(hash, &message->content, 1, out);
        return true;
    }
    if (message->digest.len != ps_hash_len(hash)) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "digest: not of the length of the algorithm's hash");
    }
    memcpy(out, message->digest.data, message->digest.len);
    return true;
}

static bool build(struct sign_request *request, const void *asked,
                  struct problem_answer *ret_answer)
{
    const struct msg_cms_sign *message = asked;
    uint8_t digest[PS_HASH_MAX];
    struct cms_attributes attributes = {
        .algorithm = request->algorithm,
        .digest = ps_bytes(digest, ps_hash_len(cms_hash(request->algorithm))),
        .time_ns = request->arrived_real_ns};
    enum ps_err err;

    if (!check_clock_is_good(request->signer->keeper->check)) {
        return build_refuse(ret_answer, PS_PROBLEM_CLOCK_UNSETTLED,
                            "the clock stepped or is behind the log; times are not signed");
    }
    if (!take_certificate(request, ret_answer) ||
        !take_digest(message, request->algorithm, digest, ret_answer)) {
        return false;
    }
    attributes.leaf_sha256 =
        ps_bytes(version_certificate(request->version)->leaf_hash, PS_SHA256_LEN);
    err = cms_put_attributes(&attributes, &request->input);
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    request->header_len = request->input.len;
    return build_digest(request, ret_answer);
}

static void put_cms(const struct sign_request *request)
{
    struct msg_cms_signed message = {
        .attributes = ps_bytes(request->input.data, request->header_len),
        .chain = ps_buf_bytes(&request->payload),
        .kid = ps_bytes_str(request->version->kid),
        .algorithm = ps_bytes_str(ps_alg_info(request->algorithm)->name),
        .version = request->version->number,
    };
    PS_BUF_AUTO signature = {.max = IPC_SIGNATURE_MAX + 16};

    if (x509_put_signature_value(request->algorithm,
                                 ps_bytes(request->signature, request->signature_len),
                                 &signature) != PS_OK) {
        answer_problem(&request->to, &(struct problem_answer){.problem = PS_PROBLEM_INTERNAL});
        return;
    }
    message.signature = ps_buf_bytes(&signature);
    answer_send(&request->to, &msg_cms_signed_info, &message);
}

static const struct sign_kind cms_kind = {.operation = GRANTED_CMS_SIGN,
                                          .usage = PS_USAGE_CERTIFY,
                                          .format = PS_FORMAT_CMS,
                                          .put_answer = put_cms};

void signer_sign_cms(struct signer *signer, const struct reply_to *to,
                     const struct msg_cms_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm,
                              .version = message->version};

    sign_request_serve(signer, to, &cms_kind, &wish, build, message);
}

void signer_find_cms(struct signer *signer, const struct reply_to *to,
                     const struct msg_cms_signer *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm,
                              .is_look = true};
    struct sign_request *request = sign_request_admit(signer, to, &cms_kind, &wish);
    struct problem_answer answer;

    if (request == NULL) {
        return;
    }
    if (!take_certificate(request, &answer)) {
        sign_request_refuse(request, &answer);
        return;
    }
    answer_send(to, &msg_cms_signer_found_info,
                &(struct msg_cms_signer_found){
                    .chain = ps_buf_bytes(&request->payload),
                    .algorithm = ps_bytes_str(ps_alg_info(request->algorithm)->name),
                    .version = request->version->number});
    sign_request_free(request);
}
