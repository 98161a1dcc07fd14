#include "keystore/signing/signer.h"

#include "keystore/signing/steps.h"
#include "lib/base/turns.h"

#include <stdlib.h>

enum ps_err signer_new(struct keeper *keeper, struct signer **ret_signer)
{
    PS_CLEANUP(signer_free_cleanup) struct signer *signer = calloc(1, sizeof *signer);

    if (signer == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    signer->keeper = keeper;
    signer->random_used = RANDOM_OCTETS;
    ps_buf_init(&signer->header, 4 * IPC_HEADER_MAX);
    ps_buf_init(&signer->leaf, LOG_ENTRY_MAX);
    PS_TRY(json_new(&signer->parser));
    PS_TRY(ps_idle_new(keeper->loop, verification_run, signer, &signer->verifying));
    *ret_signer = signer;
    signer = NULL;
    return PS_OK;
}

void signer_free(struct signer *signer)
{
    if (signer == NULL) {
        return;
    }
    for (size_t i = 0; i < signer->lane_count; i++) {
        while (queue_pop(signer->lanes[i]->queue) != NULL) {
            /* The requests themselves are freed below. */
        }
        queue_free(signer->lanes[i]->queue);
        free(signer->lanes[i]);
    }
    ps_idle_free(signer->verifying);
    checkups_free(signer);
    sign_requests_free_spare(signer);
    json_free(signer->parser);
    ps_buf_clear(&signer->header);
    ps_buf_clear(&signer->leaf);
    free(signer);
}

bool sign_request_begin(struct signer *signer, const struct reply_to *to,
                        const struct sign_kind *kind, struct sign_request **ret_request)
{
    const enum ps_err err = sign_request_new(signer, ret_request);

    if (err != PS_OK) {
        answer_error(to, err);
        return false;
    }
    (*ret_request)->to = *to;
    (*ret_request)->kind = kind;
    (*ret_request)->key = NULL;
    (*ret_request)->client[0] = 0;
    (*ret_request)->parameter[0] = 0;
    (*ret_request)->request_id_len = 0;
    return true;
}

struct sign_request *sign_request_admit(struct signer *signer, const struct reply_to *to,
                                        const struct sign_kind *kind, const struct wish *wish)
{
    struct sign_request *request;
    struct problem_answer answer;

    if (!sign_request_begin(signer, to, kind, &request)) {
        return NULL;
    }
    if (!admit(request, wish, &answer)) {
        sign_request_refuse(request, &answer);
        return NULL;
    }
    return request;
}

void sign_request_send(struct sign_request *request, bool is_built,
                       const struct problem_answer *answer)
{
    if (is_built) {
        dispatch_enqueue(request);
    } else {
        sign_request_refuse(request, answer);
    }
}

void sign_request_serve(struct signer *signer, const struct reply_to *to,
                        const struct sign_kind *kind, const struct wish *wish, sign_build_fn *build,
                        const void *message)
{
    struct sign_request *request = sign_request_admit(signer, to, kind, wish);
    struct problem_answer answer;

    if (request != NULL) {
        sign_request_send(request, build(request, message, &answer), &answer);
    }
}

/* A queue for each token, made when it is first seen. */
static void make_lane(struct signer *signer, struct token *token)
{
    struct lane *lane;

    if (tokens_data(token) != NULL || signer->lane_count == PS_COUNT_OF(signer->lanes)) {
        return;
    }
    lane = calloc(1, sizeof *lane);
    if (lane == NULL || queue_new(signer->keeper->config->queue_max, &lane->queue) != PS_OK) {
        free(lane);
        return;
    }
    lane->ready_ns = ps_clock_mono_ns();
    signer->lanes[signer->lane_count++] = lane;
    tokens_set_data(token, lane);
}

static void expire_lane(struct signer *signer, struct token *token, uint64_t before_ns)
{
    struct lane *lane = tokens_data(token);
    const bool is_ready = tokens_is_ready(token);
    struct queue_item *item;

    (void)signer;
    while ((item = queue_pop_expired(lane->queue, before_ns)) != NULL) {
        sign_request_refuse(
            (struct sign_request *)item,
            &(struct problem_answer){.problem = is_ready ? PS_PROBLEM_OVERLOADED
                                                         : PS_PROBLEM_TOKEN_UNAVAILABLE});
    }
}

/* Nobody waits longer than the limit, wherever the request is; the oldest stand in front. */
static void abandon_old(struct signer *signer, uint64_t before_ns)
{
    struct sign_request *next;

    for (struct sign_request *request = signer->oldest;
         request != NULL && request->item.arrived_ns < before_ns; request = next) {
        next = request->next;
        if (request->step == STEP_AT_TOKEN || request->step == STEP_UNVERIFIED) {
            sign_request_abandon(request,
                                 &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE});
        } else if (request->step == STEP_HELD || request->step == STEP_UNCOUNTED) {
            sign_request_abandon(request,
                                 &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
        }
    }
}

/*
 * Answers of dear operations come one by one, and while the keeper waits behind a process that goes
 * on computing, the other may have nothing to do: so it interrupts. Cheap ones are passed on in
 * larger groups when it does not.
 */
static void settle_turns(struct signer *signer)
{
    if (signer->has_sent_dear != signer->is_prompt) {
        signer->is_prompt = signer->has_sent_dear;
        ps_turns_settle(signer->is_prompt ? PS_TURNS_PROMPT : PS_TURNS_SHORT);
    }
    signer->has_sent_dear = false;
}

void signer_tick(struct signer *signer)
{
    const struct keeper *keeper = signer->keeper;
    const uint64_t now = ps_clock_mono_ns();
    const uint64_t before = now - (uint64_t)keeper->config->request_timeout_ms * PS_NS_PER_MS;
    struct token *token;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        make_lane(signer, token);
        if (tokens_data(token) == NULL) {
            continue;
        }
        if (tokens_is_ready(token)) {
            ((struct lane *)tokens_data(token))->ready_ns = now;
        }
        expire_lane(signer, token, before);
        dispatch_lane(signer, token);
    }
    abandon_old(signer, before);
    settle_turns(signer);
}

size_t signer_count(const struct signer *signer)
{
    return signer->count;
}

uint64_t signer_begun(const struct signer *signer)
{
    return signer->begun;
}

size_t signer_waiting(const struct token *token)
{
    const struct lane *lane = tokens_data(token);

    return lane == NULL ? 0 : queue_count(lane->queue);
}
