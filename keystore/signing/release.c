#include "keystore/signing/steps.h"

#include "keystore/metrics.h"
#include "keystore/state.h"
#include "keystore/why.h"
#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <stdio.h>

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
    log_set_expected(keeper->use, tokens_signing(keeper->tokens) + signer->unverified_count);
    PS_TRY(log_append(keeper->use, ps_buf_bytes(&signer->leaf), &position));
    request->step = STEP_HELD;
    held_add(keeper->use_held, position, on_leaf_durable, request);
    return PS_OK;
}

/* Between verification and release nothing can fail but the log. */
void release_record(struct sign_request *request)
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
