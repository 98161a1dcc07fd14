#include "lib/formats/cose/cose.h"
#include "keystore/signing/steps.h"
#include "keystore/state/check.h"
#include "lib/formats/cose/cwt.h"
#include "lib/formats/jose/x5c.h"

/*
 * COSE_Sign1 and CWT (RFC 9052, RFC 8392). Both headers and what is signed are written here from
 * what the caller gave; docs/formats.md says why it can be taken for nothing else.
 */

#define CTI_OCTETS          16u
#define INCLUDE_CERTIFICATE (COSE_INCLUDE_X5CHAIN | COSE_INCLUDE_X5T)
#define INCLUDE_ALL         (INCLUDE_CERTIFICATE | COSE_INCLUDE_KID)
#define KID_MAX             (256u + KEY_KID_MAX)

/* What both headers are made of. */
struct headers {
    const struct msg_cose_headers *message;
    const struct key_certificate *certificate; /* NULL: none is included */
    struct ps_buf kid;
};

static bool check_include(const struct msg_cose_headers *message, struct problem_answer *ret_answer)
{
    if (((message->include | message->include_protected) & ~INCLUDE_ALL) != 0) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED, "include: an unknown member");
    }
    if ((message->include & message->include_protected) != 0) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED,
                            "include and include_protected: the same member in both");
    }
    if (message->kid_prefix.len != 0 &&
        ((message->include | message->include_protected) & COSE_INCLUDE_KID) == 0) {
        return build_refuse(ret_answer, PS_PROBLEM_MALFORMED,
                            "kid_prefix: goes with kid in include or include_protected");
    }
    return true;
}

static struct cose_header header_of(const struct headers *headers, enum ps_alg alg, uint8_t include,
                                    struct ps_bytes members)
{
    struct cose_header header = {.alg = alg, .members = members};

    if ((include & COSE_INCLUDE_KID) != 0) {
        header.kid = ps_buf_bytes(&headers->kid);
    }
    if ((include & COSE_INCLUDE_X5CHAIN) != 0) {
        header.chain = headers->certificate->chain;
        header.chain_count = x5c_count(header.chain, headers->certificate->count);
    }
    if ((include & COSE_INCLUDE_X5T) != 0) {
        header.leaf_hash = ps_bytes(headers->certificate->leaf_hash, PS_SHA256_LEN);
    }
    return header;
}

/* The protected one into signer->header, the other one to the front of request->payload. */
static enum ps_err put_headers(struct sign_request *request, const struct headers *headers)
{
    const struct msg_cose_headers *message = headers->message;
    struct ps_buf *protected_map = &request->signer->header;
    const struct cose_header in_protected =
        header_of(headers, request->algorithm, message->include_protected, message->in_protected);
    const struct cose_header in_unprotected =
        header_of(headers, PS_ALG_NONE, message->include, message->in_unprotected);

    ps_buf_reset(protected_map);
    PS_TRY(cose_put_header(&in_protected, protected_map));
    PS_TRY(cose_put_header(&in_unprotected, &request->payload));
    request->unprotected_len = request->payload.len;
    return cose_check_disjoint(ps_buf_bytes(protected_map), ps_buf_bytes(&request->payload));
}

static bool build_headers(struct sign_request *request, const struct msg_cose_headers *message,
                          struct problem_answer *ret_answer)
{
    uint8_t kid[KID_MAX];
    struct headers headers = {.message = message,
                              .kid = {.data = kid, .cap = sizeof kid, .max = sizeof kid}};
    enum ps_err err;

    if (!check_include(message, ret_answer)) {
        return false;
    }
    if (((message->include | message->include_protected) & INCLUDE_CERTIFICATE) != 0 &&
        !build_certificate(request, &headers.certificate, ret_answer)) {
        return false;
    }
    ps_buf_put(&headers.kid, message->kid_prefix);
    ps_buf_put_str(&headers.kid, request->version->kid);
    err = ps_buf_status(&headers.kid);
    if (err == PS_OK) {
        err = put_headers(request, &headers);
    }
    return err == PS_OK || build_refuse_error(ret_answer, err);
}

static bool build_input(struct sign_request *request, struct ps_bytes external_aad,
                        struct ps_bytes payload, struct problem_answer *ret_answer)
{
    const struct cose_to_sign what = {ps_buf_bytes(&request->signer->header), external_aad,
                                      payload};
    size_t header_len;
    const enum ps_err err = cose_put_sig_structure(&what, &request->input, &header_len);

    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    request->header_len = COSE_SIG_HEADER_AT + header_len;
    return build_digest(request, ret_answer);
}

static bool build_cose(struct sign_request *request, const void *asked,
                       struct problem_answer *ret_answer)
{
    const struct msg_cose_sign *message = asked;
    return build_headers(request, &message->headers, ret_answer) &&
           build_input(request, message->external_aad, message->payload, ret_answer);
}

static bool build_cwt(struct sign_request *request, const void *asked,
                      struct problem_answer *ret_answer)
{
    const struct msg_cwt_sign *message = asked;
    struct signer *signer = request->signer;
    uint8_t cti[CTI_OCTETS];
    const struct cwt_defaults defaults = {.now_s = request->arrived_real_ns / PS_NS_PER_S,
                                          .ttl_s = message->ttl_s,
                                          .cti = ps_bytes(cti, sizeof cti)};
    enum ps_err err;

    if (!check_clock_is_good(signer->keeper->check)) {
        return build_refuse(ret_answer, PS_PROBLEM_CLOCK_UNSETTLED,
                            "the clock stepped or is behind the log; times are not signed");
    }
    if (!build_headers(request, &message->headers, ret_answer)) {
        return false;
    }
    signer_random(signer, cti, sizeof cti);
    err = cwt_put_claims(message->claims, &defaults, &request->payload);
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    return build_input(request, ps_bytes(NULL, 0),
                       ps_bytes_from(ps_buf_bytes(&request->payload), request->unprotected_len),
                       ret_answer);
}

static void put_cose(const struct sign_request *request)
{
    const struct ps_bytes kept = ps_buf_bytes(&request->payload);
    const struct msg_cose_signed message = {
        .protected_header = ps_bytes(request->input.data + COSE_SIG_HEADER_AT,
                                     request->header_len - COSE_SIG_HEADER_AT),
        .unprotected = ps_bytes(kept.data, request->unprotected_len),
        .payload = ps_bytes_from(kept, request->unprotected_len),
        .signature = ps_bytes(request->signature, request->signature_len),
        .kid = ps_bytes_str(request->version->kid),
        .algorithm = ps_bytes_str(ps_alg_info(request->algorithm)->name),
        .version = request->version->number,
    };

    answer_send(&request->to, &msg_cose_signed_info, &message);
}

static const struct sign_kind cose_kind = {.operation = GRANTED_COSE_SIGN,
                                           .usage = PS_USAGE_SIGN,
                                           .format = PS_FORMAT_COSE,
                                           .put_answer = put_cose};

void signer_sign_cose(struct signer *signer, const struct reply_to *to,
                      const struct msg_cose_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm};

    sign_request_serve(signer, to, &cose_kind, &wish, build_cose, message);
}

void signer_sign_cwt(struct signer *signer, const struct reply_to *to,
                     const struct msg_cwt_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm};

    sign_request_serve(signer, to, &cose_kind, &wish, build_cwt, message);
}
