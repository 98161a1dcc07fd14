#include "keystore/tokens/internal.h"

#include "lib/base/clock.h"

#include <stdlib.h>

/* As long as the longest call that an earlier keeper may have left behind. */
#define QUIET_LIMIT_NS (200 * PS_NS_PER_S)
struct ps_bytes tokens_name(const struct token *token)
{
    return ps_bytes(token->name_octets, token->name_len);
}

void *tokens_data(const struct token *token)
{
    return token->data;
}

void tokens_set_data(struct token *token, void *data)
{
    token->data = data;
}

void tokens_approve(struct token *token, struct ps_bytes serial, struct ps_bytes module_hash)
{
    token->is_approved = true;
    token_text_set(&token->approved_serial, serial);
    token_text_set(&token->approved_hash, module_hash);
    login_where_due(token);
}

void tokens_withdraw_approval(struct token *token)
{
    token->is_approved = false;
}

void tokens_set_pin_refused(struct token *token, bool refused)
{
    token->pin_refused = refused;
    token->pin_is_new = !refused;
    login_where_due(token);
}

bool tokens_pin_refused(const struct token *token)
{
    return token->pin_refused;
}

static struct ps_bytes secret_or_empty(const struct ps_secret *secret)
{
    return secret == NULL ? ps_bytes(NULL, 0) : ps_secret_bytes(secret);
}

struct ps_bytes tokens_pin(const struct token *token)
{
    return secret_or_empty(token->pin);
}

struct ps_bytes tokens_so_pin(const struct token *token)
{
    return secret_or_empty(token->so_pin);
}

bool tokens_is_ready(const struct token *token)
{
    return tokens_state(token) == TOKEN_READY;
}

enum token_state tokens_state(const struct token *token)
{
    /* From the least to the most useful, for a person who asks how the token is. */
    static const int rank[] = {
        [TOKEN_ABSENT] = 0,    [TOKEN_STARTING] = 1,    [TOKEN_FOREIGN] = 2, [TOKEN_BLANK] = 3,
        [TOKEN_WRONG_PIN] = 4, [TOKEN_NEEDS_LOGIN] = 5, [TOKEN_READY] = 6,
    };
    enum token_state best = TOKEN_ABSENT;

    for (size_t i = 0; i < token->process_count; i++) {
        const enum token_state state = token->processes[i]->state;

        best = rank[state] > rank[best] ? state : best;
    }
    return best;
}

size_t tokens_waiting(const struct token *token)
{
    size_t count = 0;

    for (size_t i = 0; i < token->process_count; i++) {
        count += token->processes[i]->in_flight;
    }
    return count;
}

static struct token_process *least_busy(const struct token *token, enum token_state state)
{
    struct token_process *best = NULL;

    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (process->state == state && process->channel != NULL &&
            (best == NULL || process->in_flight < best->in_flight)) {
            best = process;
        }
    }
    return best;
}

enum ps_err tokens_call_in_state(struct token *token, enum token_state state,
                                 const struct ipc_message *info, const void *message,
                                 token_answer_fn *fn, void *context)
{
    struct token_process *process = least_busy(token, state);

    if (process == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "token %.*s is not %s", PS_BYTES_FMT(tokens_name(token)),
                       token_state_name(state));
    }
    return process_call(process, info, message, 0, 10 * token->tokens->timeout_ns, fn, context);
}

static struct token_process *at_place(const struct token_place *place)
{
    const struct token *token = place->token;

    if (!place->is_known) {
        return least_busy(token, TOKEN_READY);
    }
    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (process->number == place->number) {
            return process->state == TOKEN_READY && process->channel != NULL ? process : NULL;
        }
    }
    return NULL;
}

enum ps_err tokens_call_at(const struct token_place *place, const struct ipc_message *info,
                           const void *message, uint32_t limit_ms, token_answer_fn *fn,
                           void *context)
{
    struct token *token = place->token;
    struct token_process *process = at_place(place);
    const uint64_t limit_ns = (uint64_t)limit_ms * PS_NS_PER_MS;

    if (process == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "token %.*s is away", PS_BYTES_FMT(tokens_name(token)));
    }
    return process_call(process, info, message, 0,
                        limit_ns > token->tokens->timeout_ns ? limit_ns : token->tokens->timeout_ns,
                        fn, context);
}

enum ps_err tokens_call(struct token *token, const struct ipc_message *info, const void *message,
                        uint32_t limit_ms, token_answer_fn *fn, void *context)
{
    const struct token_place anywhere = {.token = token};

    return tokens_call_at(&anywhere, info, message, limit_ms, fn, context);
}

/*
 * The cheapest to wait for; one with a call that is no signature (making an RSA key takes seconds)
 * only when it has more sessions than such calls.
 */
static struct token_process *process_for(struct token *token, uint32_t cost,
                                         const struct token_process *avoid)
{
    struct token_process *best = NULL;

    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (!process_has_room(process, cost) ||
            process->in_flight - process->signing >= process->sessions) {
            process->was_full = process->state == TOKEN_READY;
            continue;
        }
        if (best == NULL || best == avoid ||
            (process != avoid &&
             process->signing_cost * best->sessions < best->signing_cost * process->sessions)) {
            best = process;
        }
    }
    return best;
}

bool tokens_has_room(struct token *token, uint32_t cost)
{
    return process_for(token, cost, NULL) != NULL;
}

enum ps_err tokens_sign(struct token *token, const struct msg_token_sign *message, uint32_t cost,
                        const struct token_process *avoid, token_answer_fn *fn, void *context)
{
    struct token_process *process = process_for(token, cost, avoid);
    enum ps_err err;

    if (process == NULL) {
        return ps_fail(PS_E_BUSY, 0, "no process of the token has room");
    }
    err = process_call(process, &msg_token_sign_info, message, cost, token->tokens->timeout_ns, fn,
                       context);
    process->was_full = err == PS_E_BUSY || process->was_full;
    return err;
}

void tokens_condemn(struct token_process *process, const char *why)
{
    struct token *token = process->token;
    const struct tokens_handler *handler = token->tokens->handler;

    if (process->channel == NULL) {
        return;
    }
    process_end(process);
    handler->on_hung(token->tokens->context, token, process->number, why);
    handler->on_change(token->tokens->context, token);
}

void tokens_condemn_number(struct token *token, uint32_t number, const char *why)
{
    for (size_t i = 0; i < token->process_count; i++) {
        if (token->processes[i]->number == number) {
            tokens_condemn(token->processes[i], why);
            return;
        }
    }
}

bool tokens_view(const struct token *token, size_t index, struct token_view *ret_view)
{
    const struct token_process *process;

    if (index >= token->process_count) {
        return false;
    }
    process = token->processes[index];
    *ret_view = (struct token_view){
        .number = process->number,
        .state = process->state,
        .generation = process->generation,
        .sessions = process->sessions,
        .reconnects = process->reconnects,
        .in_flight = process->in_flight,
        .reason = token_text_bytes(&process->texts.reason),
        .label = token_text_bytes(&process->texts.label),
        .serial = token_text_bytes(&process->texts.serial),
        .manufacturer = token_text_bytes(&process->texts.manufacturer),
        .model = token_text_bytes(&process->texts.model),
        .firmware = token_text_bytes(&process->texts.firmware),
        .profile = token_text_bytes(&process->texts.profile),
        .module_hash = token_text_bytes(&process->texts.module_hash),
    };
    return true;
}

uint32_t tokens_process_number(const struct token_process *process)
{
    return process->number;
}

struct token *tokens_process_token(const struct token_process *process)
{
    return process->token;
}

uint64_t tokens_epoch(const struct token *token)
{
    return token->epoch;
}

struct quiet {
    size_t left;
    void (*fn)(void *context);
    void *context;
};

static void on_quiet(void *context, const struct token_answer *answer)
{
    struct quiet *quiet = context;

    (void)answer; /* done, or gone with all that it did */
    if (--quiet->left == 0) {
        quiet->fn(quiet->context);
        free(quiet);
    }
}

/* Calls that are no signatures are done one after the other in each process: the last one tells. */
bool tokens_wait_quiet(struct token *token, void (*fn)(void *context), void *context)
{
    const struct msg_token_random message = {.count = 1};
    struct quiet *quiet;

    for (size_t i = 0; i < token->process_count; i++) {
        if (token->processes[i]->channel != NULL && !token->processes[i]->has_spoken) {
            return false;
        }
    }
    quiet = calloc(1, sizeof *quiet);
    if (quiet == NULL || !tokens_is_ready(token)) {
        free(quiet);
        return false;
    }
    *quiet = (struct quiet){.left = 1, .fn = fn, .context = context};
    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (process->state == TOKEN_READY &&
            process_call(process, &msg_token_random_info, &message, 0, QUIET_LIMIT_NS, on_quiet,
                         quiet) == PS_OK) {
            quiet->left++;
        }
    }
    on_quiet(quiet, NULL);
    return true;
}
