#include "keystore/signing/steps.h"

#include "keystore/callers/why.h"
#include "keystore/metrics.h"
#include "lib/base/hash.h"
#include "lib/base/secret.h"

/* What leaf and log lines call it. */
static const char *name_of(const struct sign_request *request)
{
    return request->kind->leaf == NULL ? "sign" : request->kind->leaf;
}

static const char *operation_of(const struct sign_request *request)
{
    const struct granted_op_info *info = granted_op_info(request->kind->operation);

    return info == NULL ? "schedule" : info->name;
}

static void say_refusal(const struct sign_request *request, const struct problem_answer *answer)
{
    ps_line(PS_INFO, name_of(request), PS_TEXT("request_id", sign_request_id_of(request)),
            PS_STR("client", request->client),
            PS_STR("key", request->key == NULL ? "" : request->key->name),
            PS_STR("operation", operation_of(request)),
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
    ps_buf_clear(&request->payload);
}

static void on_leaf_durable(void *context, bool is_durable)
{
    struct sign_request *request = context;
    struct problem_answer refusal;

    if (request->step == STEP_ABANDONED) {
        sign_request_free(request);
        return;
    }
    if (!is_durable) {
        sign_request_refuse(request,
                            &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
        return;
    }
    /*
     * No signature leaves after what forbids it was recorded, also when its own leaf came before:
     * the two logs are written each by itself, and an acknowledgement may overtake it.
     */
    if (!admit_again(request, &refusal)) {
        sign_request_refuse(request, &refusal);
        return;
    }
    request->kind->put_answer(request);
    keeper_metrics_note_signed(request->signer->keeper->metrics);
    ps_line(PS_DEBUG, name_of(request), PS_TEXT("request_id", sign_request_id_of(request)),
            PS_STR("client", request->client), PS_STR("key", request->key->name),
            PS_STR("operation", operation_of(request)), PS_STR("result", "done"),
            PS_NUM("us", (ps_clock_mono_ns() - request->item.arrived_ns) / PS_NS_PER_US));
    sign_request_free(request);
}

static enum ps_err hash_signature(struct sign_request *request)
{
    uint8_t form[PS_SIGNATURE_MAX];
    size_t form_len;

    PS_TRY(signature_log_form(
        request->algorithm, ps_bytes(request->signature, request->signature_len), form, &form_len));
    ps_sha256(ps_bytes(form, form_len), request->leaf_hash);
    return PS_OK;
}

static enum ps_err put_leaf(struct sign_request *request, struct ps_buf *out)
{
    if (request->kind->take == NULL) {
        PS_TRY(hash_signature(request));
    }
    ps_buf_reset(out);
    leaf_put_use(&(struct use_leaf){.time_ns = ps_clock_real_ns(),
                                    .caller = ps_bytes_str(request->client),
                                    .key = ps_bytes_str(request->key->name),
                                    .version = request->version->number,
                                    .operation = name_of(request),
                                    .format = request->kind->format,
                                    .algorithm = request->algorithm,
                                    .request_id = sign_request_id_of(request),
                                    .serial = ps_bytes(request->serial, request->serial_len),
                                    .hash = ps_bytes(request->leaf_hash, PS_SHA256_LEN)},
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
    log_set_expected(keeper->use, tokens_using(keeper->tokens) + signer->unverified_count);
    PS_TRY(request->is_of_backlog
               ? log_append_backlog(keeper->use, ps_buf_bytes(&signer->leaf), &position)
               : log_append(keeper->use, ps_buf_bytes(&signer->leaf), &position));
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
