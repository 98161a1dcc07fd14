#include "keystore/operations/custody/wrapping_rewrap.h"

#include "keystore/custody/custody.h"
#include "keystore/custody/rewrapping.h"
#include "keystore/events/events.h"
#include "keystore/operations/calls.h"
#include "keystore/operations/custody/handlers.h"
#include "keystore/operations/custody/transport.h"
#include "keystore/operations/pins/so_pin.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Wraps every key anew that lives outside the tokens under an older version of the wrapping keys.
 * What those open cannot be wrapped, so that the token gets a copy of both for this one time, as a
 * second token would: under a pair made for it, with the word of its security officer. The copies
 * go with a session of one process. When that is gone, what was carried makes others; when the
 * keeper is, everything is begun anew, but for the keys that are under the new version by then.
 */

/* Whoever asks is told after this time that it goes on. */
#define PATIENCE_NS (2 * PS_NS_PER_S)

/* Of the key that wraps private keys, and of the one that wraps secret keys. */
#define COPIES 2u

_Static_assert(REWRAP_COPY + COPIES == REWRAP_OBJECTS, "the copies come behind the pair");

enum stage {
    STAGE_LEAVES,  /* the old keys, under the pair */
    STAGE_ARRIVES, /* as copies, one after the other */
    STAGE_WRAPS,
    STAGE_CLOSES /* pair and copies go */
};

struct rewrap {
    struct operation *op;
    struct wrapping_keys from;
    struct wrapping_keys to;
    enum stage stage;
    struct {
        uint8_t octets[512];
        size_t len;
    } carried[COPIES];
    size_t arrived; /* copies that the process has */
    struct rewrapping *walk;
    struct rewrapping_progress progress;
    size_t closed;
    uint64_t begun_ns;
};

static void free_rewrap(void *work)
{
    struct rewrap *rewrap = work;

    if (rewrap != NULL) {
        rewrapping_free(rewrap->walk);
        rewrapping_progress_clear(&rewrap->progress);
        free(rewrap);
    }
}

static void next_stage(struct rewrap *rewrap);

static void fail(struct rewrap *rewrap, const char *detail, const struct token_answer *answer)
{
    const bool says_why = answer != NULL && answer->outcome == TOKEN_REFUSED;

    operation_failed(rewrap->op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                     "%s%s%.*s; keys that were wrapped anew stay so, and the others are under "
                     "version %u still: a new wrapping.rewrap goes on there",
                     detail, says_why ? ": " : "", says_why ? (int)answer->problem->detail.len : 0,
                     says_why ? (const char *)answer->problem->detail.data : "",
                     rewrap->from.wrapping->number);
}

static void tell(struct rewrap *rewrap)
{
    struct operation *op = rewrap->op;

    if (!op->is_answered && ps_clock_mono_ns() - rewrap->begun_ns >= PATIENCE_NS) {
        operation_answer_executing(&op->to, op);
        op->is_answered = true;
    }
}

/* The tick comes back here. Whatever was the reason, copies are made anew. */
static void wait(struct rewrap *rewrap)
{
    rewrap->op->is_waiting = false;
    rewrap->arrived = 0;
    tell(rewrap);
}

/* At the process that made the pair: another one may not have seen it yet. */
static void call(struct rewrap *rewrap, const struct ipc_message *info, const void *message,
                 token_answer_fn *fn)
{
    struct operation *op = rewrap->op;

    op->is_waiting =
        tokens_call_at(&op->objects[REWRAP_PAIR].place, info, message, 0, fn, rewrap) == PS_OK;
    tell(rewrap);
}

static bool is_gone(const struct token_answer *answer)
{
    return answer->outcome == TOKEN_ANSWERED ||
           (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND);
}

static void on_closed(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;

    operation_note_calls(rewrap->op, answer);
    if (!is_gone(answer)) {
        wait(rewrap);
        return;
    }
    rewrap->closed++;
    next_stage(rewrap);
}

static struct ps_bytes object_of(const struct operation *op, size_t which)
{
    return ps_bytes(op->objects[which].id, OBJECT_ID_LEN);
}

/* The copies may be open in whichever process had them: whatever comes of the rest, they go. */
static void close_everywhere(const struct operation *op)
{
    for (size_t i = 0; i < COPIES; i++) {
        const struct msg_token_destroy message = {.object_id = object_of(op, REWRAP_COPY + i)};

        tokens_tell_all(op->token, &msg_token_destroy_info, &message);
    }
}

/* What stays under the old version is told to who asked, and to the operators if it is anything. */
static void put_result(struct rewrap *rewrap)
{
    const struct rewrapping_progress *progress = &rewrap->progress;
    struct writer json = writer(&rewrap->op->result);
    char text[240];

    writer_begin_object(&json, NULL);
    writer_number(&json, "left", progress->left);
    writer_begin_array(&json, "left_keys");
    ps_buf_put(json.out, ps_buf_bytes(&progress->shown));
    writer_end_array(&json);
    writer_end_object(&json);
    if (progress->left != 0) {
        (void)snprintf(text, sizeof text,
                       "%zu keys are under version %u still, the first of them %s", progress->left,
                       rewrap->from.wrapping->number, progress->first);
        events_alarm(rewrap->op->keeper, "not-rewrapped", ps_bytes_str(WRAPPING_KEY_NAME), text);
    }
}

static void finish(struct rewrap *rewrap)
{
    const enum ps_err err = wrapping_rewrap_rows(rewrap->op);

    rewrap->op->goes_on = false;
    close_everywhere(rewrap->op);
    put_result(rewrap);
    if (err != PS_OK) {
        operation_failed_error(rewrap->op, err);
    } else {
        operation_done(rewrap->op);
    }
}

static void close_next(struct rewrap *rewrap)
{
    struct msg_token_destroy message = {0};

    if (rewrap->closed == REWRAP_OBJECTS) {
        finish(rewrap);
        return;
    }
    message.object_id = object_of(rewrap->op, rewrap->closed);
    call(rewrap, &msg_token_destroy_info, &message, on_closed);
}

static void on_answered(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;

    operation_note_calls(rewrap->op, answer);
}

static void on_moved(void *context)
{
    struct rewrap *rewrap = context;

    rewrap->op->made++;
    tell(rewrap);
}

static void on_ended(void *context, enum rewrapping_end how, const char *detail)
{
    struct rewrap *rewrap = context;
    char why[240];

    (void)snprintf(why, sizeof why, "%s", detail);
    rewrapping_free(rewrap->walk);
    rewrap->walk = NULL;
    if (how == REWRAPPING_DONE) {
        rewrap->stage = STAGE_CLOSES;
        next_stage(rewrap);
    } else if (how == REWRAPPING_AWAY) {
        rewrap->stage = STAGE_ARRIVES;
        wait(rewrap);
    } else {
        rewrap->op->goes_on = false;
        fail(rewrap, why, NULL);
    }
}

static const struct rewrapping_calls walk_calls = {
    .answered = on_answered, .moved = on_moved, .ended = on_ended};

static void walk(struct rewrap *rewrap)
{
    struct operation *op = rewrap->op;
    const struct rewrapping_spec spec = {.keeper = op->keeper,
                                         .place = op->objects[REWRAP_PAIR].place,
                                         .copy_id = object_of(op, REWRAP_COPY),
                                         .secrets_copy_id = object_of(op, REWRAP_SECRETS_COPY),
                                         .from = rewrap->from.wrapping->number,
                                         .to = rewrap->to,
                                         .progress = &rewrap->progress};
    const enum ps_err err = rewrapping_begin(&spec, &walk_calls, rewrap, &rewrap->walk);

    op->is_waiting = true;
    if (err != PS_OK) {
        on_ended(rewrap, REWRAPPING_FAILED, ps_detail()->text);
    }
}

static void on_arrived(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;

    operation_note_calls(rewrap->op, answer);
    if (answer->outcome == TOKEN_ANSWERED) {
        rewrap->arrived++;
        rewrap->stage = rewrap->arrived == COPIES ? STAGE_WRAPS : STAGE_ARRIVES;
        next_stage(rewrap);
    } else if (answer->outcome == TOKEN_GONE) {
        wait(rewrap);
    } else {
        rewrap->op->goes_on = false;
        fail(rewrap, "the token did not make a copy", answer);
    }
}

/* What may be left of one before goes first. */
static void on_cleared(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;
    const struct operation *op = rewrap->op;
    const size_t which = rewrap->arrived;
    const struct msg_token_rewrap_begin message = {
        .transport_id = object_of(op, REWRAP_PAIR),
        .copy_id = object_of(op, REWRAP_COPY + which),
        .label = ps_bytes_str(wrapping_key_names[which]),
        .wrapping = ps_bytes(rewrap->carried[which].octets, rewrap->carried[which].len),
        .is_for_secrets = REWRAP_COPY + which == REWRAP_SECRETS_COPY,
    };

    operation_note_calls(rewrap->op, answer);
    if (is_gone(answer)) {
        call(rewrap, &msg_token_rewrap_begin_info, &message, on_arrived);
    } else {
        wait(rewrap);
    }
}

static void arrive(struct rewrap *rewrap)
{
    struct object *copy = &rewrap->op->objects[REWRAP_COPY + rewrap->arrived];
    const struct msg_token_destroy message = {.object_id = ps_bytes(copy->id, OBJECT_ID_LEN)};

    copy->place = rewrap->op->objects[REWRAP_PAIR].place;
    call(rewrap, &msg_token_destroy_info, &message, on_cleared);
}

/* At most 512 octets by the message. */
static void take_carried(struct rewrap *rewrap, size_t which, struct ps_bytes carried)
{
    rewrap->carried[which].len = carried.len;
    memcpy(rewrap->carried[which].octets, carried.data, carried.len);
}

static void on_left(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;
    const struct msg_token_carried *carried = answer->message;

    operation_note_calls(rewrap->op, answer);
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_carried_info) {
        rewrap->op->goes_on = false;
        fail(rewrap, "the token did not give the old keys to itself", answer);
    } else if (carried->so_pin_refused != 0) {
        rewrap->op->goes_on = false;
        fail(rewrap, so_pin_refuse(rewrap->op, rewrap->op->token), NULL);
    } else {
        take_carried(rewrap, 0, carried->wrapping);
        take_carried(rewrap, 1, carried->secrets);
        rewrap->stage = STAGE_ARRIVES;
        wait(rewrap); /* its process logs in again */
    }
}

static void leave(struct rewrap *rewrap, struct ps_bytes spki)
{
    struct operation *op = rewrap->op;
    const struct msg_token_carry_out message = {
        .so_pin = so_pin_take(op, op->token),
        .pin = tokens_pin(op->token),
        .public_key = spki,
        .wrapping_id = version_object_id(rewrap->from.wrapping),
        .secrets_id = version_object_id(rewrap->from.secrets),
        .mac_id = version_object_id(rewrap->from.mac),
    };

    op->is_waiting = false;
    if (message.so_pin.len != 0) { /* it may have been forgotten since the check */
        call(rewrap, &msg_token_carry_out_info, &message, on_left);
    }
    if (!op->is_waiting) {
        op->goes_on = false;
        fail(rewrap, "the token went away, or its SO PIN is not at hand any more", NULL);
    }
}

/* What comes next, as far as the token is there for it. */
static void next_stage(struct rewrap *rewrap)
{
    switch (rewrap->stage) {
    case STAGE_LEAVES:
        break; /* goes on with the pair alone: on_pair */
    case STAGE_ARRIVES:
        arrive(rewrap);
        break;
    case STAGE_WRAPS:
        walk(rewrap);
        break;
    case STAGE_CLOSES:
        close_next(rewrap);
        break;
    }
}

static void on_pair(struct operation *op, const struct made *made)
{
    op->goes_on = true;
    leave(op->work, made->spki);
}

static enum ps_err begin(struct operation *op)
{
    struct rewrap *rewrap = calloc(1, sizeof *rewrap);
    struct rewrap_params params;

    if (rewrap == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    op->work = rewrap;
    op->free_work = free_rewrap;
    rewrapping_progress_init(&rewrap->progress);
    rewrap->op = op;
    rewrap->begun_ns = ps_clock_mono_ns();
    PS_TRY(rewrap_read_params(op, &params));
    op->token = tokens_find(op->keeper->tokens, params.token);
    if (op->token == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "the token is not configured");
    }
    if (!wrapping_keys_at(op->keeper, (uint32_t)params.from, &rewrap->from) ||
        !wrapping_keys_at(op->keeper, (uint32_t)params.version, &rewrap->to)) {
        return ps_fail(PS_E_STATE, 0, "there is no such version of the key that wraps");
    }
    return records_count_under(op->keeper, (uint32_t)params.from, &op->to_make);
}

static void make_pair(struct operation *op)
{
    const struct make_spec spec = transport_spec(op);

    make_key(op, &spec, &op->objects[REWRAP_PAIR], on_pair);
}

/* Also what the tick calls to go on. */
void wrapping_rewrap_execute(struct operation *op)
{
    enum ps_err err;

    if (op->goes_on) {
        next_stage(op->work);
        return;
    }
    err = begin(op);
    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        make_pair(op);
    }
}

/* Of before the crash: a pair has no use any more. */
static void on_pair_gone(void *context, const struct token_answer *answer)
{
    struct operation *op = context;

    op->is_waiting = false;
    operation_note_calls(op, answer);
    if (is_gone(answer)) {
        make_pair(op);
    } else {
        operation_failed(op, PS_PROBLEM_KEEPER_UNAVAILABLE,
                         "the appliance stopped, and what it left in the token was not destroyed");
    }
}

static void clear_pair(struct operation *op)
{
    const struct msg_token_destroy message = {.object_id = object_of(op, REWRAP_PAIR)};

    op->is_waiting =
        tokens_call(op->token, &msg_token_destroy_info, &message, 0, on_pair_gone, op) == PS_OK;
    if (!op->is_waiting) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
    }
}

static bool has_its_token(struct operation *op)
{
    struct rewrap_params params;

    return rewrap_read_params(op, &params) != PS_OK ||
           tokens_find(op->keeper->tokens, params.token) != NULL;
}

/*
 * After a crash: people have approved it, and keys may be under the new version. It is begun anew,
 * unless the security officer's PIN is not there any more, or the token is not.
 */
void wrapping_rewrap_settle(struct operation *op)
{
    const char *why = NULL;
    enum ps_err err;

    if (!has_its_token(op)) {
        settle_without_token(op, "keys that were wrapped anew stay so, the others are as they "
                                 "were, and what was made for it there is destroyed should it "
                                 "come back");
        return;
    }
    err = begin(op);
    if (op->token != NULL) {
        why = err == PS_OK ? so_pin_why_not(op, op->token) : NULL;
        op->objects_made = true;
        close_everywhere(op);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else if (why != NULL) {
        operation_failed(op, PS_PROBLEM_KEEPER_UNAVAILABLE,
                         "the appliance stopped before it was done: %s", why);
    } else {
        clear_pair(op);
    }
}
