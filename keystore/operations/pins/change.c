#include "keystore/operations/pins/pins.h"

#include "keystore/operations/pins/handlers.h"
#include "keystore/operations/pins/so_pin.h"
#include "keystore/tokens/unready.h"
#include "lib/base/clock.h"

#include <stdlib.h>

/*
 * A new PIN, made by the token's generator. Its shares are durable in the log, sealed, before the
 * token hears of it, as the `next` splitting; from then until the result both splittings unlock.
 * What a crash, or any answer but "done", leaves open is settled by asking the token anew.
 */

/* 160 bits; base32 in lower case: 32 characters, which every model takes that has PINs of letters.
 */
enum { PIN_RANDOM = 20, PIN_LEN = 32 };

/* In which the processes of a token that was asked are ready again. */
#define BACK_NS (60 * PS_NS_PER_S)

static void free_work(void *work)
{
    struct pin_work *change = work;

    if (change != NULL) {
        ps_secret_free(change->pin);
        free(change);
    }
}

/* --- Rows --- */

static enum ps_err read_any_next(struct operation *op, struct row *row, struct ps_buf *name,
                                 struct pin_record *ret_record)
{
    struct pin_params params = {.threshold = 0};

    PS_TRY(pin_params_read(op, &params));
    pin_record_put_name(params.token, params.pin, true, name);
    PS_TRY(ps_buf_status(name));
    PS_TRY(row_read(op->keeper, CATALOG_PIN, ps_buf_bytes(name), row));
    return pin_record_read(row->body, ret_record);
}

static bool is_ours(const struct operation *op, const struct pin_record *next)
{
    return ps_bytes_equal(next->set, pin_set_name(op));
}

static enum ps_err read_next(struct operation *op, struct row *row, struct ps_buf *name,
                             struct pin_record *ret_record)
{
    PS_TRY(read_any_next(op, row, name, ret_record));
    return is_ours(op, ret_record)
               ? PS_OK
               : ps_fail(PS_E_NOT_FOUND, 0, "the next splitting is that of another operation");
}

static enum ps_err put_present(struct operation *op, const struct pin_record *next)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct pin_record record = *next;
    enum ps_err err;

    record.is_next = false;
    pin_record_put_name(record.token, record.pin, false, &name);
    PS_TRY(ps_buf_status(&name));
    err = row_read(op->keeper, CATALOG_PIN, ps_buf_bytes(&name), &row);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    pin_record_put(&record, operation_change(op, CATALOG_PIN, ps_buf_bytes(&name),
                                             err == PS_OK ? row.revision : 0));
    return PS_OK;
}

/* What a leaf says of rows of PINs: one that is next, one that is present, or that one is gone. */
static void find_told(const struct operation *op, bool *ret_next, bool *ret_present)
{
    struct json_value effect;
    struct json_value row;
    struct pin_record told;
    uint32_t cursor = 0;

    *ret_next = *ret_present = false;
    while (json_next(op->retraced, &cursor, NULL, &effect)) {
        if (json_member(effect, "row", &row) && pin_record_read(row, &told) == PS_OK) {
            *ret_next |= told.is_next;
            *ret_present |= !told.is_next;
        }
    }
}

/* takes_left: the PIN that the token has is that of a splitting which an operation left as next. */
static enum pin_phase phase_of(const struct operation *op, bool *ret_takes_left)
{
    const struct pin_work *work = op->work;
    bool has_next;
    bool has_present;

    if (op->retraced.doc == NULL) {
        *ret_takes_left = work->takes_left;
        return work->phase;
    }
    find_told(op, &has_next, &has_present);
    *ret_takes_left = has_present;
    if (has_next) {
        return PIN_MAKE;
    }
    return has_present ? PIN_TAKE_OVER : PIN_WITHDRAW;
}

/*
 * The new splitting, in the place of one that an operation left which nobody could settle. That
 * one is the present one now if it is of the PIN that the token has shown to have.
 */
static enum ps_err put_new(struct operation *op, bool takes_left)
{
    const struct pin_work *work = op->work;
    const bool has_pin = work != NULL && work->pin != NULL;
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct pin_record left;

    PS_TRY(pin_put_set(op, has_pin ? ps_secret_bytes(work->pin) : ps_bytes(NULL, 0), true));
    if (!takes_left) {
        return PS_OK;
    }
    PS_TRY(read_any_next(op, &row, &name, &left));
    return put_present(op, &left);
}

enum ps_err pin_change_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct pin_record next;
    bool takes_left;
    const enum pin_phase phase = phase_of(op, &takes_left);

    if (phase == PIN_MAKE) {
        return put_new(op, takes_left);
    }
    PS_TRY(read_next(op, &row, &name, &next));
    if (phase != PIN_WITHDRAW) {
        PS_TRY(put_present(op, &next));
    }
    operation_remove(op, CATALOG_PIN, ps_buf_bytes(&name), row.revision);
    return PS_OK;
}

/* Errors: PS_E_NOT_FOUND (it has none), the catalog's. */
static enum ps_err find_next(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct pin_record next;

    return read_next(op, &row, &name, &next);
}

/* --- Ends --- */

static void put_rows_and(struct operation *op, void (*then)(struct operation *op))
{
    const enum ps_err err = pin_change_rows(op);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        then(op);
    }
}

void pin_finish(struct operation *op)
{
    struct pin_work *work = op->work;

    work->phase = PIN_TAKE_OVER;
    custody_forget_next(op->keeper->custody, op->token);
    put_rows_and(op, operation_done);
}

void pin_withdraw(struct operation *op)
{
    struct pin_work *work = op->work;

    work->phase = PIN_WITHDRAW;
    custody_forget_next(op->keeper->custody, op->token);
    put_rows_and(op, commit_part);
}

void pin_find_out(struct operation *op)
{
    struct pin_work *work = op->work;

    work->has_restarted = true;
    custody_restart(op->keeper->custody, op->token);
    op->step = OPERATION_OPEN;
}

/* --- In order --- */

static enum ps_err take_random(struct pin_work *work, const struct msg_token_octets *random)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t text[PIN_LEN];
    uint64_t bits = 0;
    unsigned have = 0;
    size_t len = 0;
    enum ps_err err;

    if (random->octets.len != PIN_RANDOM) {
        return ps_fail(PS_E_TOKEN, 0, "the token made no random octets");
    }
    for (size_t i = 0; i < PIN_RANDOM; i++) {
        bits = (bits << 8 | random->octets.data[i]) & 0xffff;
        for (have += 8; have >= 5; have -= 5) {
            text[len++] = (uint8_t)alphabet[bits >> (have - 5) & 31];
        }
    }
    err = ps_secret_new(ps_bytes(text, len), &work->pin);
    ps_wipe(text, sizeof text);
    return err;
}

static void on_random(void *context, const struct token_answer *answer)
{
    struct operation *op = context;
    enum ps_err err = ps_fail(PS_E_TOKEN, 0, "the token made no random octets");

    operation_note_calls(op, answer);
    if (answer->outcome == TOKEN_ANSWERED && answer->info == &msg_token_octets_info) {
        err = take_random(op->work, answer->message);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    put_rows_and(op, commit_part);
}

void pin_make(struct operation *op)
{
    const struct msg_token_random message = {.count = PIN_RANDOM};
    const enum ps_err err =
        tokens_call_approved(op->token, &msg_token_random_info, &message, on_random, op);

    if (err != PS_OK && op->goes_on && ps_clock_mono_ns() < op->deadline_ns) {
        return; /* its sessions are being opened anew */
    }
    op->goes_on = false;
    if (err != PS_OK) {
        operation_failed_error(op, err);
    }
}

void pin_make_soon(struct operation *op)
{
    op->deadline_ns = ps_clock_mono_ns() + BACK_NS;
    op->goes_on = true;
    pin_make(op);
}

/* *ret_left: an operation that nobody could settle has left a splitting as the next one. */
static enum ps_err begin(struct operation *op, bool *ret_left)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct pin_params params = {.threshold = 0};
    struct pin_record left;
    enum ps_err err;

    PS_TRY(pin_params_read(op, &params));
    op->token = tokens_find(op->keeper->tokens, params.token);
    op->work = calloc(1, sizeof(struct pin_work));
    op->free_work = free_work;
    if (op->token == NULL || op->work == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory, or the token is not configured");
    }
    err = read_any_next(op, &row, &name, &left);
    *ret_left = err == PS_OK;
    return err == PS_E_NOT_FOUND ? PS_OK : err;
}

static void execute(struct operation *op)
{
    bool has_left = false;
    const enum ps_err err = begin(op, &has_left);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else if (has_left) {
        pin_way_of(op)->prove(op);
    } else {
        pin_make(op);
    }
}

/* Also after each part: the next splitting is durable, or it was withdrawn. */
void pin_change_execute(struct operation *op)
{
    struct pin_work *work = op->work;

    if (work == NULL) {
        execute(op);
    } else if (op->goes_on) {
        pin_make(op);
    } else if (op->problem != PS_PROBLEM_NONE) {
        operation_failed(op, op->problem, "the shares cannot be recorded; the PIN is as it was");
    } else if (work->phase == PIN_WITHDRAW) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token did not take another PIN: it has the one that it had");
    } else {
        work->phase = PIN_SET;
        pin_way_of(op)->set(op);
    }
}

/* False: it has ended, or is to be tried again. */
static bool may_settle(struct operation *op)
{
    enum ps_err err;

    if (op->token == NULL) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token has left the configuration, and nobody can ask it which PIN it "
                         "has: should it come back, the holders of both splittings may unlock it");
        return false;
    }
    err = find_next(op);
    if (err == PS_E_NOT_FOUND) {
        operation_failed(op, PS_PROBLEM_KEEPER_UNAVAILABLE,
                         "the appliance stopped before the token heard of a new PIN");
        return false;
    }
    if (err == PS_OK && op->work == NULL) {
        op->work = calloc(1, sizeof(struct pin_work));
        op->free_work = free_work;
        err = op->work == NULL ? ps_fail(PS_E_NO_MEMORY, 0, "out of memory") : PS_OK;
    }
    if (err != PS_OK) {
        ps_line(PS_ERROR, "operation_not_settled", PS_STR("operation", op->id),
                PS_STR("detail", ps_detail()->text));
        op->step = OPERATION_OPEN;
    }
    return err == PS_OK;
}

void pin_change_settle(struct operation *op)
{
    struct pin_params params = {.threshold = 0};

    if (pin_params_read(op, &params) == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, params.token);
    }
    if (may_settle(op)) {
        pin_way_of(op)->settle(op);
    }
}

const struct pin_way *pin_way_of(const struct operation *op)
{
    struct ps_bytes token;

    if (strcmp(op->type->name, "pin.reset") == 0) {
        return &pin_way_reset;
    }
    return so_pin_of_choice(op->params, &token) ? &pin_way_so : &pin_way_user;
}

/* Nobody but its officers has a PIN that was made in the token: they have to be asked for it. */
bool pin_is_attended(struct operation *op)
{
    if (custody_is_attended(op->keeper->custody, op->token)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_REFUSED,
                     "the token is unattended, and its next start would find the old PIN: set "
                     "`attended = yes` for it first");
    return false;
}
