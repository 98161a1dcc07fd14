#include "keystore/tokens/internal.h"

#include "lib/base/clock.h"

/*
 * Log-ins and log-outs. Log-ins happen one at a time per token: when the PIN turns out to be wrong,
 * it has been tried once, not once per process. That matters with tokens that lock after three
 * tries.
 */

/* A key derivation inside a slow token may take its time, but not for ever. */
#define LOGIN_LIMIT_NS (60 * PS_NS_PER_S)
#define LOGIN_PAUSE_NS PS_NS_PER_S

static void on_login(void *context, const struct token_answer *answer);

static bool may_log_in(const struct token *token)
{
    if (token->pin_refused) {
        return false;
    }
    for (size_t i = 0; i < token->process_count; i++) {
        if (token->processes[i]->login_in_flight) {
            return false;
        }
    }
    return true;
}

static bool is_another(const struct token_text *approved, const struct token_text *found)
{
    return approved->len != 0 &&
           !ps_bytes_equal(token_text_bytes(approved), token_text_bytes(found));
}

/* What is not as it was approved; NULL: nothing. An unapproved module gets no PIN. */
static const char *what_differs(const struct token_process *process)
{
    const struct token *token = process->token;
    const struct token_texts *texts = &process->texts;

    if (is_another(&token->approved_hash, &process->module_hash)) {
        return "unapproved-module";
    }
    if (is_another(&token->approved_serial, &texts->serial)) {
        return TOKENS_OTHER_SERIAL;
    }
    if (is_another(&token->approved_firmware, &texts->firmware)) {
        return "unapproved-firmware";
    }
    return is_another(&token->approved_profile, &texts->profile) ||
                   is_another(&token->approved_profile_hash, &token->profile_hash)
               ? "unapproved-profile"
               : NULL;
}

bool process_is_the_approved(struct token_process *process)
{
    const struct token *token = process->token;
    const char *what = what_differs(process);

    if (what != NULL) {
        token_text_set(&process->texts.reason, ps_bytes_str(what)); /* each notice takes it away */
    }
    if (what != NULL && !process->was_unapproved) {
        token->tokens->handler->on_unapproved(token->tokens->context, process->token, what);
    }
    process->was_unapproved = what != NULL;
    return what == NULL;
}

static bool log_in(struct token_process *process)
{
    const struct token *token = process->token;
    const struct msg_token_login login = {
        .pin = ps_secret_bytes(token->pin),
        .serial = token_text_bytes(&token->approved_serial),
    };

    if (process_call(process, &msg_token_login_info, &login, 0, LOGIN_LIMIT_NS, on_login,
                     process) != PS_OK) {
        return false;
    }
    process->login_in_flight = true;
    process->login_sent = true;
    process->state = TOKEN_NEEDS_LOGIN;
    return true;
}

/*
 * A process that says so without our having logged in there speaks of a try before we started: by
 * the same PIN, unless we know better.
 */
static bool says_wrong_pin(const struct token_process *process)
{
    return process->state == TOKEN_WRONG_PIN &&
           (process->login_sent || !process->token->pin_is_new);
}

static void notice_wrong_pin(struct token *token)
{
    for (size_t i = 0; i < token->process_count && !token->pin_refused; i++) {
        if (says_wrong_pin(token->processes[i])) {
            token->pin_refused = true;
            token->tokens->handler->on_wrong_pin(token->tokens->context, token);
        }
    }
}

static bool is_due(struct token_process *process)
{
    return process->channel != NULL && ps_clock_mono_ns() >= process->login_again_ns &&
           (process->state == TOKEN_NEEDS_LOGIN || process->state == TOKEN_WRONG_PIN) &&
           process_is_the_approved(process);
}

static void on_logout(void *context, const struct token_answer *answer)
{
    struct token_process *process = context;

    (void)answer; /* its state notice tells; who does not answer is ended */
    process->logout_in_flight = false;
}

static void log_out(struct token_process *process)
{
    const struct msg_token_logout logout = {.unused = 0};
    const uint64_t limit_ns = process->token->tokens->timeout_ns;

    if (!process->logout_in_flight) {
        if (process_call(process, &msg_token_logout_info, &logout, 0, limit_ns, on_logout,
                         process) != PS_OK) {
            tokens_condemn(process, TOKENS_NOT_TOLD);
            return;
        }
        process->logout_in_flight = true;
    }
    process->state = TOKEN_NEEDS_LOGIN; /* whatever it says before it has done so */
}

/* unapproved: only those that are not what people approved. */
static void log_out_all(struct token *token, bool unapproved)
{
    for (size_t i = 0; i < token->process_count; i++) {
        struct token_process *process = token->processes[i];

        if (process->state == TOKEN_READY && !(unapproved && process_is_the_approved(process))) {
            log_out(process);
        }
    }
}

void login_where_due(struct token *token)
{
    if (token->is_shut || token->is_dismissed) {
        log_out_all(token, false);
        return;
    }
    /* Keys are made in a process that is ready, and PINs sent to it: but that is its own word. */
    log_out_all(token, true);
    if (!token->is_approved || token->pin == NULL) {
        return;
    }
    notice_wrong_pin(token);
    if (!may_log_in(token)) {
        return;
    }
    for (size_t i = 0; i < token->process_count; i++) {
        if (is_due(token->processes[i]) && log_in(token->processes[i])) {
            return;
        }
    }
}

/*
 * Refused: a wrong PIN is told by the state notice. Anything else is tried again after a while; a
 * process that went away comes back as a new one.
 */
static void on_login(void *context, const struct token_answer *answer)
{
    struct token_process *process = context;

    process->login_in_flight = false;
    if (answer->outcome != TOKEN_ANSWERED) {
        process->login_again_ns = ps_clock_mono_ns() + LOGIN_PAUSE_NS;
    }
    if (answer->outcome != TOKEN_GONE) {
        login_where_due(process->token);
    }
}
