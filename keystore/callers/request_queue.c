#include "keystore/callers/request_queue.h"

#include "keystore/answer.h"
#include "keystore/callers/authority.h"
#include "keystore/queue.h"
#include "lib/ipc/frame.h"

#include <stdlib.h>

struct request_queue {
    struct keeper *keeper;
    struct queue *queue;
    struct ps_idle *turn;
    struct waiting *current; /* is being done */
};

struct waiting {
    struct queue_item item;
    struct reply_to to;
    const struct request_type *type;
    struct ps_buf payload;
    void *state; /* of one that was begun, and what frees it */
    void (*clear)(void *state);
    bool was_begun;
};

static void on_turn(void *context);

enum ps_err request_queue_new(struct keeper *keeper, struct request_queue **ret_queue)
{
    PS_CLEANUP(request_queue_free_cleanup)
    struct request_queue *queue = calloc(1, sizeof *queue);

    if (queue == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    queue->keeper = keeper;
    PS_TRY(queue_new(keeper->config->queue_max, &queue->queue));
    PS_TRY(ps_idle_new(keeper->loop, on_turn, queue, &queue->turn));
    *ret_queue = queue;
    queue = NULL;
    return PS_OK;
}

static void free_waiting(struct waiting *waiting)
{
    if (waiting->state != NULL) {
        waiting->clear(waiting->state);
    }
    ps_buf_clear(&waiting->payload);
    free(waiting);
}

void request_queue_free(struct request_queue *queue)
{
    struct queue_item *item;

    if (queue == NULL) {
        return;
    }
    while (queue->queue != NULL && (item = queue_pop(queue->queue)) != NULL) {
        free_waiting((struct waiting *)item);
    }
    ps_idle_free(queue->turn);
    queue_free(queue->queue);
    free(queue);
}

static void refuse(const struct reply_to *to)
{
    answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED,
                                                .detail = "too many requests wait"});
}

/* Who is not registered stands in the line of all such. Whether it may is decided in its turn. */
static uint64_t client_of(const struct keeper *keeper, const struct reply_to *to,
                          const struct msg_caller *caller)
{
    enum access_rule rule;
    const struct access_client *client =
        access_resolve(keeper->access, authority_listener(to->peer->role), caller, &rule);

    return client == NULL ? 0 : access_client_number(client);
}

static enum ps_err wait(struct request_queue *queue, struct waiting *waiting, const void *message)
{
    waiting->payload = PS_BUF_SECRET(IPC_FRAME_MAX);
    PS_TRY(ipc_encode(waiting->type->info, message, &waiting->payload));
    return queue_push(queue->queue, &waiting->item);
}

void request_queue_add(struct request_queue *queue, const struct reply_to *to,
                       const struct request_type *type, const void *message)
{
    struct waiting *waiting = malloc(sizeof *waiting);

    if (waiting == NULL) {
        refuse(to);
        return;
    }
    *waiting = (struct waiting){.item = {.client = client_of(queue->keeper, to, message),
                                         .arrived_ns = ps_clock_mono_ns(),
                                         .cost = QUEUE_QUANTUM,
                                         .class = (uint8_t)type->info->type},
                                .to = *to,
                                .type = type};
    if (wait(queue, waiting, message) != PS_OK) {
        free_waiting(waiting);
        refuse(to);
        return;
    }
    ps_idle_arm(queue->turn);
}

void request_queue_go_on(struct request_queue *queue, void *state, void (*clear)(void *state))
{
    queue->current->state = state;
    queue->current->clear = clear;
}

void *request_queue_take_state(struct request_queue *queue)
{
    void *state = queue->current->state;

    queue->current->state = NULL;
    return state;
}

bool request_queue_is_first(const struct request_queue *queue)
{
    return !queue->current->was_begun;
}

static void do_request(struct request_queue *queue, struct waiting *waiting)
{
    _Alignas(max_align_t) uint8_t message[IPC_STRUCT_MAX];

    if (ipc_decode(waiting->type->info, ps_buf_bytes(&waiting->payload), message) != PS_OK) {
        answer_error(&waiting->to, PS_E_INTERNAL); /* it was encoded here */
        return;
    }
    queue->current = waiting;
    waiting->type->fn(queue->keeper, &waiting->to, message);
    waiting->was_begun = true;
    queue->current = NULL;
}

/* Does it, unless nobody waits for it or it came too long ago; false: that cost nothing. */
static bool take(struct request_queue *queue, struct waiting *waiting)
{
    const uint64_t patience_ns = (uint64_t)queue->keeper->config->request_timeout_ms * PS_NS_PER_MS;

    if (!answer_is_wanted(&waiting->to)) {
        return false;
    }
    if (ps_clock_mono_ns() - waiting->item.arrived_ns > patience_ns) {
        refuse(&waiting->to);
        return false;
    }
    do_request(queue, waiting);
    return true;
}

/* One that goes on takes its turns with those of others. */
static void put_away(struct request_queue *queue, struct waiting *waiting, bool is_done)
{
    const bool goes_on = is_done && waiting->state != NULL;

    if (goes_on && queue_return(queue->queue, &waiting->item) == PS_OK) {
        return;
    }
    if (goes_on) {
        refuse(&waiting->to);
    }
    free_waiting(waiting);
}

static void on_turn(void *context)
{
    struct request_queue *queue = context;
    struct queue_item *item;
    bool is_done = false;

    while (!is_done && (item = queue_pop(queue->queue)) != NULL) {
        is_done = take(queue, (struct waiting *)item);
        put_away(queue, (struct waiting *)item, is_done);
    }
    if (queue_count(queue->queue) != 0) {
        ps_idle_arm(queue->turn);
    }
}

size_t request_queue_count(const struct request_queue *queue)
{
    return queue_count(queue->queue);
}
