#include "keystore/operations/pins/pins.h"

/*
 * The user's PIN, changed by the user, who is logged in. Which of two PINs the token has is seen by
 * processes that log in anew: the one with which they do is the token's.
 */

static bool may_change(struct operation *op)
{
    if (!pin_is_attended(op)) {
        return false;
    }
    if (tokens_pin(op->token).len == 0 || !tokens_is_ready(op->token)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the appliance has not this PIN at hand: unlock the token first; if too "
                         "few shares are left, the holders of its SO PIN help (pin.reset)");
        return false;
    }
    return true;
}

/* It is logged in with it. */
static void prove(struct operation *op)
{
    struct pin_work *work = op->work;

    work->takes_left = custody_has_next_pin(op->keeper->custody, op->token);
    pin_make(op);
}

static void on_set(void *context, const struct token_answer *answer)
{
    struct operation *op = context;
    struct pin_work *work = op->work;

    operation_note_calls(op, answer);
    /* Refused may be what came after the PIN was set, or an answer that was lost. */
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_done_info) {
        pin_find_out(op);
        return;
    }
    /* Its processes still go by the old one: they are made anew. */
    custody_replace_pin(op->keeper->custody, op->token, ps_secret_bytes(work->pin));
    pin_finish(op);
}

static void set(struct operation *op)
{
    const struct pin_work *work = op->work;
    const struct msg_token_set_pin message = {.pin = tokens_pin(op->token),
                                              .next = ps_secret_bytes(work->pin)};
    enum ps_err err = custody_note_next(op->keeper->custody, op->token, message.next);

    if (err == PS_OK) {
        err = tokens_call(op->token, &msg_token_set_pin_info, &message, 0, on_set, op);
    }
    if (err != PS_OK) {
        pin_withdraw(op);
    }
}

/* The token is there. */
static void settle(struct operation *op)
{
    const struct pin_work *work = op->work;

    if (!work->has_restarted) {
        pin_find_out(op);
    } else if (custody_has_next_pin(op->keeper->custody, op->token)) {
        pin_finish(op);
    } else {
        pin_withdraw(op);
    }
}

const struct pin_way pin_way_user = {
    .may = may_change, .prove = prove, .set = set, .settle = settle};
