#include "api/keeper.h"

#include "api/internal.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <assert.h>
#include <stdlib.h>

#define NO_CALL UINT32_MAX

/* More calls than this at the same time are refused, however few requests they belong to. */
#define CALLS_MAX (1u << 18)

struct call {
    struct exchange *exchange; /* NULL: the slot is free */
    keeper_answer_fn *fn;
    const struct ipc_message *expect;
    uint32_t item;
    uint32_t generation; /* tells this use of the slot from earlier ones */
    uint32_t next;       /* of the same exchange, or the next free slot */
    uint32_t previous;
};

struct keeper {
    struct ps_loop *loop;
    struct channel *channel;
    enum appliance_state state;
    struct ps_buf ready;
    bool is_ready;
    struct json *json;
    struct call *calls;
    uint32_t call_count;
    uint32_t free_call;
    uint32_t in_flight;
    uint32_t in_flight_max;
    struct exchange *first;
    struct exchange *last;
    struct ps_timer *timer;
    uint64_t timer_ns; /* what it is set to; UINT64_MAX: not set */
};

static void on_timer(void *context);

enum ps_err keeper_new(struct ps_loop *loop, struct json *json, uint32_t in_flight_max,
                       struct keeper **ret_keeper)
{
    PS_CLEANUP(keeper_free_cleanup) struct keeper *keeper = calloc(1, sizeof *keeper);

    if (keeper == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    keeper->loop = loop;
    keeper->json = json;
    keeper->in_flight_max = in_flight_max;
    keeper->free_call = NO_CALL;
    keeper->timer_ns = UINT64_MAX;
    ps_buf_init(&keeper->ready, 16 * 1024);
    PS_TRY(ps_timer_new(loop, on_timer, keeper, &keeper->timer));
    *ret_keeper = keeper;
    keeper = NULL;
    return PS_OK;
}

void keeper_free(struct keeper *keeper)
{
    if (keeper == NULL) {
        return;
    }
    channel_free(keeper->channel);
    ps_timer_free(keeper->timer);
    ps_buf_clear(&keeper->ready);
    free(keeper->calls);
    free(keeper);
}

static void list_remove(struct keeper *keeper, struct exchange *exchange)
{
    if (exchange->previous != NULL) {
        exchange->previous->next = exchange->next;
    } else {
        keeper->first = exchange->next;
    }
    if (exchange->next != NULL) {
        exchange->next->previous = exchange->previous;
    } else {
        keeper->last = exchange->previous;
    }
    keeper->in_flight--;
}

/* Sorted by deadline; nearly all have the same span, so that the place is at the end. */
static void list_add(struct keeper *keeper, struct exchange *exchange)
{
    struct exchange *before = keeper->last;

    while (before != NULL && before->deadline_ns > exchange->deadline_ns) {
        before = before->previous;
    }
    exchange->previous = before;
    exchange->next = before == NULL ? keeper->first : before->next;
    if (exchange->next != NULL) {
        exchange->next->previous = exchange;
    } else {
        keeper->last = exchange;
    }
    if (before != NULL) {
        before->next = exchange;
    } else {
        keeper->first = exchange;
    }
    keeper->in_flight++;
}

static enum ps_err more_calls(struct keeper *keeper)
{
    const uint32_t count = keeper->call_count == 0 ? 64 : keeper->call_count * 2;
    struct call *calls;

    if (count > CALLS_MAX) {
        return ps_fail(PS_E_BUSY, 0, "too many calls wait for the keeper");
    }
    calls = realloc(keeper->calls, count * sizeof *calls);
    if (calls == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (uint32_t i = count; i > keeper->call_count; i--) {
        calls[i - 1] = (struct call){.next = keeper->free_call};
        keeper->free_call = i - 1;
    }
    keeper->calls = calls;
    keeper->call_count = count;
    return PS_OK;
}

static enum ps_err take_call(struct keeper *keeper, struct exchange *exchange,
                             const struct keeper_call *wanted, uint32_t *ret_slot)
{
    struct call *call;
    uint32_t slot;

    if (keeper->free_call == NO_CALL) {
        PS_TRY(more_calls(keeper));
    }
    slot = keeper->free_call;
    call = &keeper->calls[slot];
    keeper->free_call = call->next;
    call->exchange = exchange;
    call->fn = wanted->fn;
    call->expect = wanted->expect;
    call->item = wanted->item;
    call->generation++;
    call->previous = NO_CALL;
    call->next = exchange->first_call;
    if (call->next != NO_CALL) {
        keeper->calls[call->next].previous = slot;
    }
    exchange->first_call = slot;
    *ret_slot = slot;
    return PS_OK;
}

static void release_call(struct keeper *keeper, uint32_t slot)
{
    struct call *call = &keeper->calls[slot];

    if (call->previous != NO_CALL) {
        keeper->calls[call->previous].next = call->next;
    } else {
        call->exchange->first_call = call->next;
    }
    if (call->next != NO_CALL) {
        keeper->calls[call->next].previous = call->previous;
    }
    call->exchange = NULL;
    call->next = keeper->free_call;
    keeper->free_call = slot;
}

/* Before the last answer is handed on: the exchange is over with it. */
static void count_down(struct keeper *keeper, struct exchange *exchange)
{
    assert(exchange->calls_left != 0);
    if (--exchange->calls_left == 0) {
        list_remove(keeper, exchange);
    }
}

static void deliver(struct keeper *keeper, uint32_t slot, const struct ipc_message *info,
                    const void *message)
{
    const struct call call = keeper->calls[slot];

    assert(call.exchange != NULL);
    release_call(keeper, slot);
    count_down(keeper, call.exchange);
    call.fn(call.exchange, call.item, info, message);
}

static struct msg_problem lost(enum ps_problem problem)
{
    return (struct msg_problem){.problem = (uint16_t)problem,
                                .retry_after_s = ps_problem_wait_s(problem)};
}

static void fail_calls(struct keeper *keeper, struct exchange *exchange, enum ps_problem problem)
{
    const struct msg_problem message = lost(problem);

    for (uint32_t left = exchange->calls_left; left != 0; left--) {
        deliver(keeper, exchange->first_call, &msg_problem_info, &message);
    }
}

void keeper_fail_all(struct keeper *keeper, enum ps_problem problem)
{
    while (keeper->first != NULL) {
        fail_calls(keeper, keeper->first, problem);
    }
}

static void set_timer(struct keeper *keeper, uint64_t when_ns)
{
    keeper->timer_ns = when_ns;
    if (when_ns == UINT64_MAX) {
        ps_timer_unset(keeper->timer);
    } else {
        ps_timer_set(keeper->timer, when_ns);
    }
}

static void on_timer(void *context)
{
    struct keeper *keeper = context;
    const uint64_t now = ps_clock_mono_ns();

    while (keeper->first != NULL && keeper->first->deadline_ns <= now) {
        fail_calls(keeper, keeper->first, PS_PROBLEM_KEEPER_UNAVAILABLE);
    }
    set_timer(keeper, keeper->first == NULL ? UINT64_MAX : keeper->first->deadline_ns);
}

static bool says_ready(const struct keeper *keeper)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct json_value root;
    struct json_value ready;

    return json_parse(keeper->json, ps_buf_bytes(&keeper->ready), &limits, &root) == PS_OK &&
           json_type(root) == JSON_OBJECT && json_member(root, "ready", &ready) &&
           json_type(ready) == JSON_TRUE;
}

static void forget_state(struct keeper *keeper)
{
    keeper->state = APPLIANCE_STARTING;
    keeper->is_ready = false;
    ps_buf_reset(&keeper->ready);
}

static enum ps_err take_state(struct keeper *keeper, const struct msg_appliance_state *message)
{
    if (message->state > APPLIANCE_FAILED) {
        return ps_fail(PS_E_INPUT, 0, "a state that does not exist");
    }
    keeper->state = (enum appliance_state)message->state;
    ps_buf_reset(&keeper->ready);
    ps_buf_put(&keeper->ready, message->ready);
    PS_TRY(ps_buf_status(&keeper->ready));
    keeper->is_ready = says_ready(keeper);
    return PS_OK;
}

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd)
{
    struct keeper *keeper = context;
    const uint32_t slot = (uint32_t)id - 1;
    const struct call *call;

    (void)channel;
    (void)fd;
    if (info == &msg_appliance_state_info) {
        return take_state(keeper, message);
    }
    if (slot >= keeper->call_count) {
        return ps_fail(PS_E_INPUT, 0, "an answer to nothing");
    }
    call = &keeper->calls[slot];
    if (call->exchange == NULL || call->generation != (uint32_t)(id >> 32)) {
        return PS_OK; /* it came after its deadline */
    }
    if (info != call->expect && info != &msg_problem_info) {
        return ps_fail(PS_E_INPUT, 0, "%s where %s was expected", info->name, call->expect->name);
    }
    deliver(keeper, slot, info, message);
    return PS_OK;
}

static void on_end(void *context, struct channel *channel, enum ps_err why)
{
    struct keeper *keeper = context;

    ps_line(PS_WARNING, "keeper_gone", PS_STR("why", why == PS_OK ? "closed" : ps_detail()->text));
    assert(channel == keeper->channel);
    keeper->channel = NULL;
    forget_state(keeper);
    channel_free(channel);
    keeper_fail_all(keeper, PS_PROBLEM_KEEPER_UNAVAILABLE);
}

static const struct channel_handler handler = {.on_message = on_message, .on_end = on_end};

enum ps_err keeper_connect(struct keeper *keeper, int fd)
{
    struct channel *channel;

    PS_TRY(channel_new(keeper->loop, fd, &keeper_set, IPC_CLIENT, &handler, keeper, &channel));
    channel_free(keeper->channel);
    keeper->channel = channel;
    forget_state(keeper);
    keeper_fail_all(keeper, PS_PROBLEM_KEEPER_UNAVAILABLE);
    return PS_OK;
}

bool keeper_is_connected(const struct keeper *keeper)
{
    return keeper->channel != NULL;
}

enum appliance_state keeper_state(const struct keeper *keeper)
{
    return keeper->state;
}

struct ps_bytes keeper_ready(const struct keeper *keeper)
{
    return ps_buf_bytes(&keeper->ready);
}

bool keeper_is_ready(const struct keeper *keeper)
{
    return keeper->is_ready;
}

enum ps_err keeper_begin(struct keeper *keeper, struct exchange *exchange, uint32_t calls)
{
    if (keeper->in_flight >= keeper->in_flight_max) {
        return ps_fail(PS_E_BUSY, 0, "too many requests wait for the keeper");
    }
    exchange->calls_left = calls;
    exchange->first_call = NO_CALL;
    exchange->deadline_ns = ps_clock_mono_ns() + exchange->match.route->deadline_ms * PS_NS_PER_MS;
    list_add(keeper, exchange);
    if (exchange->deadline_ns < keeper->timer_ns) {
        set_timer(keeper, exchange->deadline_ns);
    }
    return PS_OK;
}

void keeper_skip(struct keeper *keeper, struct exchange *exchange)
{
    count_down(keeper, exchange);
}

static enum ps_err send_call(struct keeper *keeper, uint32_t slot, const struct keeper_call *call)
{
    const uint64_t id = (uint64_t)keeper->calls[slot].generation << 32 | (slot + 1);

    if (keeper->channel == NULL) {
        return ps_fail(PS_E_STATE, 0, "there is no keeper");
    }
    return channel_send(keeper->channel, call->ask, id, call->message);
}

void keeper_ask(struct keeper *keeper, struct exchange *exchange, const struct keeper_call *call)
{
    struct msg_problem problem = {0};
    uint32_t slot;
    enum ps_err err = take_call(keeper, exchange, call, &slot);

    if (err != PS_OK) {
        problem = lost(PS_PROBLEM_OVERLOADED);
        count_down(keeper, exchange);
        call->fn(exchange, call->item, &msg_problem_info, &problem);
        return;
    }
    err = send_call(keeper, slot, call);
    if (err != PS_OK) {
        problem = lost(err == PS_E_STATE   ? PS_PROBLEM_KEEPER_UNAVAILABLE
                       : err == PS_E_INPUT ? PS_PROBLEM_TOO_LARGE
                                           : PS_PROBLEM_OVERLOADED);
        deliver(keeper, slot, &msg_problem_info, &problem);
    }
}

void keeper_tell(struct keeper *keeper, const struct ipc_message *info, const void *message)
{
    /* A notice that cannot be sent is followed by another a second later. */
    const enum ps_err err =
        keeper->channel == NULL ? PS_OK : channel_send(keeper->channel, info, 0, message);

    (void)err;
}
