#include "keystore/signing/signer.h"

#include "keystore/signing/steps.h"

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
    sign_requests_free_spare(signer);
    json_free(signer->parser);
    ps_buf_clear(&signer->header);
    ps_buf_clear(&signer->leaf);
    free(signer);
}

static bool begin(struct signer *signer, const struct reply_to *to, enum sign_kind kind,
                  struct sign_request **ret_request)
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
    (*ret_request)->request_id_len = 0;
    return true;
}

void signer_sign_jws(struct signer *signer, const struct reply_to *to,
                     const struct msg_jws_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .operation = GRANTED_JWS_SIGN,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm,
                              .format = PS_FORMAT_JWS};
    struct sign_request *request;
    struct problem_answer answer;

    if (!begin(signer, to, SIGN_JWS, &request)) {
        return;
    }
    if (admit(request, &wish, &answer) && build_jws(request, message, &answer)) {
        dispatch_enqueue(request);
    } else {
        sign_request_refuse(request, &answer);
    }
}

void signer_sign_jwt(struct signer *signer, const struct reply_to *to,
                     const struct msg_jwt_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .operation = GRANTED_JWS_SIGN,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm,
                              .format = PS_FORMAT_JWS};
    struct sign_request *request;
    struct problem_answer answer;

    if (!begin(signer, to, SIGN_JWT, &request)) {
        return;
    }
    if (admit(request, &wish, &answer) && build_jwt(request, message, &answer)) {
        dispatch_enqueue(request);
    } else {
        sign_request_refuse(request, &answer);
    }
}

void signer_sign_raw(struct signer *signer, const struct reply_to *to,
                     const struct msg_raw_sign *message)
{
    const struct wish wish = {.caller = &message->caller,
                              .operation = GRANTED_RAW_SIGN,
                              .request_id = message->request_id,
                              .key = message->key,
                              .algorithm = message->algorithm,
                              .format = PS_FORMAT_RAW,
                              .version = message->version};
    struct sign_request *request;
    struct problem_answer answer;

    if (!begin(signer, to, SIGN_RAW, &request)) {
        return;
    }
    if (admit(request, &wish, &answer) && build_raw(request, message, &answer)) {
        dispatch_enqueue(request);
    } else {
        sign_request_refuse(request, &answer);
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
        } else if (request->step == STEP_HELD) {
            sign_request_abandon(request,
                                 &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
        }
    }
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
}

size_t signer_count(const struct signer *signer)
{
    return signer->count;
}

size_t signer_waiting(const struct token *token)
{
    const struct lane *lane = tokens_data(token);

    return lane == NULL ? 0 : queue_count(lane->queue);
}
