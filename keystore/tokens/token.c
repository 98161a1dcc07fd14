#include "keystore/tokens/internal.h"

#include "keystore/tokens/approval.h"
#include "keystore/tokens/unready.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/base/problem.h"

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

void tokens_approve(struct token *token, const struct token_identity *identity)
{
    token->is_approved = true;
    token->is_dismissed = false;
    token_text_set(&token->approved_serial, identity->serial);
    token_text_set(&token->approved_hash, identity->module_hash);
    token_text_set(&token->approved_firmware, identity->firmware);
    token_text_set(&token->approved_profile, identity->profile);
    token_text_set(&token->approved_profile_hash, identity->profile_hash);
    login_where_due(token);
}

void tokens_withdraw_approval(struct token *token)
{
    token->is_approved = false;
}

void tokens_dismiss(struct token *token)
{
    token->is_approved = false;
    token->is_dismissed = true;
    login_where_due(token);
}

bool tokens_is_approved(const struct token *token)
{
    return token->is_approved;
}

void tokens_shut(struct token *token, bool is_shut)
{
    token->is_shut = is_shut;
    if (!is_shut) {
        return;
    }
    token->is_approved = false;
    ps_secret_free(token->pin);
    ps_secret_free(token->so_pin);
    token->pin = NULL;
    token->so_pin = NULL;
    login_where_due(token);
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

/* Logged in, if there is one; else one that waits for that. */
static struct token_process *find_approved(const struct token *token)
{
    struct token_process *found = least_busy(token, TOKEN_READY);

    for (size_t i = 0; i < token->process_count && found == NULL && token->is_approved; i++) {
        struct token_process *process = token->processes[i];

        if ((process->state == TOKEN_NEEDS_LOGIN || process->state == TOKEN_WRONG_PIN) &&
            process->channel != NULL && process_is_the_approved(process)) {
            found = process;
        }
    }
    return found;
}

enum ps_err tokens_call_approved(struct token *token, const struct ipc_message *info,
                                 const void *message, token_answer_fn *fn, void *context)
{
    struct token_process *process = find_approved(token);

    if (process == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "token %.*s is away", PS_BYTES_FMT(tokens_name(token)));
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

/* Opening a wrapped key takes as long as so many signatures of ES256. */
#define OPENING_COST 20u

static uint32_t waits_for(const struct token_process *process, const struct token_choice *choice)
{
    const bool must_open = choice->loaded != NULL &&
                           !process_set_has(choice->loaded, process->token->epoch, process->number);

    return process->signing_cost + (must_open ? OPENING_COST : 0);
}

static bool is_better(const struct token_process *process, const struct token_process *best,
                      const struct token_choice *choice)
{
    if (best == NULL || best == choice->avoid) {
        return true;
    }
    return process != choice->avoid && waits_for(process, choice) * best->sessions <
                                           waits_for(best, choice) * process->sessions;
}

/*
 * One with a call that is no signature (making an RSA key takes seconds) only when it has more
 * sessions than such calls.
 */
struct token_process *tokens_choose(struct token *token, const struct token_choice *choice)
{
    struct token_process *best = NULL;

    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (!process_has_room(process, choice->cost, choice->is_wide) ||
            process->in_flight - process->signing >= process->sessions) {
            process->was_full = process->state == TOKEN_READY;
        } else if (is_better(process, best, choice)) {
            best = process;
        }
    }
    return best;
}

bool tokens_process_is_laden(const struct token_process *process)
{
    return process->signing_cost >= COST_LADEN * process->sessions;
}

bool tokens_has_room(struct token *token, uint32_t cost, bool is_wide)
{
    return tokens_choose(token, &(struct token_choice){.cost = cost, .is_wide = is_wide}) != NULL;
}

enum ps_err tokens_use(struct token_process *process, const struct ipc_message *info,
                       const void *message, uint32_t cost, token_answer_fn *fn, void *context)
{
    const uint64_t limit_ns = process->token->tokens->timeout_ns;
    const enum ps_err err = process_call(process, info, message, cost, limit_ns, fn, context);

    process->was_full = err == PS_E_BUSY || process->was_full;
    return err;
}

/* One that has lost its sessions meanwhile has lost what it had open. */
static void on_told(void *context, const struct token_answer *answer)
{
    struct tokens_telling *telling = context;

    if (answer->outcome == TOKEN_REFUSED && answer->problem->problem != PS_PROBLEM_NOT_FOUND &&
        answer->process->state == TOKEN_READY) {
        tokens_condemn(answer->process, TOKENS_NOT_TOLD);
    }
    if (telling != NULL && --telling->left == 0) {
        telling->done(telling->context);
    }
}

static void tell_all(struct token *token, const struct ipc_message *info, const void *message,
                     struct tokens_telling *telling)
{
    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (process->state != TOKEN_READY) {
            continue;
        }
        if (process_call(process, info, message, 0, token->tokens->timeout_ns, on_told, telling) !=
            PS_OK) {
            tokens_condemn(process, TOKENS_NOT_TOLD);
        } else if (telling != NULL) {
            telling->left++;
        }
    }
}

void tokens_tell_all(struct token *token, const struct ipc_message *info, const void *message)
{
    tell_all(token, info, message, NULL);
}

void tokens_tell_all_and_wait(struct token *token, const struct ipc_message *info,
                              const void *message, struct tokens_telling *telling)
{
    telling->left = 1; /* not done before all were told */
    tell_all(token, info, message, telling);
    if (--telling->left == 0) {
        telling->done(telling->context);
    }
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
        .wrappable = process->wrappable,
        .in_flight = process->in_flight,
        .reason = token_text_bytes(&process->texts.reason),
        .label = token_text_bytes(&process->texts.label),
        .serial = token_text_bytes(&process->texts.serial),
        .manufacturer = token_text_bytes(&process->texts.manufacturer),
        .model = token_text_bytes(&process->texts.model),
        .firmware = token_text_bytes(&process->texts.firmware),
        .profile = token_text_bytes(&process->texts.profile),
        .profile_hash = token_text_bytes(&token->profile_hash),
        .module_hash = token_text_bytes(&process->module_hash),
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

static void on_quiet(void *context, const struct token_answer *answer)
{
    struct token *token = context;

    (void)answer; /* done, or gone with all that it did */
    if (--token->unquiet == 0) {
        token->quiet_fn(token->quiet_context, token);
    }
}

/* Calls that are no signatures are done one after the other in each process: the last one tells. */
bool tokens_wait_quiet(struct token *token, quiet_fn *fn, void *context)
{
    const struct msg_token_random message = {.count = 1};

    for (size_t i = 0; i < token->process_count; i++) {
        if (token->processes[i]->channel != NULL && !token->processes[i]->has_spoken) {
            return false;
        }
    }
    if (token->unquiet != 0 || !tokens_is_ready(token)) {
        return false;
    }
    token->unquiet = 1;
    token->quiet_fn = fn;
    token->quiet_context = context;
    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (process->state == TOKEN_READY &&
            process_call(process, &msg_token_random_info, &message, 0, QUIET_LIMIT_NS, on_quiet,
                         token) == PS_OK) {
            token->unquiet++;
        }
    }
    on_quiet(token, NULL);
    return true;
}
