#include "keystore/operations/custody/handlers.h"

#include "keystore/custody/custody.h"
#include "keystore/custody/rewrapping.h"
#include "keystore/operations/calls.h"
#include "keystore/operations/custody/transport.h"
#include "keystore/operations/custody/wrapping_rows.h"
#include "keystore/operations/new_key.h"
#include "keystore/operations/so_pin.h"
#include "lib/base/encode.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Wraps every key anew that lives outside the tokens under an older version of the wrapping key.
 * What that key opens cannot be wrapped, so that the token gets a copy of it for this one time, as
 * a second token would: under a pair made for it, with the word of its security officer. The copy
 * goes with a session of one process. When that is gone, what was carried makes another; when the
 * keeper is, everything is begun anew, but for the keys that are under the new version by then.
 */

enum { PAIR, COPY, OBJECTS };

/* Whoever asks is told after this time that it goes on. */
#define PATIENCE_NS (2 * PS_NS_PER_S)

/* A token that never wraps anything with the copies it makes is not asked for ever. */
#define IDLE_MAX 3u

enum stage {
    STAGE_LEAVES,  /* the old key, under the pair */
    STAGE_ARRIVES, /* as a copy */
    STAGE_WRAPS,
    STAGE_CLOSES /* pair and copy go */
};

struct rewrap {
    struct operation *op;
    struct wrapping_keys from;
    struct wrapping_keys to;
    enum stage stage;
    uint8_t carried[512];
    size_t carried_len;
    struct rewrapping *walk;
    unsigned idle; /* copies that were of no use, one after the other */
    size_t closed;
    uint64_t begun_ns;
};

static void free_rewrap(void *work)
{
    struct rewrap *rewrap = work;

    if (rewrap != NULL) {
        rewrapping_free(rewrap->walk);
        free(rewrap);
    }
}

/* --- What is asked for --- */

static void put_params(struct operation *op, const struct wrapping_keys *from,
                       const struct wrapping_keys *to, const struct token_view *view)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_decimal(&json, "from", from->wrapping->number);
    writer_begin_array(&json, "objects");
    for (size_t i = 0; i < OBJECTS; i++) {
        writer_hex(&json, NULL, ps_bytes(operation_reserve(op)->id, OBJECT_ID_LEN));
    }
    writer_end_array(&json);
    writer_text(&json, "profile", view->profile);
    writer_text(&json, "serial", view->serial);
    writer_str(&json, "token", to->wrapping->key->token);
    writer_decimal(&json, "version", to->wrapping->number);
    writer_end_object(&json);
}

/* Where the old one is the new one has to be, or keys are lost with a token that were not before.
 */
static bool is_everywhere(struct operation *op, const struct wrapping_keys *from,
                          const struct wrapping_keys *to)
{
    const struct token *token;

    for (size_t i = 0; (token = tokens_at(op->keeper->tokens, i)) != NULL; i++) {
        const struct ps_bytes name = tokens_name(token);

        if (version_is_on(from->wrapping, name) && !version_is_on(to->wrapping, name)) {
            operation_refuse(op, PS_PROBLEM_REFUSED,
                             "the token %.*s holds version %u of the key that wraps, and not "
                             "version %u: carry it there first (wrapping.prepare, wrapping.carry)",
                             PS_BYTES_FMT(name), from->wrapping->number, to->wrapping->number);
            return false;
        }
    }
    return true;
}

static bool has_work(struct operation *op, uint32_t number, bool *ret_has)
{
    const struct record_due nothing = {.object_id_len = 0};
    struct record_due due;
    const enum ps_err err = records_next_under(op->keeper, number, &nothing, &due);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        operation_refuse_error(op, err);
        return false;
    }
    *ret_has = err == PS_OK;
    return true;
}

/* The oldest version that keys are under which will be used again. False: it was refused. */
static bool find_oldest(struct operation *op, const struct wrapping_keys *to,
                        struct wrapping_keys *ret_from)
{
    const struct key *wrapping = to->wrapping->key;

    for (size_t i = 0; i < wrapping->version_count; i++) {
        const uint32_t number = wrapping->versions[i]->number;
        bool has = false;

        if (number >= to->wrapping->number || wrapping->versions[i]->state == KEY_DESTROYED) {
            continue;
        }
        if (!has_work(op, number, &has)) {
            return false;
        }
        if (has && wrapping_keys_at(op->keeper, number, ret_from)) {
            return true;
        }
    }
    operation_refuse(op, PS_PROBLEM_REFUSED,
                     "every key that is in use is under version %u of the key that wraps already",
                     to->wrapping->number);
    return false;
}

static bool find_keys(struct operation *op, struct wrapping_keys *ret_from,
                      struct wrapping_keys *ret_to)
{
    if (!wrapping_keys_now(op->keeper, ret_to)) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "there is no wrapping key (wrapping.create makes one)");
        return false;
    }
    return find_oldest(op, ret_to, ret_from) && is_everywhere(op, ret_from, ret_to);
}

bool wrapping_rewrap_resolve(struct operation *op, struct json_value request)
{
    struct token_view view = {.number = 0};
    struct wrapping_keys from;
    struct wrapping_keys to;

    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    if (!find_keys(op, &from, &to) ||
        !new_key_find_token(op, ps_bytes_str(to.wrapping->key->token), &view)) {
        return false;
    }
    put_params(op, &from, &to, &view);
    return true;
}

/* --- What people approved --- */

struct rewrap_params {
    struct ps_bytes token;
    uint64_t from;
    uint64_t version;
};

static enum ps_err read_params(struct operation *op, struct rewrap_params *ret_params)
{
    PS_TRY(document_text(op->params, "token", &ret_params->token));
    PS_TRY(document_number(op->params, "from", &ret_params->from));
    PS_TRY(document_number(op->params, "version", &ret_params->version));
    return wrapping_params_objects(op, OBJECTS);
}

void wrapping_rewrap_lock(struct operation *op)
{
    wrapping_lock_keys(op);
}

bool wrapping_rewrap_check(struct operation *op)
{
    struct wrapping_keys from;
    struct wrapping_keys to;
    struct rewrap_params params;
    const enum ps_err err = read_params(op, &params);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (!find_keys(op, &from, &to)) {
        return false;
    }
    if (from.wrapping->number != params.from || to.wrapping->number != params.version) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "the key that wraps is another since: make a new operation");
        return false;
    }
    return new_key_has_its_token(op, params.token) && transport_has_pins(op, params.token);
}

/* --- Rows --- */

enum ps_err wrapping_rewrap_rows(struct operation *op)
{
    struct rewrap_params params;

    PS_TRY(read_params(op, &params));
    return wrapping_rows_set_empty(op, (uint32_t)params.from);
}

/* --- In the token --- */

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

/* The tick comes back here. */
static void wait(struct rewrap *rewrap)
{
    rewrap->op->is_waiting = false;
    tell(rewrap);
}

/* At the process that made the pair: another one may not have seen it yet. */
static void call(struct rewrap *rewrap, const struct ipc_message *info, const void *message,
                 token_answer_fn *fn)
{
    struct operation *op = rewrap->op;

    op->is_waiting =
        tokens_call_at(&op->objects[PAIR].place, info, message, 0, fn, rewrap) == PS_OK;
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

/* The copy may be open in whichever process had it: whatever comes of the rest, it goes. */
static void close_everywhere(const struct operation *op)
{
    const struct msg_token_destroy message = {.object_id =
                                                  ps_bytes(op->objects[COPY].id, OBJECT_ID_LEN)};

    tokens_tell_all(op->token, &msg_token_destroy_info, &message);
}

static void finish(struct rewrap *rewrap)
{
    const enum ps_err err = wrapping_rewrap_rows(rewrap->op);

    rewrap->op->goes_on = false;
    close_everywhere(rewrap->op);
    if (err != PS_OK) {
        operation_failed_error(rewrap->op, err);
    } else {
        operation_done(rewrap->op);
    }
}

static void close_next(struct rewrap *rewrap)
{
    const struct object *objects = rewrap->op->objects;
    struct msg_token_destroy message = {0};

    if (rewrap->closed == OBJECTS) {
        finish(rewrap);
        return;
    }
    message.object_id = ps_bytes(objects[rewrap->closed].id, OBJECT_ID_LEN);
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
    rewrap->idle = 0;
    tell(rewrap);
}

static void on_ended(void *context, enum rewrapping_end how, const char *detail)
{
    struct rewrap *rewrap = context;
    char why[200];

    (void)snprintf(why, sizeof why, "%s", detail);
    rewrapping_free(rewrap->walk);
    rewrap->walk = NULL;
    if (how == REWRAPPING_DONE) {
        rewrap->stage = STAGE_CLOSES;
        next_stage(rewrap);
    } else if (how == REWRAPPING_AWAY && rewrap->idle < IDLE_MAX) {
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
                                         .place = op->objects[PAIR].place,
                                         .copy_id = ps_bytes(op->objects[COPY].id, OBJECT_ID_LEN),
                                         .from = rewrap->from.wrapping->number,
                                         .to = rewrap->to};
    const enum ps_err err = rewrapping_begin(&spec, &walk_calls, rewrap, &rewrap->walk);

    op->is_waiting = true;
    if (err != PS_OK) {
        on_ended(rewrap, err == PS_E_NOT_FOUND ? REWRAPPING_DONE : REWRAPPING_FAILED,
                 ps_detail()->text);
    }
}

static void on_arrived(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;

    operation_note_calls(rewrap->op, answer);
    if (answer->outcome == TOKEN_ANSWERED) {
        rewrap->stage = STAGE_WRAPS;
        rewrap->idle++;
        next_stage(rewrap);
    } else if (answer->outcome == TOKEN_GONE) {
        wait(rewrap);
    } else {
        rewrap->op->goes_on = false;
        fail(rewrap, "the token did not make the copy", answer);
    }
}

/* What may be left of one before goes first. */
static void on_cleared(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;
    const struct operation *op = rewrap->op;
    const struct msg_token_rewrap_begin message = {
        .transport_id = ps_bytes(op->objects[PAIR].id, OBJECT_ID_LEN),
        .copy_id = ps_bytes(op->objects[COPY].id, OBJECT_ID_LEN),
        .label = ps_bytes_str(WRAPPING_KEY_NAME),
        .wrapping = ps_bytes(rewrap->carried, rewrap->carried_len),
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
    struct object *copy = &rewrap->op->objects[COPY];
    const struct msg_token_destroy message = {.object_id = ps_bytes(copy->id, OBJECT_ID_LEN)};

    copy->place = rewrap->op->objects[PAIR].place;
    call(rewrap, &msg_token_destroy_info, &message, on_cleared);
}

static void on_left(void *context, const struct token_answer *answer)
{
    struct rewrap *rewrap = context;
    const struct msg_token_carried *carried = answer->message;

    operation_note_calls(rewrap->op, answer);
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_carried_info) {
        rewrap->op->goes_on = false;
        fail(rewrap, "the token did not give the old key to itself", answer);
    } else if (carried->so_pin_refused != 0) {
        rewrap->op->goes_on = false;
        fail(rewrap, so_pin_refuse(rewrap->op, rewrap->op->token), NULL);
    } else {
        rewrap->carried_len = carried->wrapping.len; /* at most 512 by the message */
        memcpy(rewrap->carried, carried->wrapping.data, carried->wrapping.len);
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
    rewrap->op = op;
    rewrap->begun_ns = ps_clock_mono_ns();
    PS_TRY(read_params(op, &params));
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

    make_key(op, &spec, &op->objects[PAIR], on_pair);
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
    const struct msg_token_destroy message = {.object_id =
                                                  ps_bytes(op->objects[PAIR].id, OBJECT_ID_LEN)};

    op->is_waiting =
        tokens_call(op->token, &msg_token_destroy_info, &message, 0, on_pair_gone, op) == PS_OK;
    if (!op->is_waiting) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
    }
}

/*
 * After a crash: people have approved it, and keys may be under the new version. It is begun anew,
 * unless the security officer's PIN is not there any more.
 */
void wrapping_rewrap_settle(struct operation *op)
{
    const enum ps_err err = begin(op);
    const char *why = err == PS_OK ? custody_why_no_so_pin(op->keeper, op->token) : NULL;

    if (op->token != NULL) {
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

enum ps_err wrapping_rewrap_describe(struct operation *op, struct writer *json)
{
    struct rewrap_params params;

    PS_TRY(read_params(op, &params));
    writer_number(json, "from", params.from);
    writer_text(json, "token", params.token);
    writer_number(json, "version", params.version);
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
