#include "keystore/operations/pins/pins.h"

#include "keystore/custody/refused_pins.h"
#include "keystore/operations/pins/so_pin.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "keystore/tokens/approval.h"
#include "keystore/tokens/unready.h"
#include "lib/base/clock.h"

/*
 * PINs that the security officer gives: another one to itself, and another one to the user, whose
 * own is lost or locked. The SO PIN is put together for the operation, and forgotten after it.
 */

/* The token's sessions are made anew after each try, whatever it says. */
#define TRY_PAUSE_NS (5 * PS_NS_PER_S)

static enum ps_err call_as_so(struct operation *op, struct msg_token_so *message,
                              token_answer_fn *fn)
{
    return tokens_call_approved(op->token, &msg_token_so_info, message, fn, op);
}

enum said { SAID_DONE, SAID_REFUSED, SAID_NOTHING };

/* Refused in another way may be what came after it was done, or an answer that was lost. */
static enum said what_it_said(const struct token_answer *answer)
{
    const struct msg_token_so_done *done = answer->message;

    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_so_done_info) {
        return SAID_NOTHING;
    }
    return done->refused != 0 ? SAID_REFUSED : SAID_DONE;
}

static void wait_on(struct operation *op)
{
    op->step = OPERATION_OPEN;
}

/* --- Before anything is changed --- */

static void on_proven(void *context, const struct token_answer *answer)
{
    struct operation *op = context;
    const char *why;

    operation_note_calls(op, answer);
    switch (what_it_said(answer)) {
    case SAID_DONE:
        pin_make_soon(op);
        break;
    case SAID_REFUSED:
        why = so_pin_refuse(op, op->token);
        /* The shares of the other are asked for, also where this one is configured. */
        custody_forget_so_pin(op->keeper->custody, op->token);
        operation_failed(op, PS_PROBLEM_REFUSED, "%s, the other of two that it may have", why);
        break;
    case SAID_NOTHING:
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token did not say whether it has this SO PIN: nothing was changed");
        break;
    }
}

static void prove_by_trying(struct operation *op)
{
    struct msg_token_so message = {.act = TOKEN_SO_TRY, .so_pin = so_pin_take(op, op->token)};

    if (message.so_pin.len == 0 || call_as_so(op, &message, on_proven) != PS_OK) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token could not be asked whether it has this SO PIN");
    }
}

/* --- Its own --- */

static void prove_so(struct operation *op)
{
    struct pin_work *work = op->work;

    work->takes_left = custody_has_next_so_pin(op->keeper, op->token);
    prove_by_trying(op);
}

static bool may_change_so(struct operation *op)
{
    if (!pin_is_attended(op)) {
        return false;
    }
    if (!tokens_is_ready(op->token)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away: unlock it first");
        return false;
    }
    return so_pin_will_do(op, op->token);
}

/* No process is left that goes by the old one. */
static void finish_so(struct operation *op)
{
    custody_forget_so_pin(op->keeper->custody, op->token);
    custody_restart(op->keeper->custody, op->token);
    pin_finish(op);
}

static void on_so_set(void *context, const struct token_answer *answer)
{
    struct operation *op = context;

    operation_note_calls(op, answer);
    switch (what_it_said(answer)) {
    case SAID_DONE:
        finish_so(op);
        break;
    case SAID_REFUSED:
        (void)so_pin_refuse(op, op->token);
        pin_withdraw(op);
        break;
    case SAID_NOTHING:
        pin_find_out(op);
        break;
    }
}

static void set_so(struct operation *op)
{
    const struct pin_work *work = op->work;
    struct msg_token_so message = {.act = TOKEN_SO_PIN,
                                   .so_pin = so_pin_take(op, op->token),
                                   .next = ps_secret_bytes(work->pin)};

    if (message.so_pin.len == 0 || call_as_so(op, &message, on_so_set) != PS_OK) {
        pin_withdraw(op);
    }
}

static void on_refused(struct operation *op)
{
    const struct pin_work *work = op->work;

    if (work->pin == NULL) {
        (void)so_pin_refuse(op, op->token);
    }
    if (work->tries_next) {
        pin_withdraw(op);
    } else {
        /* The shares of the next one are asked for, to be sure. */
        custody_forget_so_pin(op->keeper->custody, op->token);
        wait_on(op);
    }
}

static void on_so_tried(void *context, const struct token_answer *answer)
{
    struct operation *op = context;
    const struct pin_work *work = op->work;

    operation_note_calls(op, answer);
    switch (what_it_said(answer)) {
    case SAID_DONE:
        if (work->tries_next) {
            finish_so(op);
        } else {
            pin_withdraw(op);
        }
        break;
    case SAID_REFUSED:
        on_refused(op);
        break;
    case SAID_NOTHING:
        op->deadline_ns = ps_clock_mono_ns() + TRY_PAUSE_NS;
        wait_on(op);
        break;
    }
}

/* After a death nobody has either of them: the holders of one of the two splittings are asked. */
static void settle_so(struct operation *op)
{
    struct pin_work *work = op->work;
    struct msg_token_so message = {.act = TOKEN_SO_TRY,
                                   .so_pin = work->pin != NULL ? ps_secret_bytes(work->pin)
                                                               : so_pin_take(op, op->token)};

    if (!work->has_restarted) {
        pin_find_out(op);
        return;
    }
    /* What is at hand when the answer comes may be another, or none. */
    work->tries_next = work->pin != NULL || custody_has_next_so_pin(op->keeper, op->token);
    if (work->pin == NULL && message.so_pin.len != 0 &&
        keeper_so_pin_was_refused(op->keeper, op->token)) {
        on_refused(op);
        return;
    }
    if (message.so_pin.len == 0 || ps_clock_mono_ns() < op->deadline_ns ||
        call_as_so(op, &message, on_so_tried) != PS_OK) {
        wait_on(op);
    }
}

const struct pin_way pin_way_so = {
    .may = may_change_so, .prove = prove_so, .set = set_so, .settle = settle_so};

/* --- The user's --- */

static bool is_there(const struct token *token)
{
    const enum token_state state = tokens_state(token);

    return tokens_is_approved(token) &&
           (state == TOKEN_READY || state == TOKEN_NEEDS_LOGIN || state == TOKEN_WRONG_PIN);
}

/* Without the appliance's own token, too: the log is held against its anchor as soon as it is back.
 */
static bool may_reset(struct operation *op)
{
    if (!pin_is_attended(op)) {
        return false;
    }
    if (lock_is_on(op->keeper)) {
        operation_refuse_state(op, appliance_state_name(APPLIANCE_LOCKED), STATE_LOCKED_TEXT);
        return false;
    }
    if (!is_there(op->token)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    if (tokens_is_ready(op->token) && tokens_pin(op->token).len != 0) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "the PIN is not lost, the token is logged in with it: change it "
                         "(pin.change)");
        return false;
    }
    return so_pin_will_do(op, op->token);
}

static void withdraw_reset(struct operation *op)
{
    /* Officers are asked for the one that it had. */
    custody_forget_pin(op->keeper->custody, op->token);
    pin_withdraw(op);
}

static void on_reset(void *context, const struct token_answer *answer)
{
    struct operation *op = context;
    struct pin_work *work = op->work;
    const enum said said = what_it_said(answer);

    operation_note_calls(op, answer);
    if (said == SAID_REFUSED) {
        (void)so_pin_refuse(op, op->token);
        withdraw_reset(op);
        return;
    }
    custody_replace_pin(op->keeper->custody, op->token, ps_secret_bytes(work->pin));
    if (said == SAID_DONE) {
        pin_finish(op);
        return;
    }
    work->has_restarted = true;
    wait_on(op);
}

static void reset(struct operation *op)
{
    const struct pin_work *work = op->work;
    struct msg_token_so message = {.act = TOKEN_SO_USER_PIN,
                                   .so_pin = so_pin_take(op, op->token),
                                   .next = ps_secret_bytes(work->pin)};

    if (message.so_pin.len == 0 || call_as_so(op, &message, on_reset) != PS_OK) {
        withdraw_reset(op);
    }
}

/*
 * Whether the token lets the next PIN in. After a death it is the holders of its shares who try it;
 * a keeper before this one may have left the call under way, so that no process of then is left.
 */
static void settle_reset(struct operation *op)
{
    const struct pin_work *work = op->work;
    const bool is_next = custody_has_next_pin(op->keeper->custody, op->token);
    const bool may_ask = !lock_is_on(op->keeper) && is_there(op->token);

    if (may_ask && !work->has_restarted) {
        pin_find_out(op);
    } else if (may_ask && tokens_is_ready(op->token) && is_next) {
        pin_finish(op);
    } else if (may_ask && tokens_is_ready(op->token)) {
        pin_withdraw(op);
    } else if (may_ask && is_next && tokens_pin_refused(op->token)) {
        withdraw_reset(op);
    } else {
        wait_on(op);
    }
}

const struct pin_way pin_way_reset = {
    .may = may_reset, .prove = prove_by_trying, .set = reset, .settle = settle_reset};
