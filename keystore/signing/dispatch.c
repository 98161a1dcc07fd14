#include "keystore/signing/steps.h"

#include "keystore/anchor.h"
#include "keystore/metrics.h"

#include <assert.h>

static void on_token_answer(void *context, const struct token_answer *answer);

/* RSA's cost grows with the cube of the modulus; the table is for 2048 bits. */
static uint32_t cost_of(const struct sign_request *request)
{
    const struct ps_alg_info *algorithm = ps_alg_info(request->algorithm);
    const struct ps_key_type_info *type = ps_key_type_info(request->key->type);

    if (algorithm->family != PS_FAMILY_RSA) {
        return algorithm->cost;
    }
    return (uint32_t)((uint64_t)algorithm->cost * type->bits * type->bits * type->bits /
                      (UINT64_C(2048) * 2048 * 2048));
}

static struct token *token_of(const struct sign_request *request)
{
    return tokens_find(request->signer->keeper->tokens, ps_bytes_str(request->key->token));
}

/* A token that has been away for longer than anybody waits: no queue would help. */
static bool is_away_for_long(const struct signer *signer, const struct token *token)
{
    const struct lane *lane = tokens_data(token);
    const uint64_t patience_ns =
        (uint64_t)signer->keeper->config->request_timeout_ms * PS_NS_PER_MS;

    return !tokens_is_ready(token) && ps_clock_mono_ns() - lane->ready_ns > patience_ns;
}

void dispatch_enqueue(struct sign_request *request)
{
    struct signer *signer = request->signer;
    struct token *token = token_of(request);
    struct lane *lane = token == NULL ? NULL : tokens_data(token);

    if (lane == NULL || is_away_for_long(signer, token)) {
        sign_request_refuse(request,
                            &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE});
        return;
    }
    request->item.cost = cost_of(request);
    request->item.class = (uint8_t)ps_alg_info(request->algorithm)->scheme;
    if (queue_push(lane->queue, &request->item) != PS_OK) {
        sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED,
                                                              .detail = "too many requests wait"});
        return;
    }
    request->step = STEP_QUEUED;
    dispatch_lane(signer, token);
}

static enum ps_err send(struct sign_request *request, struct token *token)
{
    const struct msg_token_sign message = {
        .object_id = version_object_id(request->version),
        .algorithm = (uint8_t)request->algorithm,
        .key_type = (uint8_t)request->key->type,
        .data = request->digest_len != 0 ? ps_bytes(request->digest, request->digest_len)
                                         : ps_buf_bytes(&request->input),
    };

    return tokens_sign(token, &message, request->item.cost, request->avoid, on_token_answer,
                       request);
}

void dispatch_lane(struct signer *signer, struct token *token)
{
    struct lane *lane = tokens_data(token);
    uint32_t cost;

    if (lane == NULL || !anchor_is_checked(signer->keeper->anchor)) {
        return;
    }
    while ((cost = queue_peek_cost(lane->queue)) != 0 && tokens_has_room(token, cost)) {
        struct sign_request *request = (struct sign_request *)queue_pop(lane->queue);
        enum ps_err err;

        assert(request != NULL);
        request->step = STEP_AT_TOKEN;
        keeper_metrics_note_queued(signer->keeper->metrics, token,
                                   ps_clock_mono_ns() - request->item.arrived_ns);
        err = send(request, token);
        if (err == PS_E_BUSY && queue_return(lane->queue, &request->item) == PS_OK) {
            request->step = STEP_QUEUED;
            return;
        }
        if (err != PS_OK) {
            sign_request_refuse(request,
                                &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        }
    }
}

void signer_dispatch(struct signer *signer, struct token *token)
{
    dispatch_lane(signer, token);
}

void sign_request_retry(struct sign_request *request)
{
    struct token *token = token_of(request);
    struct lane *lane = tokens_data(token);

    if (request->step == STEP_ABANDONED) {
        sign_request_free(request);
        return;
    }
    /* Nothing was released and no leaf was made, so that signing again is the same request. */
    if (request->attempts++ == 0 && !is_away_for_long(request->signer, token) &&
        queue_return(lane->queue, &request->item) == PS_OK) {
        request->step = STEP_QUEUED;
        return;
    }
    sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE});
}

static void on_refusal(struct sign_request *request, const struct token_answer *answer)
{
    const enum ps_problem problem = (enum ps_problem)answer->problem->problem;

    if (problem == PS_PROBLEM_KEY_MISMATCH) {
        sign_request_refuse(
            request, &(struct problem_answer){.problem = PS_PROBLEM_KEY_MISMATCH,
                                              .detail = "the token does not do this with it"});
        return;
    }
    if (problem == PS_PROBLEM_TOKEN_UNAVAILABLE || problem == PS_PROBLEM_OVERLOADED ||
        (problem == PS_PROBLEM_NOT_FOUND && request->attempts == 0)) {
        request->avoid = answer->process;
        sign_request_retry(request);
        return;
    }
    ps_line(PS_ERROR, "token_refused", PS_STR("key", request->key->name),
            PS_NUM("version", request->version->number), PS_NUM("problem", problem),
            PS_TEXT("detail", answer->problem->detail));
    sign_request_refuse(request,
                        &(struct problem_answer){.problem = problem == PS_PROBLEM_NOT_FOUND
                                                                ? PS_PROBLEM_TOKEN_UNAVAILABLE
                                                                : PS_PROBLEM_INTERNAL});
}

static void on_token_answer(void *context, const struct token_answer *answer)
{
    struct sign_request *request = context;
    struct signer *signer = request->signer;
    struct token *token = tokens_process_token(answer->process);

    if (answer->outcome == TOKEN_ANSWERED && request->step != STEP_ABANDONED) {
        verification_begin(request, answer);
    } else if (answer->outcome == TOKEN_REFUSED && request->step != STEP_ABANDONED) {
        on_refusal(request, answer);
    } else {
        sign_request_retry(request);
    }
    dispatch_lane(signer, token);
}
