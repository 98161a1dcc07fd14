#include "keystore/tokens/internal.h"

#include "lib/base/clock.h"

#include <stdlib.h>
#include <unistd.h>

enum { NO_SLOT = SLOTS };

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd);
static void on_end(void *context, struct channel *channel, enum ps_err why);
static void on_channel_room(void *context, struct channel *channel);

static const struct channel_handler channel_calls = {
    .on_message = on_message,
    .on_end = on_end,
    .on_room = on_channel_room,
};

void token_text_set(struct token_text *text, struct ps_bytes octets)
{
    text->len = octets.len < sizeof text->octets ? octets.len : sizeof text->octets;
    if (text->len != 0) {
        memcpy(text->octets, octets.data, text->len);
    }
}

enum ps_err process_new(struct token *token, uint32_t number, int fd,
                        struct token_process **ret_process)
{
    struct token_process *process = calloc(1, sizeof *process);
    enum ps_err err;

    if (process == NULL) {
        (void)close(fd);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    token->epoch = ++token->tokens->epochs;
    process->token = token;
    process->number = number;
    process->state = TOKEN_STARTING;
    process->sessions = 1;
    process->oldest = process->newest = NO_SLOT;
    ps_buf_init(&process->calls, TOKEN_CALLS_MAX);
    for (uint16_t i = 0; i < SLOTS; i++) {
        process->slots[i].next_free = (uint16_t)(i + 1);
    }
    err = channel_new(token->tokens->loop, fd, &token_set, IPC_CLIENT, &channel_calls, process,
                      &process->channel);
    if (err != PS_OK) {
        free(process);
        return err;
    }
    *ret_process = process;
    return PS_OK;
}

void process_free(struct token_process *process)
{
    if (process == NULL) {
        return;
    }
    channel_free(process->channel);
    ps_buf_clear(&process->calls);
    free(process);
}

bool process_has_room(const struct token_process *process, uint32_t cost, bool is_wide)
{
    size_t window = 2 * (size_t)process->sessions;
    const size_t least = window;
    const size_t usual = is_wide ? WINDOW_WIDE : WINDOW_LEAST;

    window = window < usual ? usual : window;
    window = window > WINDOW_MOST ? WINDOW_MOST : window;
    if (process->state != TOKEN_READY || process->signing >= window) {
        return false;
    }
    /* Few dear ones rather than many: what comes behind them must not wait long. */
    return process->signing < least ||
           process->signing_cost + cost <= COST_A_SESSION * process->sessions;
}

/* The id tells the slot, and by its sequence that the answer is not one to an earlier call. */
static uint64_t id_of(const struct token_process *process, const struct slot *slot)
{
    return (uint64_t)slot->sequence << 16 | (uint64_t)(slot - process->slots + 1);
}

static void link_newest(struct token_process *process, struct slot *slot)
{
    const uint16_t at = (uint16_t)(slot - process->slots);

    slot->older = process->newest;
    slot->newer = NO_SLOT;
    if (process->newest == NO_SLOT) {
        process->oldest = at;
        process->oldest_ns = ps_clock_mono_ns();
    } else {
        process->slots[process->newest].newer = at;
    }
    process->newest = at;
}

static void unlink_slot(struct token_process *process, const struct slot *slot)
{
    if (slot->newer == NO_SLOT) {
        process->newest = slot->older;
    } else {
        process->slots[slot->newer].older = slot->older;
    }
    if (slot->older == NO_SLOT) {
        process->oldest = slot->newer;
        process->oldest_ns = ps_clock_mono_ns();
    } else {
        process->slots[slot->older].newer = slot->newer;
    }
}

enum ps_err process_call(struct token_process *process, const struct ipc_message *info,
                         const void *message, uint32_t cost, uint64_t limit_ns, token_answer_fn *fn,
                         void *context)
{
    struct slot *slot;

    if (process->channel == NULL || process->first_free == NO_SLOT) {
        return ps_fail(PS_E_BUSY, 0, "no room at the token process");
    }
    slot = &process->slots[process->first_free];
    slot->sequence++;
    PS_TRY(channel_send(process->channel, info, id_of(process, slot), message));
    process->first_free = slot->next_free;
    slot->fn = fn;
    slot->context = context;
    slot->cost = cost;
    slot->limit_ns = limit_ns;
    link_newest(process, slot);
    process->in_flight++;
    if (cost != 0) {
        process->signing++;
        process->signing_cost += cost;
    }
    return PS_OK;
}

/* Frees the slot and gives what stood in it. */
static struct slot take_slot(struct token_process *process, struct slot *slot)
{
    const struct slot taken = *slot;

    unlink_slot(process, slot);
    slot->fn = NULL;
    slot->next_free = process->first_free;
    process->first_free = (uint16_t)(slot - process->slots);
    process->in_flight--;
    if (taken.cost != 0) {
        process->signing--;
        process->signing_cost -= taken.cost;
    }
    return taken;
}

/* Of those in flight now: one that was answered gives no more time to those behind it. */
static uint64_t longest_limit(const struct token_process *process)
{
    uint64_t longest = 0;

    for (size_t i = 0; i < SLOTS; i++) {
        const struct slot *slot = &process->slots[i];

        longest = slot->fn != NULL && slot->limit_ns > longest ? slot->limit_ns : longest;
    }
    return longest;
}

bool process_is_overdue(const struct token_process *process, uint64_t now_ns)
{
    /* A call that began after this look at the clock is not old. */
    return process->channel != NULL && process->in_flight != 0 && now_ns > process->oldest_ns &&
           now_ns - process->oldest_ns > longest_limit(process);
}

static void tell_room(struct token_process *process)
{
    struct token *token = process->token;

    if (process->was_full) {
        process->was_full = false;
        token->tokens->handler->on_room(token->tokens->context, token);
    }
}

void process_end(struct token_process *process)
{
    const struct token_answer gone = {.outcome = TOKEN_GONE, .process = process};

    channel_free(process->channel);
    process->channel = NULL;
    process->token->epoch = ++process->token->tokens->epochs;
    process->state = TOKEN_ABSENT;
    token_text_set(&process->texts.reason, ps_bytes_str("process-ended"));
    for (size_t i = 0; i < SLOTS; i++) {
        if (process->slots[i].fn != NULL) {
            const struct slot taken = take_slot(process, &process->slots[i]);

            taken.fn(taken.context, &gone);
        }
    }
}

static void take_state(struct token_process *process, const struct msg_token_state *notice)
{
    struct token_texts *texts = &process->texts;

    process->state = notice->state > TOKEN_FOREIGN ? TOKEN_ABSENT : (enum token_state)notice->state;
    process->has_spoken = true;
    if (process->generation != notice->generation) {
        process->token->epoch = ++process->token->tokens->epochs;
    }
    process->generation = notice->generation;
    process->sessions = notice->sessions == 0 ? 1 : notice->sessions;
    process->sessions = process->sessions > WINDOW_MOST ? WINDOW_MOST : process->sessions;
    process->reconnects = notice->reconnects;
    process->wrappable = notice->wrappable;
    token_text_set(&texts->reason, notice->reason);
    token_text_set(&texts->label, notice->label);
    token_text_set(&texts->serial, notice->serial);
    token_text_set(&texts->manufacturer, notice->manufacturer);
    token_text_set(&texts->model, notice->model);
    token_text_set(&texts->firmware, notice->firmware);
    token_text_set(&texts->profile, notice->profile);
}

static void on_state(struct token_process *process, const struct msg_token_state *notice)
{
    struct token *token = process->token;

    take_state(process, notice);
    login_where_due(token);
    token->tokens->handler->on_change(token->tokens->context, token);
    if (process->state == TOKEN_READY) {
        token->tokens->handler->on_room(token->tokens->context, token);
    }
}

static enum ps_err find_slot(struct token_process *process, uint64_t id, struct slot **ret_slot)
{
    const uint64_t number = id & 0xffff;
    struct slot *slot;

    if (number == 0 || number > SLOTS) {
        return ps_fail(PS_E_INPUT, 0, "an answer to nothing");
    }
    slot = &process->slots[number - 1];
    if (slot->fn == NULL || id_of(process, slot) != id) {
        return ps_fail(PS_E_INPUT, 0, "an answer to nothing");
    }
    *ret_slot = slot;
    return PS_OK;
}

/* They are kept until that answer; a process tells of one request at a time. */
static enum ps_err on_calls(struct token_process *process, const struct msg_token_calls *notice)
{
    struct slot *slot = NULL;

    PS_TRY(find_slot(process, notice->request, &slot));
    ps_buf_reset(&process->calls);
    ps_buf_put(&process->calls, notice->calls);
    process->calls_id = notice->request;
    process->calls_left_out = notice->left_out;
    return ps_buf_status(&process->calls);
}

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd)
{
    struct token_process *process = context;
    struct token_answer answer = {.process = process, .info = info, .message = message};
    struct token_calls calls = {.rows = ps_buf_bytes(&process->calls),
                                .left_out = process->calls_left_out};
    struct slot *slot = NULL;
    struct slot taken;

    (void)channel;
    (void)fd;
    if (info == &msg_token_state_info) {
        on_state(process, message);
        return PS_OK;
    }
    if (info == &msg_token_calls_info) {
        return on_calls(process, message);
    }
    PS_TRY(find_slot(process, id, &slot));
    taken = take_slot(process, slot);
    if (info == &msg_problem_info) {
        answer.outcome = TOKEN_REFUSED;
        answer.problem = message;
    }
    answer.calls = process->calls_id == id ? &calls : NULL;
    taken.fn(taken.context, &answer);
    tell_room(process);
    return PS_OK;
}

static void on_end(void *context, struct channel *channel, enum ps_err why)
{
    struct token_process *process = context;
    struct token *token = process->token;
    const struct tokens_handler *handler = token->tokens->handler;

    (void)channel;
    process_end(process);
    if (why != PS_OK) {
        /* It said what no process of ours says: it may still run, and has to be replaced. */
        handler->on_hung(token->tokens->context, token, process->number, "malformed");
    }
    login_where_due(token);
    handler->on_change(token->tokens->context, token);
}

static void on_channel_room(void *context, struct channel *channel)
{
    struct token_process *process = context;

    (void)channel;
    process->was_full = true;
    tell_room(process);
}
