#include "keystore/signing/internal.h"

#include "keystore/events.h"
#include "keystore/metrics.h"
#include "keystore/state.h"
#include "keystore/why.h"
#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <stdio.h>

/* One in so many ECDSA signatures is verified, chosen at random; a power of two up to 256. */
#define SAMPLE 64u

static void say_refusal(const struct sign_request *request, const struct problem_answer *answer)
{
    ps_line(PS_INFO, "sign", PS_TEXT("request_id", sign_request_id_of(request)),
            PS_STR("client", request->client),
            PS_STR("key", request->key == NULL ? "" : request->key->name),
            PS_STR("operation", granted_op_info(sign_request_operation(request))->name),
            PS_STR("result", ps_problem_info(answer->problem)->code),
            PS_NUM("us", (ps_clock_mono_ns() - request->item.arrived_ns) / PS_NS_PER_US));
}

static void refuse(struct sign_request *request, const struct problem_answer *answer)
{
    struct keeper *keeper = request->signer->keeper;

    why_note_end(keeper->why, sign_request_id_of(request), answer->problem,
                 answer->detail == NULL ? "" : answer->detail);
    say_refusal(request, answer);
    answer_problem(&request->to, answer);
}

void sign_request_refuse(struct sign_request *request, const struct problem_answer *answer)
{
    refuse(request, answer);
    sign_request_free(request);
}

void sign_request_abandon(struct sign_request *request, const struct problem_answer *answer)
{
    refuse(request, answer);
    request->step = STEP_ABANDONED;
    ps_wipe(request->signature, sizeof request->signature);
}

/* A signature that was wrong is never given out; the process that made it is replaced. */
static void on_wrong_signature(struct sign_request *request, struct token_process *process)
{
    struct keeper *keeper = request->signer->keeper;

    keeper_metrics_note_wrong(keeper->metrics);
    events_alarm(keeper, "wrong-signature", ps_bytes_str(request->key->name),
                 "a token process answered with a signature that does not verify");
    ps_wipe(request->signature, sizeof request->signature);
    sign_request_retry(request);
    tokens_condemn(process, "wrong-signature");
}

static uint64_t bit_of(const struct token_process *process)
{
    return UINT64_C(1) << (tokens_process_number(process) & 63);
}

/*
 * A process that has read an object while another one wrote it signs wrongly from then on: the
 * first signature of each version by each process, since it has its handles, is verified.
 */
static bool is_proven(struct key_version *version, const struct token_process *process)
{
    const uint64_t epoch = tokens_epoch(tokens_process_token(process));

    if (version->proven_epoch != epoch) {
        version->proven_epoch = epoch;
        version->proven = 0;
    }
    return (version->proven & bit_of(process)) != 0;
}

static bool is_due_for_verification(struct sign_request *request,
                                    const struct token_process *process)
{
    uint8_t random;

    /* One faulty RSA-CRT or EdDSA signature gives the key away: each of these is verified. */
    if (ps_alg_info(request->algorithm)->scheme != PS_SCHEME_ECDSA ||
        request->key->verify == KEY_VERIFY_ALWAYS || !is_proven(request->version, process)) {
        return true;
    }
    signer_random(request->signer, &random, sizeof random);
    return random % SAMPLE == 0;
}

static enum ps_err verify(struct sign_request *request)
{
    const struct ps_bytes signature = ps_bytes(request->signature, request->signature_len);
    struct public_key *key;

    PS_TRY(version_public_key(request->version, &key));
    keeper_metrics_note_verified(request->signer->keeper->metrics);
    if (request->digest_len != 0) {
        return public_key_verify_digest(key, request->algorithm,
                                        ps_bytes(request->digest, request->digest_len), signature);
    }
    return public_key_verify(key, request->algorithm, ps_buf_bytes(&request->input), signature);
}

static size_t exact_len(const struct sign_request *request)
{
    return ps_key_type_info(request->key->type)->signature_max;
}

static void put_jws(const struct sign_request *request)
{
    const struct msg_jws_signed message = {
        .protected_header = ps_bytes(request->input.data, request->header_len),
        .payload = ps_buf_bytes(&request->payload),
        .signature = ps_bytes(request->signature, request->signature_len),
        .kid = ps_bytes_str(request->version->kid),
        .algorithm = ps_bytes_str(ps_alg_info(request->algorithm)->name),
        .version = request->version->number,
    };

    answer_send(&request->to, &msg_jws_signed_info, &message);
}

static void put_raw(const struct sign_request *request)
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

static void on_leaf_durable(void *context, bool is_durable)
{
    struct sign_request *request = context;
    struct keeper *keeper = request->signer->keeper;

    if (request->step == STEP_ABANDONED) {
        sign_request_free(request);
        return;
    }
    if (!is_durable) {
        sign_request_refuse(request,
                            &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
        return;
    }
    if (request->kind == SIGN_RAW) {
        put_raw(request);
    } else {
        put_jws(request);
    }
    keeper_metrics_note_signed(keeper->metrics);
    ps_line(PS_DEBUG, "sign", PS_TEXT("request_id", sign_request_id_of(request)),
            PS_STR("client", request->client), PS_STR("key", request->key->name),
            PS_STR("operation", granted_op_info(sign_request_operation(request))->name),
            PS_STR("result", "done"),
            PS_NUM("us", (ps_clock_mono_ns() - request->item.arrived_ns) / PS_NS_PER_US));
    sign_request_free(request);
}

static enum ps_err put_leaf(const struct sign_request *request, struct ps_buf *out)
{
    uint8_t form[PS_SIGNATURE_MAX];
    uint8_t hash[PS_SHA256_LEN];
    size_t form_len;

    PS_TRY(signature_log_form(
        request->algorithm, ps_bytes(request->signature, request->signature_len), form, &form_len));
    ps_sha256(ps_bytes(form, form_len), hash);
    ps_buf_reset(out);
    leaf_put_use(&(struct use_leaf){.time_ns = ps_clock_real_ns(),
                                    .caller = ps_bytes_str(request->client),
                                    .key = ps_bytes_str(request->key->name),
                                    .version = request->version->number,
                                    .operation = "sign",
                                    .format = request->format,
                                    .algorithm = request->algorithm,
                                    .request_id = sign_request_id_of(request),
                                    .hash = ps_bytes(hash, sizeof hash)},
                 out);
    return ps_buf_status(out);
}

static enum ps_err record(struct sign_request *request)
{
    struct signer *signer = request->signer;
    struct keeper *keeper = signer->keeper;
    uint64_t position;

    PS_TRY(put_leaf(request, &signer->leaf));
    PS_TRY(held_reserve(keeper->use_held));
    PS_TRY(log_append(keeper->use, ps_buf_bytes(&signer->leaf), &position));
    request->step = STEP_HELD;
    held_add(keeper->use_held, position, on_leaf_durable, request);
    return PS_OK;
}

/* Between verification and release nothing can fail but the log. */
static void record_and_hold(struct sign_request *request)
{
    struct problem_answer answer;
    enum ps_err err;

    if (!admit_again(request, &answer)) {
        sign_request_refuse(request, &answer);
        return;
    }
    err = record(request);
    if (err != PS_OK) {
        sign_request_refuse(request, &(struct problem_answer){
                                         .problem = err == PS_E_BUSY ? PS_PROBLEM_OVERLOADED
                                                                     : PS_PROBLEM_LOG_UNAVAILABLE});
    }
}

void release_signature(struct sign_request *request, const struct token_answer *answer)
{
    struct keeper *keeper = request->signer->keeper;
    const struct msg_token_signed *message = answer->message;
    enum ps_err err;

    if (answer->info != &msg_token_signed_info || message->signature.len != exact_len(request)) {
        on_wrong_signature(request, answer->process);
        return;
    }
    memcpy(request->signature, message->signature.data, message->signature.len);
    request->signature_len = message->signature.len;
    keeper_metrics_note_operation(keeper->metrics, tokens_process_token(answer->process),
                                  request->algorithm, message->micros);
    if (!is_due_for_verification(request, answer->process)) {
        record_and_hold(request);
        return;
    }
    err = verify(request);
    if (err == PS_E_DENIED) {
        on_wrong_signature(request, answer->process);
    } else if (err != PS_OK) {
        ps_line(PS_ERROR, "not_verified", PS_STR("key", request->key->name),
                PS_STR("detail", ps_detail()->text));
        sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_INTERNAL});
    } else {
        request->version->proven |= bit_of(answer->process);
        record_and_hold(request);
    }
}
