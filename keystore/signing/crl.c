#include "keystore/signing/steps.h"

#include "keystore/certificates/crls.h"
#include "keystore/operations/sign.h"
#include "lib/formats/x509/crl.h"

/* Revocation lists: signed by the appliance itself on the path of every signature. */

static void take_crl(const struct sign_request *request)
{
    PS_BUF_AUTO crl;

    ps_buf_init(&crl, CRL_OCTETS_MAX);
    if (x509_put_signed(ps_buf_bytes(&request->input), request->algorithm,
                        ps_bytes(request->signature, request->signature_len), &crl) == PS_OK) {
        crls_take(request->signer->keeper->crls, request->key, ps_buf_bytes(&crl));
    }
}

static const struct sign_kind crl_kind = {.operation = GRANTED_NONE,
                                          .usage = PS_USAGE_CERTIFY,
                                          .format = PS_FORMAT_X509,
                                          .is_processing = true, /* about what it has issued */
                                          .put_answer = take_crl};

static bool build(struct sign_request *request, const struct x509_crl *list,
                  struct problem_answer *ret_answer)
{
    struct x509_crl whole = *list;
    enum ps_err err;

    whole.algorithm = request->algorithm;
    err = x509_put_crl_tbs(&whole, &request->input);
    request->header_len = request->input.len;
    return err == PS_OK ? build_digest(request, ret_answer) : build_refuse_error(ret_answer, err);
}

void signer_sign_crl(struct signer *signer, const struct key_version *version,
                     const struct x509_crl *list)
{
    const struct wish wish = {.request_id = ps_bytes_str("crl"),
                              .key = ps_bytes_str(version->key->name),
                              .version = version->number};
    const struct reply_to nobody = {.peer = NULL};
    struct sign_request *request;
    struct problem_answer answer;

    if (!sign_request_begin(signer, &nobody, &crl_kind, &request)) {
        return;
    }
    sign_request_send(request,
                      admit_own(request, &wish, SIGN_CALLER_SCHEDULE, &answer) &&
                          build(request, list, &answer),
                      &answer);
}
