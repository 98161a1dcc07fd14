#include "keystore/reads/random.h"

#include "keystore/reads/internal.h"
#include "keystore/state/state.h"

#include <stdlib.h>

#define RANDOM_MAX  4096u
#define WAITING_MAX 64u

struct pending {
    struct pending *next;
    struct reply_to to;
    uint64_t client;
    uint32_t count;
};

/*
 * One call at a time goes to the token, and between two of them signatures do: any client may ask
 * for random octets, as often as it likes, and must not keep others from signing.
 */
struct randoms {
    struct keeper *keeper;
    struct ps_defer *next;
    struct pending *first; /* waits longest */
    struct pending *last;
    size_t count;
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
    PS_TRY(ps_defer_new(keeper->loop, on_next, randoms, &randoms->next));
    *ret_randoms = randoms;
    randoms = NULL;
    return PS_OK;
}

static struct pending *take_first(struct randoms *randoms)
{
    struct pending *pending = randoms->first;

    if (pending == NULL) {
        return NULL;
    }
    randoms->first = pending->next;
    if (randoms->first == NULL) {
        randoms->last = NULL;
    }
    randoms->count--;
    return pending;
}

void randoms_free(struct randoms *randoms)
{
    struct pending *pending;

    if (randoms == NULL) {
        return;
    }
    while ((pending = take_first(randoms)) != NULL) {
        free(pending);
    }
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
    if (randoms->first != NULL) {
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
    struct pending *pending = randoms->current == NULL ? take_first(randoms) : NULL;
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

/* One client has half of the places at most. */
static bool has_room(const struct randoms *randoms, uint64_t client)
{
    size_t own = 0;

    for (const struct pending *at = randoms->first; at != NULL; at = at->next) {
        own += at->client == client ? 1 : 0;
    }
    return randoms->count < WAITING_MAX && own < WAITING_MAX / 2;
}

void read_answer_random(struct keeper *keeper, const struct reply_to *to,
                        const struct msg_random *message)
{
    struct randoms *randoms = keeper->randoms;
    uint64_t client = 0;
    struct problem_answer refusal = {0};
    struct pending *pending;

    if (!may_read(keeper, to, message, &client, &refusal)) {
        answer_problem(to, &refusal);
        return;
    }
    pending = has_room(randoms, client) ? malloc(sizeof *pending) : NULL;
    if (pending == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    *pending = (struct pending){.to = *to, .client = client, .count = message->count};
    if (randoms->last == NULL) {
        randoms->first = pending;
    } else {
        randoms->last->next = pending;
    }
    randoms->last = pending;
    randoms->count++;
    ps_defer_arm(randoms->next);
}
