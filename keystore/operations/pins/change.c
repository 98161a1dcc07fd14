#include "keystore/operations/pins/pins.h"

#include "keystore/operations/so_pin.h"
#include "keystore/tokens/unready.h"

#include <stdlib.h>

/*
 * A new PIN, made by the token's generator. Its shares are durable in the log, sealed, before the
 * token hears of it, as the `next` splitting; from then until the result both splittings unlock.
 * What a crash, or any answer but "done", leaves open is settled by asking the token anew.
 */

/* 160 bits; base32 in lower case: 32 characters, which every model takes that has PINs of letters.
 */
enum { PIN_RANDOM = 20, PIN_LEN = 32 };

static void free_work(void *work)
{
    struct pin_work *change = work;

    if (change != NULL) {
        ps_secret_free(change->pin);
        free(change);
    }
}

/* --- Rows --- */

static enum ps_err read_next(struct operation *op, struct row *row, struct ps_buf *name,
                             struct pin_record *ret_record)
{
    struct pin_params params = {.threshold = 0};

    PS_TRY(pin_params_read(op, &params));
    pin_record_put_name(params.token, params.pin, true, name);
    PS_TRY(ps_buf_status(name));
    PS_TRY(row_read(op->keeper, CATALOG_PIN, ps_buf_bytes(name), row));
    PS_TRY(pin_record_read(row->body, ret_record));
    return ps_bytes_equal(ret_record->set, pin_set_name(op))
               ? PS_OK
               : ps_fail(PS_E_NOT_FOUND, 0, "the next splitting is that of another operation");
}

/* The next splitting becomes the present one. */
static enum ps_err put_taken_over(struct operation *op, const struct pin_record *next,
                                  struct ps_bytes next_name, uint64_t next_revision)
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
    operation_remove(op, CATALOG_PIN, next_name, next_revision);
    return PS_OK;
}

/* Whether a leaf makes or changes a row, rather than only removing one. */
static bool tells_of_a_row(const struct operation *op)
{
    struct json_value effect;
    struct json_value row;
    uint32_t cursor = 0;

    while (json_next(op->retraced, &cursor, NULL, &effect)) {
        if (json_member(effect, "row", &row)) {
            return true;
        }
    }
    return false;
}

static bool withdraws(const struct operation *op)
{
    const struct pin_work *work = op->work;

    return op->retraced.doc != NULL ? !tells_of_a_row(op)
                                    : work != NULL && work->phase == PIN_WITHDRAW;
}

enum ps_err pin_change_rows(struct operation *op)
{
    const struct pin_work *work = op->work;
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct pin_record next;
    const enum ps_err err = read_next(op, &row, &name, &next);

    if (err == PS_E_NOT_FOUND) {
        const bool has_pin = work != NULL && work->pin != NULL;

        return pin_put_set(op, has_pin ? ps_secret_bytes(work->pin) : ps_bytes(NULL, 0), true);
    }
    PS_TRY(err);
    if (withdraws(op)) {
        operation_remove(op, CATALOG_PIN, ps_buf_bytes(&name), row.revision);
        return PS_OK;
    }
    return put_taken_over(op, &next, ps_buf_bytes(&name), row.revision);
}

static bool has_next(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    struct pin_record next;

    return read_next(op, &row, &name, &next) == PS_OK;
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

static enum ps_err begin(struct operation *op)
{
    const struct msg_token_random message = {.count = PIN_RANDOM};
    struct pin_params params = {.threshold = 0};

    PS_TRY(pin_params_read(op, &params));
    op->token = tokens_find(op->keeper->tokens, params.token);
    op->work = calloc(1, sizeof(struct pin_work));
    op->free_work = free_work;
    if (op->token == NULL || op->work == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory, or the token is not configured");
    }
    return tokens_call_approved(op->token, &msg_token_random_info, &message, on_random, op);
}

/* Also after each part: the next splitting is durable, or it was withdrawn. */
void pin_change_execute(struct operation *op)
{
    struct pin_work *work = op->work;
    enum ps_err err = PS_OK;

    if (work == NULL) {
        err = begin(op);
    } else if (op->problem != PS_PROBLEM_NONE) {
        operation_failed(op, op->problem, "the shares cannot be recorded; the PIN is as it was");
    } else if (work->phase == PIN_WITHDRAW) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token did not take another PIN: it has the one that it had");
    } else {
        work->phase = PIN_SET;
        pin_way_of(op)->set(op);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
    }
}

void pin_change_settle(struct operation *op)
{
    struct pin_params params = {.threshold = 0};

    if (pin_params_read(op, &params) == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, params.token);
    }
    if (op->token == NULL || !has_next(op)) {
        operation_failed(op, PS_PROBLEM_KEEPER_UNAVAILABLE,
                         "the appliance stopped before the token heard of a new PIN");
        return;
    }
    if (op->work == NULL) {
        op->work = calloc(1, sizeof(struct pin_work));
        op->free_work = free_work;
    }
    if (op->work == NULL) {
        op->step = OPERATION_OPEN; /* out of memory: tried again */
        return;
    }
    pin_way_of(op)->settle(op);
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
