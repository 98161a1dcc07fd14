#include "keystore/signing/steps.h"

#include "keystore/custody/records.h"
#include "keystore/events/anchor.h"
#include "keystore/metrics.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "keystore/tokens/use.h"

#include <assert.h>

static void on_token_answer(void *context, const struct token_answer *answer);

/* What uses beside signatures cost, ES256 being 1. */
static const unsigned action_costs[TOKEN_ACTION_COUNT] = {
    [TOKEN_DECRYPT_OAEP] = 10, [TOKEN_DERIVE_ECDH] = 4, [TOKEN_ENCRYPT_GCM] = 1,
    [TOKEN_DECRYPT_GCM] = 1,   [TOKEN_MAC] = 1,
};

/* So long a process may compute at a time that others run dry before the keeper has its turn. */
#define COST_DEAR 5u

/* Queues keep classes of mechanisms apart: signature schemes first, then actions. */
#define FIRST_ACTION_CLASS (PS_SCHEME_EDDSA + 1u)

static bool is_signature(const struct sign_request *request)
{
    return request->kind->take == NULL;
}

static uint8_t class_of(const struct sign_request *request)
{
    return is_signature(request) ? (uint8_t)ps_alg_info(request->algorithm)->scheme
                                 : (uint8_t)(FIRST_ACTION_CLASS + request->action);
}

/* RSA's cost grows with the cube of the modulus; the tables are for 2048 bits. */
static uint32_t cost_of(const struct sign_request *request)
{
    const struct ps_key_type_info *type = ps_key_type_info(request->key->type);
    const uint64_t cost = is_signature(request) ? ps_alg_info(request->algorithm)->cost
                                                : action_costs[request->action];

    if (type->family != PS_FAMILY_RSA) {
        return (uint32_t)cost;
    }
    return (uint32_t)(cost * type->bits * type->bits * type->bits / (UINT64_C(2048) * 2048 * 2048));
}

/* It does not come back by itself. */
#define NOWHERE                                                                                    \
    "no token that is configured has this key, or opens it: `recovery` in GET /v1/system names "   \
    "what is lost"

static struct token *token_of(const struct sign_request *request)
{
    return wrapping_keys_token_for(request->signer->keeper, request->version);
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
                            &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE,
                                                     .detail = token == NULL ? NOWHERE : NULL});
        return;
    }
    request->item.cost = cost_of(request);
    request->item.class = class_of(request);
    if (queue_push(lane->queue, &request->item) != PS_OK) {
        sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED,
                                                              .detail = "too many requests wait"});
        return;
    }
    request->step = STEP_QUEUED;
    dispatch_lane(signer, token);
}

static enum ps_err send_use(struct sign_request *request, struct token_process *process,
                            struct ps_bytes record)
{
    const struct msg_token_use message = {
        .object_id = version_object_id(request->version),
        .action = (uint8_t)request->action,
        .key_type = (uint8_t)request->key->type,
        .data = ps_buf_bytes(&request->input),
        .associated = request->action == TOKEN_ENCRYPT_GCM || request->action == TOKEN_DECRYPT_GCM
                          ? ps_buf_bytes(&request->associated)
                          : ps_bytes(NULL, 0),
        .check = ps_bytes(request->version->check, request->version->check_len),
        .nonce = ps_bytes(request->nonce,
                          request->action == TOKEN_DECRYPT_GCM ? sizeof request->nonce : 0),
        .is_wrapped = request->key->is_wrapped,
        .record = record,
    };

    return tokens_use(process, &msg_token_use_info, &message, request->item.cost, on_token_answer,
                      request);
}

static enum ps_err send_signature(struct sign_request *request, struct token_process *process,
                                  struct ps_bytes record, bool more)
{
    const struct msg_token_sign message = {
        .object_id = version_object_id(request->version),
        .algorithm = (uint8_t)request->algorithm,
        .key_type = (uint8_t)request->key->type,
        .data = request->digest_len != 0 ? ps_bytes(request->digest, request->digest_len)
                                         : ps_buf_bytes(&request->input),
        .is_wrapped = request->key->is_wrapped,
        .record = record,
        .more = more,
    };

    return tokens_use(process, &msg_token_sign_info, &message, request->item.cost, on_token_answer,
                      request);
}

/* What happened to an object that goes with the sessions of one process. */
static void note_open(const struct sign_request *request, const struct token_process *process,
                      bool is_open)
{
    process_set_put(&request->version->loaded, tokens_epoch(tokens_process_token(process)),
                    tokens_process_number(process), is_open);
}

static bool needs_record(const struct sign_request *request, const struct token_process *process)
{
    return request->key->is_wrapped &&
           (request->sends_record ||
            !process_set_has(&request->version->loaded, tokens_epoch(tokens_process_token(process)),
                             tokens_process_number(process)));
}

/* Of a wrapped key, with its record where the process does not have it open. */
static enum ps_err send(struct sign_request *request, struct token *token, bool is_backlog)
{
    PS_BUF_AUTO record = {.max = TOKEN_RECORD_MAX};
    struct token_process *process = tokens_choose(
        token, &(struct token_choice){.cost = request->item.cost,
                                      .avoid = request->avoid,
                                      .loaded = request->key->is_wrapped ? &request->version->loaded
                                                                         : NULL,
                                      .is_wide = is_backlog});

    if (process == NULL) {
        return ps_fail(PS_E_BUSY, 0, "no process of the token has room");
    }
    request->is_of_backlog = is_backlog || tokens_process_is_laden(process);
    if (needs_record(request, process)) {
        PS_TRY(record_of_version(request->signer->keeper, request->version, &record));
    }
    PS_TRY(is_signature(request)
               ? send_signature(request, process, ps_buf_bytes(&record), is_backlog)
               : send_use(request, process, ps_buf_bytes(&record)));
    note_open(request, process, true);
    request->signer->has_sent_dear |= request->item.cost >= COST_DEAR;
    return PS_OK;
}

static void refuse_damaged(struct sign_request *request)
{
    record_alarm(request->signer->keeper, request->version);
    sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_RECORD_DAMAGED});
}

/* What waited when the appliance was locked is not kept until it is unlocked. */
static void refuse_lane(struct signer *signer, struct lane *lane)
{
    struct problem_answer refusal;
    struct queue_item *item;

    while (!state_allows_use(signer->keeper, &refusal) && (item = queue_pop(lane->queue)) != NULL) {
        sign_request_refuse((struct sign_request *)item, &refusal);
    }
}

void dispatch_lane(struct signer *signer, struct token *token)
{
    struct lane *lane = tokens_data(token);
    uint64_t now_ns;
    bool is_backlog;
    uint32_t cost;

    if (lane != NULL && lock_is_on(signer->keeper)) {
        refuse_lane(signer, lane);
    }
    if (lane == NULL || queue_count(lane->queue) == 0 ||
        !anchor_is_checked(signer->keeper->anchor)) {
        return;
    }
    now_ns = ps_clock_mono_ns();
    is_backlog = queue_is_backlog(lane->queue, now_ns);
    while ((cost = queue_peek_cost(lane->queue)) != 0 && tokens_has_room(token, cost, is_backlog)) {
        struct sign_request *request = (struct sign_request *)queue_pop(lane->queue);
        enum ps_err err;

        assert(request != NULL);
        request->step = STEP_AT_TOKEN;
        request->sent_ns = now_ns;
        keeper_metrics_note_queued(signer->keeper->metrics, token,
                                   request->sent_ns - request->item.arrived_ns);
        err = send(request, token, is_backlog);
        if (err == PS_E_BUSY && queue_return(lane->queue, &request->item) == PS_OK) {
            request->step = STEP_QUEUED;
            return;
        }
        if (err == PS_E_STATE) {
            refuse_damaged(request);
        } else if (err != PS_OK) {
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
    struct signer *signer = request->signer;
    struct token *token = token_of(request);
    struct lane *lane = token == NULL ? NULL : tokens_data(token);

    if (request->step == STEP_ABANDONED) {
        sign_request_free(request);
        return;
    }
    /* Nothing was released and no leaf was made, so that signing again is the same request. */
    if (request->attempts++ == 0 && lane != NULL && !is_away_for_long(signer, token) &&
        (is_signature(request) || request->action != TOKEN_ENCRYPT_GCM ||
         encrypt_count_again(request)) &&
        queue_return(lane->queue, &request->item) == PS_OK) {
        request->step = STEP_QUEUED;
        return;
    }
    sign_request_refuse(request, &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE});
}

/* It had it open before: it is asked again, with the record. False: that is not why. */
static bool wants_record(struct sign_request *request, const struct token *token)
{
    const struct lane *lane = tokens_data(token);

    if (!request->key->is_wrapped || request->sends_record ||
        queue_return(lane->queue, &request->item) != PS_OK) {
        return false;
    }
    request->sends_record = true;
    request->step = STEP_QUEUED;
    return true;
}

/* Of signatures alone: of what is opened, nothing is told that does not open (note_use). */
static void note_failure(const struct sign_request *request, const struct token *token)
{
    if (is_signature(request)) {
        keeper_metrics_note_failure(request->signer->keeper->metrics, token, request->algorithm,
                                    (ps_clock_mono_ns() - request->sent_ns) / PS_NS_PER_US);
    }
}

static void on_refusal(struct sign_request *request, const struct token_answer *answer)
{
    const enum ps_problem problem = (enum ps_problem)answer->problem->problem;

    note_open(request, answer->process, false);
    if (problem == PS_PROBLEM_NOT_FOUND &&
        wants_record(request, tokens_process_token(answer->process))) {
        return;
    }
    note_failure(request, tokens_process_token(answer->process));
    if (problem == PS_PROBLEM_RECORD_DAMAGED) {
        refuse_damaged(request);
        return;
    }
    if (problem == PS_PROBLEM_REFUSED && !is_signature(request)) {
        use_take(request, answer);
        return;
    }
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
        if (is_signature(request)) {
            verification_begin(request, answer);
        } else {
            use_take(request, answer);
        }
    } else if (answer->outcome == TOKEN_REFUSED && request->step != STEP_ABANDONED) {
        on_refusal(request, answer);
    } else {
        note_failure(request, token);
        sign_request_retry(request);
    }
    dispatch_lane(signer, token);
}
