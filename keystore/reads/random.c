#include "keystore/reads/random.h"

#include "keystore/queue.h"
#include "keystore/reads/internal.h"
#include "keystore/state/state.h"

#include <stdlib.h>

#define RANDOM_MAX  4096u
#define WAITING_MAX 64u

struct pending {
    struct queue_item item; /* first */
    struct reply_to to;
    uint32_t count;
};

/*
 * One call at a time goes to the token, and between two of them signatures do: any client may ask
 * for random octets, as often as it likes, and must not keep others from signing.
 */
struct randoms {
    struct keeper *keeper;
    struct ps_defer *next;
    struct queue *waiting;
    struct pending *current; /* at the token */
};

static void on_next(void *context);

enum ps_err randoms_new(struct keeper *keeper, struct randoms **ret_randoms)
{
    PS_CLEANUP(randoms_free_cleanup) struct randoms *randoms = calloc(1, sizeof *randoms);

    if (randoms == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    randoms->keeper = keeper;
    PS_TRY(queue_new(WAITING_MAX, &randoms->waiting));
    PS_TRY(ps_defer_new(keeper->loop, on_next, randoms, &randoms->next));
    *ret_randoms = randoms;
    randoms = NULL;
    return PS_OK;
}

void randoms_free(struct randoms *randoms)
{
    struct queue_item *item;

    if (randoms == NULL) {
        return;
    }
    while (randoms->waiting != NULL && (item = queue_pop(randoms->waiting)) != NULL) {
        free(item);
    }
    queue_free(randoms->waiting);
    free(randoms->current);
    ps_defer_free(randoms->next);
    free(randoms);
}

static void end(struct randoms *randoms, struct pending *pending, struct ps_bytes octets)
{
    if (octets.len != 0 && octets.len == pending->count) {
        answer_send(&pending->to, &msg_octets_info, &(struct msg_octets){.octets = octets});
    } else {
        answer_problem(&pending->to,
                       &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE});
    }
    free(pending);
    if (queue_count(randoms->waiting) != 0) {
        /* Not at once: signatures that wait for this call to end come first. */
        ps_defer_arm(randoms->next);
    }
}

static void on_random(void *context, const struct token_answer *answer)
{
    struct randoms *randoms = context;
    const struct msg_token_octets *message = answer->message;
    const bool is_good =
        answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_octets_info;
    struct pending *pending = randoms->current;

    randoms->current = NULL;
    end(randoms, pending, is_good ? message->octets : ps_bytes(NULL, 0));
}

static void on_next(void *context)
{
    struct randoms *randoms = context;
    struct token *token = keeper_main_token(randoms->keeper);
    struct pending *pending =
        randoms->current == NULL ? (struct pending *)queue_pop(randoms->waiting) : NULL;
    struct msg_token_random ask = {0};

    if (pending == NULL) {
        return;
    }
    ask = (struct msg_token_random){.count = pending->count};
    if (token == NULL ||
        tokens_call(token, &msg_token_random_info, &ask, 0, on_random, randoms) != PS_OK) {
        end(randoms, pending, ps_bytes(NULL, 0));
        return;
    }
    randoms->current = pending;
}

/* `false`: *ret_answer says why not. */
static bool may_read(struct keeper *keeper, const struct reply_to *to,
                     const struct msg_random *message, uint64_t *ret_client,
                     struct problem_answer *ret_answer)
{
    const struct question question = {.role = to->peer->role, .caller = &message->caller};
    struct authority authority;

    if (!state_allows_use(keeper, ret_answer)) {
        return false;
    }
    if (message->count == 0 || message->count > RANDOM_MAX) {
        ret_answer->problem = PS_PROBLEM_MALFORMED;
        return false;
    }
    authority = authority_decide_request(keeper, &question, message->request_id);
    if (authority.problem != PS_PROBLEM_NONE) {
        *ret_answer = (struct problem_answer){.problem = authority.problem,
                                              .retry_after_s = authority.retry_after_s,
                                              .detail = authority.text};
        return false;
    }
    *ret_client = access_client_number(authority.client);
    return true;
}

void read_answer_random(struct keeper *keeper, const struct reply_to *to,
                        const struct msg_random *message)
{
    struct randoms *randoms = keeper->randoms;
    uint64_t client = 0;
    struct problem_answer refusal = {0};
    const struct problem_answer overloaded = {.problem = PS_PROBLEM_OVERLOADED};
    struct pending *pending;

    if (!may_read(keeper, to, message, &client, &refusal)) {
        answer_problem(to, &refusal);
        return;
    }
    pending = malloc(sizeof *pending);
    if (pending == NULL) {
        answer_problem(to, &overloaded);
        return;
    }
    *pending = (struct pending){
        .item = {.client = client, .cost = QUEUE_QUANTUM}, .to = *to, .count = message->count};
    if (queue_push(randoms->waiting, &pending->item) != PS_OK) {
        free(pending);
        answer_problem(to, &overloaded);
        return;
    }
    ps_defer_arm(randoms->next);
}
