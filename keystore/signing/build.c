#include "keystore/signing/steps.h"

#include "lib/base/hash.h"

/* Up to so much is not worth a copy; and what all requests together may hold. */
#define KEPT_WHOLE (16u * 1024u)
#define OCTETS_MAX (128u * 1024u * 1024u)

bool build_refuse(struct problem_answer *ret_answer, enum ps_problem problem, const char *detail)
{
    *ret_answer = (struct problem_answer){.problem = problem, .detail = detail};
    return false;
}

bool build_refuse_error(struct problem_answer *ret_answer, enum ps_err err)
{
    const enum ps_problem problem =
        err == PS_E_DENIED ? PS_PROBLEM_REFUSED : ps_problem_of_err(err);

    return build_refuse(ret_answer, problem, ps_detail()->text);
}

/*
 * Once it is hashed, only the header of what was signed is needed: a thousand large documents that
 * wait for an RSA key must not fill the memory.
 */
static enum ps_err drop_hashed(struct sign_request *request)
{
    const size_t kept = request->header_len;
    struct ps_buf header = PS_BUF_SECRET(request->input.max);

    if (request->input.cap <= KEPT_WHOLE) {
        return PS_OK;
    }
    ps_buf_put(&header, ps_bytes(request->input.data, kept));
    ps_buf_clear(&request->input);
    request->input = header;
    return ps_buf_status(&request->input);
}

static enum ps_err hash_input(struct sign_request *request, const struct ps_alg_info *info)
{
    const struct ps_bytes input = ps_buf_bytes(&request->input);

    if (info->signs_message) {
        request->digest_len = 0;
        return PS_OK;
    }
    ps_hash_parts(info->hash, &input, 1, request->digest);
    request->digest_len = ps_hash_len(info->hash);
    return drop_hashed(request);
}

static bool count_octets(struct sign_request *request, struct problem_answer *ret_answer)
{
    struct signer *signer = request->signer;

    request->octets = request->input.len + request->payload.len + request->associated.len;
    signer->octets += request->octets;
    if (signer->octets > OCTETS_MAX) {
        return build_refuse(ret_answer, PS_PROBLEM_OVERLOADED, "too much is waiting for a token");
    }
    return true;
}

/* Frames to the token have an end; EdDSA hands the whole input over. */
static bool input_fits(struct sign_request *request, const struct ps_alg_info *info,
                       struct problem_answer *ret_answer)
{
    if (!count_octets(request, ret_answer)) {
        return false;
    }
    if (info->signs_message && request->input.len > IPC_PAYLOAD_MAX) {
        return build_refuse(ret_answer, PS_PROBLEM_TOO_LARGE,
                            "the signing input is over 1 MiB, too long for EdDSA in the token");
    }
    return true;
}

bool build_digest(struct sign_request *request, struct problem_answer *ret_answer)
{
    const struct ps_alg_info *info = ps_alg_info(request->algorithm);
    enum ps_err err = ps_buf_status(&request->input);

    if (err == PS_OK) {
        err = hash_input(request, info);
    }
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    return input_fits(request, info, ret_answer);
}

bool build_use(struct sign_request *request, struct problem_answer *ret_answer)
{
    enum ps_err err = ps_buf_status(&request->input);

    if (err == PS_OK) {
        err = ps_buf_status(&request->associated);
    }
    if (err != PS_OK) {
        return build_refuse_error(ret_answer, err);
    }
    return count_octets(request, ret_answer);
}

bool build_certificate(const struct sign_request *request,
                       const struct key_certificate **ret_certificate,
                       struct problem_answer *ret_answer)
{
    const struct key_certificate *certificate = version_certificate(request->version);
    const uint64_t now_s = request->arrived_real_ns / PS_NS_PER_S;

    if (certificate == NULL) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED, "include: the key has no certificate");
    }
    if (now_s < certificate->not_before_s || now_s > certificate->not_after_s) {
        return build_refuse(ret_answer, PS_PROBLEM_REFUSED,
                            "include: the key's certificate is not valid at this time");
    }
    *ret_certificate = certificate;
    return true;
}
