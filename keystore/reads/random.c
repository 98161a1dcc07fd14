#include "keystore/reads/internal.h"

#include "keystore/state.h"

#include <stdlib.h>

/* Random octets, from the token. */

#define RANDOM_MAX 4096u

struct pending {
    struct reply_to to;
    uint32_t count;
};

static void on_random(void *context, const struct token_answer *answer)
{
    struct pending *pending = context;
    const struct msg_token_octets *message = answer->message;

    if (answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_octets_info &&
        message->octets.len == pending->count) {
        answer_send(&pending->to, &msg_octets_info,
                    &(struct msg_octets){.octets = message->octets});
    } else {
        answer_problem(&pending->to,
                       &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE});
    }
    free(pending);
}

static struct problem_answer may_read(struct keeper *keeper, const struct reply_to *to,
                                      const struct msg_random *message)
{
    const enum ps_problem problem = state_refuses_use(keeper);
    const struct question question = {.role = to->peer->role, .caller = &message->caller};
    struct authority authority;

    if (problem != PS_PROBLEM_NONE) {
        return (struct problem_answer){.problem = problem};
    }
    if (message->count == 0 || message->count > RANDOM_MAX) {
        return (struct problem_answer){.problem = PS_PROBLEM_MALFORMED};
    }
    authority = authority_decide_request(keeper, &question, message->request_id);
    return (struct problem_answer){.problem = authority.problem,
                                   .retry_after_s = authority.retry_after_s,
                                   .detail = authority.text};
}

void read_answer_random(struct keeper *keeper, const struct reply_to *to,
                        const struct msg_random *message)
{
    const struct msg_token_random ask = {.count = message->count};
    struct token *token = keeper_main_token(keeper);
    const struct problem_answer refusal = may_read(keeper, to, message);
    struct pending *pending;

    if (refusal.problem != PS_PROBLEM_NONE) {
        answer_problem(to, &refusal);
        return;
    }
    pending = token == NULL ? NULL : malloc(sizeof *pending);
    if (pending != NULL) {
        *pending = (struct pending){.to = *to, .count = message->count};
        if (tokens_call(token, &msg_token_random_info, &ask, 0, on_random, pending) == PS_OK) {
            return;
        }
        free(pending);
    }
    answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_TOKEN_UNAVAILABLE});
}
