#include "keystore/signing/steps.h"

#include "keystore/certificates/profiles.h"
#include "keystore/state/check.h"
#include "lib/formats/x509/csr.h"

#include <assert.h>

/* Certificates that clients are issued under an approved profile. */

/* What the certificate is to say of its holder, from the CSR or from what was given beside it. */
struct holder {
    struct json *of_subject;
    struct json *of_sans;
    struct x509_csr csr;
    struct public_key *key; /* without a CSR */
    struct x509_subject subject;
    struct x509_sans sans;
    struct ps_bytes spki;
};

static void holder_clear(struct holder *holder)
{
    json_free(holder->of_subject);
    json_free(holder->of_sans);
    x509_csr_clear(&holder->csr);
    public_key_free(holder->key);
}

static enum ps_err read_key(const struct msg_x509_issue *message, bool needs_proof,
                            struct holder *holder)
{
    if ((message->csr.len == 0) == (message->spki.len == 0)) {
        return ps_fail(PS_E_INPUT, 0, "either a CSR or a public key");
    }
    if (message->csr.len != 0) {
        PS_TRY(x509_csr_read(message->csr, &holder->csr));
        holder->spki = holder->csr.spki;
        holder->subject = holder->csr.subject;
        holder->sans = holder->csr.sans;
        return PS_OK;
    }
    if (needs_proof) {
        return ps_fail(PS_E_DENIED, 0,
                       "the profile wants a CSR: proof that the client has the key");
    }
    PS_TRY(public_key_from_spki(message->spki, &holder->key));
    holder->spki = message->spki;
    return PS_OK;
}

static enum ps_err read_names(const struct msg_x509_issue *message, struct holder *holder)
{
    struct json_value value;

    if (message->subject.len != 0) {
        PS_TRY(json_new(&holder->of_subject));
        PS_TRY(json_parse(holder->of_subject, message->subject, &JSON_LIMITS_REQUEST, &value));
        PS_TRY(x509_subject_read(value, &holder->subject));
    }
    if (message->sans.len != 0) {
        PS_TRY(json_new(&holder->of_sans));
        PS_TRY(json_parse(holder->of_sans, message->sans, &JSON_LIMITS_REQUEST, &value));
        if (json_type(value) != JSON_ARRAY) {
            return ps_fail(PS_E_INPUT, 0, "sans: not an array");
        }
        PS_TRY(x509_sans_read(value, &holder->sans));
    }
    return PS_OK;
}

/* First and last second, both within it; a time that is not asked for ends with the issuer's own
 * certificate. */
static enum ps_err choose_dates(const struct profile_record *profile,
                                const struct key_certificate *issuer, uint64_t asked_s,
                                struct x509_wish *wish)
{
    const uint64_t now_s = real_now_s();
    const uint64_t begin_s = now_s - PROFILE_BACKDATE_S;

    if (asked_s > profile->longest_s) {
        return ps_fail(PS_E_DENIED, 0, "validity_s: the profile allows at most %llu",
                       (unsigned long long)profile->longest_s);
    }
    wish->not_before_s = begin_s > issuer->not_before_s ? begin_s : issuer->not_before_s;
    wish->not_after_s = now_s + (asked_s == 0 ? profile->longest_s : asked_s) - 1;
    if (asked_s == 0 && wish->not_after_s > issuer->not_after_s) {
        wish->not_after_s = issuer->not_after_s;
    }
    return now_s < issuer->not_after_s
               ? PS_OK
               : ps_fail(PS_E_STATE, 0, "the issuer's own certificate has expired; renew it first");
}

/* What is to be signed, and a copy of the chain as it is now for the answer. */
static enum ps_err put_tbs(struct sign_request *request, const struct msg_x509_issue *message,
                           const struct profile_record *profile, const struct holder *holder)
{
    const struct key_certificate *issuer = version_certificate(request->version);
    struct x509_wish wish = {
        .kind = profile->kind,
        .subject = &holder->subject,
        .sans = &holder->sans,
        .spki = holder->spki,
        .algorithm = request->algorithm,
        .serial = ps_bytes(request->serial, sizeof request->serial),
        .path_len = -1,
        .purposes = profile_purposes(profile),
        .crl_url = profile->crl_url,
    };

    if (issuer == NULL) {
        return ps_fail(PS_E_STATE, 0, "the issuer's key has no certificate: install one first");
    }
    key_certificate_fill_issuer(issuer, &wish);
    PS_TRY(choose_dates(profile, issuer, message->validity_s, &wish));
    for (size_t i = 0; i < issuer->count; i++) {
        ps_buf_put(&request->payload, issuer->chain[i]);
    }
    PS_TRY(ps_buf_status(&request->payload));
    return x509_put_tbs(&wish, &request->input);
}

static void make_serial(struct sign_request *request)
{
    uint8_t random[X509_SERIAL_LEN];

    signer_random(request->signer, random, sizeof random);
    x509_serial(ps_bytes(random, sizeof random), request->serial);
    request->serial_len = sizeof request->serial;
}

/* Names that a kind does not allow are readable, and refused. */
static enum ps_err refused_if_input(enum ps_err err)
{
    return err == PS_E_INPUT ? PS_E_DENIED : err;
}

static enum ps_err build_tbs(struct sign_request *request, const struct msg_x509_issue *message,
                             const struct profile_record *profile)
{
    PS_CLEANUP(holder_clear) struct holder holder = {.of_subject = NULL};

    request->profile_event = profiles_event(request->signer->keeper->profiles, profile->name);
    PS_TRY(read_key(message, profile->proof, &holder));
    PS_TRY(read_names(message, &holder));
    PS_TRY(profile_apply(profile, &holder.subject, &holder.sans));
    make_serial(request);
    PS_TRY(refused_if_input(put_tbs(request, message, profile, &holder)));
    /* All of it is in the answer. */
    request->header_len = request->input.len;
    return PS_OK;
}

static bool build(struct sign_request *request, const struct msg_x509_issue *message,
                  const struct profile_record *profile, struct problem_answer *ret_answer)
{
    enum ps_err err;

    if (!check_clock_is_good(request->signer->keeper->check)) {
        return build_refuse(ret_answer, PS_PROBLEM_CLOCK_UNSETTLED,
                            "the clock stepped or is behind the log; times are not signed");
    }
    err = build_tbs(request, message, profile);
    return err == PS_OK ? build_digest(request, ret_answer) : build_refuse_error(ret_answer, err);
}

static enum ps_err put_certificate(const struct sign_request *request, struct ps_buf *out,
                                   struct x509_certificate **ret_read)
{
    PS_TRY(x509_put_signed(ps_buf_bytes(&request->input), request->algorithm,
                           ps_bytes(request->signature, request->signature_len), out));
    return x509_read(ps_buf_bytes(out), ret_read);
}

static void put_answer(const struct sign_request *request)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *read = NULL;
    PS_BUF_AUTO certificate;

    ps_buf_init(&certificate, X509_CERTIFICATE_MAX);
    if (put_certificate(request, &certificate, &read) != PS_OK) {
        answer_problem(&request->to, &(struct problem_answer){.problem = PS_PROBLEM_INTERNAL});
        return;
    }
    answer_send(&request->to, &msg_x509_issued_info,
                &(struct msg_x509_issued){
                    .certificate = ps_buf_bytes(&certificate),
                    .chain = ps_buf_bytes(&request->payload),
                    .serial = ps_bytes(request->serial, request->serial_len),
                    .not_before_s = x509_facts(read)->not_before_s,
                    .not_after_s = x509_facts(read)->not_after_s,
                    .version = request->version->number,
                });
}

/* As it was: what people have narrowed meanwhile is not issued under what was approved before. */
static bool profile_is_there(const struct sign_request *request, struct problem_answer *ret_answer)
{
    const uint64_t event =
        profiles_event(request->signer->keeper->profiles, ps_bytes_str(request->parameter));

    return event == request->profile_event ||
           build_refuse(ret_answer, PS_PROBLEM_NOT_FOUND, "the profile was removed or changed");
}

static const struct sign_kind x509_kind = {.operation = GRANTED_X509_ISSUE,
                                           .usage = PS_USAGE_CERTIFY,
                                           .format = PS_FORMAT_X509,
                                           .put_answer = put_answer,
                                           .still = profile_is_there};

void signer_issue_x509(struct signer *signer, const struct reply_to *to,
                       const struct msg_x509_issue *message)
{
    const struct profile_record *profile =
        profiles_find(signer->keeper->profiles, message->profile);
    const struct wish wish = {.caller = &message->caller,
                              .request_id = message->request_id,
                              .key = profile == NULL ? ps_bytes(NULL, 0) : profile->key,
                              .parameter = message->profile};
    struct sign_request *request;
    struct problem_answer answer;

    if (!sign_request_begin(signer, to, &x509_kind, &request)) {
        return;
    }
    if (!admit(request, &wish, &answer)) {
        if (profile == NULL && answer.problem == PS_PROBLEM_NOT_FOUND) {
            answer.detail = "there is no such profile";
        }
        sign_request_refuse(request, &answer);
        return;
    }
    assert(profile != NULL); /* a key without a name is never admitted */
    sign_request_send(request, build(request, message, profile, &answer), &answer);
}
