#include "keystore/operations/internal.h"

#include "keystore/custody/custody.h"
#include "keystore/events/anchor.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/gate/gate.h"
#include "keystore/load.h"
#include "keystore/operations/keys/handlers.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "keystore/tokens/approval.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The end of an operation: one at a time, so that after a crash at most one result is in the log
 * and not yet in the catalog.
 */

static void on_result_durable(void *context, bool is_durable);

static size_t list_changes(const struct operation *op, struct catalog_change *out)
{
    for (size_t i = 0; i < op->change_count; i++) {
        const struct change *change = &op->changes[i];

        out[i] = (struct catalog_change){.kind = change->kind,
                                         .name = ps_buf_bytes(&change->name),
                                         .expected = change->expected,
                                         .body = ps_buf_bytes(&change->body)};
    }
    return op->change_count;
}

/*
 * What only takes away takes effect with its leaf: a signature that comes after it in time must
 * find the key blocked already.
 */
static void set_blocks(const struct operation *op, bool is_blocked)
{
    for (size_t i = 0; i < op->change_count && op->type->narrows; i++) {
        const struct ps_bytes name = ps_buf_bytes(&op->changes[i].name);
        const uint8_t *slash = name.len == 0 ? NULL : memchr(name.data, '/', name.len);
        struct key *key =
            keys_find(op->keeper->keys,
                      ps_bytes(name.data, slash == NULL ? name.len : (size_t)(slash - name.data)));

        if (op->changes[i].kind == CATALOG_APPLIANCE) {
            lock_hold(op->keeper, is_blocked);
        }
        if (key != NULL &&
            (op->changes[i].kind == CATALOG_KEY || op->changes[i].kind == CATALOG_VERSION)) {
            key->is_blocked = is_blocked;
        }
    }
}

/* --- The result leaf --- */

static void put_idempotency(const struct operation *op, struct writer *json)
{
    if (op->idempotency_key.len == 0 || !op->is_done) {
        return;
    }
    writer_begin_object(json, "idempotency");
    writer_octets(json, "body", ps_bytes(op->body_hash, sizeof op->body_hash));
    writer_str(json, "caller", op->caller);
    writer_text(json, "key", ps_buf_bytes(&op->idempotency_key));
    writer_end_object(json);
}

static bool has_effects(const struct operation *op)
{
    return op->is_done || op->is_part;
}

static void put_outcome(const struct operation *op, struct writer *json)
{
    writer_str(json, "outcome", op->is_done ? "done" : "not-done");
    if (!op->is_done) {
        writer_str(json, "problem", ps_problem_info(op->problem)->code);
    }
}

/* Members in the order of RFC 8785. Genesis is the log's first leaf: intent and result in one. */
static enum ps_err put_result(const struct operation *op, struct ps_buf *out)
{
    struct catalog_change changes[CHANGES_MAX];
    const size_t count = list_changes(op, changes);
    struct writer json = writer(out);
    PS_BUF_AUTO effects;

    ps_buf_init(&effects, LOG_ENTRY_MAX);
    writer_begin_object(&json, NULL);
    operation_put_calls(op, &json);
    if (op->type->before_genesis) {
        writer_raw(&json, "document", ps_buf_bytes(&op->document));
    }
    if (has_effects(op)) {
        catalog_put_effects(changes, count, &effects);
        PS_TRY(ps_buf_status(&effects));
        writer_raw(&json, "effects", ps_buf_bytes(&effects));
    }
    put_idempotency(op, &json);
    if (op->type->before_genesis) {
        writer_text(&json, "log_key", ps_buf_bytes(&op->subject));
    }
    writer_str(&json, "operation", op->id);
    if (!op->is_part) {
        put_outcome(op, &json);
    }
    if (op->is_done && op->result.len != 0) {
        writer_raw(&json, "result", ps_buf_bytes(&op->result));
    }
    if (op->type->before_genesis) {
        writer_begin_array(&json, "signatures");
        gate_put_signatures(op->keeper->gate, op->id, &json);
        writer_end_array(&json);
    }
    writer_end_object(&json);
    return ps_buf_status(out);
}

/* What surrounds the data in a leaf: caller, request id, kind, time. */
#define LEAF_REST 512u

/*
 * A result that no leaf can hold would be tried for ever, and everything else wait behind it. The
 * calls in the token are told where there is room for them.
 */
static enum ps_err check_result(struct operation *op)
{
    PS_BUF_AUTO data = {.max = LOG_ENTRY_MAX - LEAF_REST};
    enum ps_err err = put_result(op, &data);

    if (err != PS_OK && op->call_count != 0) {
        operation_leave_calls_out(op);
        ps_buf_clear(&data);
        ps_buf_init(&data, LOG_ENTRY_MAX - LEAF_REST);
        err = put_result(op, &data);
    }
    return err;
}

static const char *kind_of(const struct operation *op)
{
    return op->type->before_genesis ? "genesis" : op->is_part ? "part" : "result";
}

static enum ps_err record(struct operation *op)
{
    PS_BUF_AUTO data;

    ps_buf_init(&data, LOG_ENTRY_MAX);
    PS_TRY(put_result(op, &data));
    op->result_event = log_size(op->keeper->events);
    return events_record(op->keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = kind_of(op),
                                              .caller = ps_bytes_str(op->caller),
                                              .request_id = ps_buf_bytes(&op->request_id),
                                              .data = ps_buf_bytes(&data)},
                         on_result_durable, op);
}

/* --- The rows --- */

static enum ps_err put_own_row(struct operation *op, struct ps_buf *body,
                               struct catalog_change *ret_change)
{
    document_put_row(op, op->is_done ? "done" : "failed", body);
    PS_TRY(ps_buf_status(body));
    *ret_change = (struct catalog_change){.kind = CATALOG_OPERATION,
                                          .name = ps_bytes_str(op->id),
                                          .expected = op->row_revision,
                                          .body = ps_buf_bytes(body)};
    return PS_OK;
}

/*
 * Reserved ids whose keys are in the catalog now, or were destroyed; and what was stored of keys
 * that were not made after all.
 */
static enum ps_err list_reserved(const struct operation *op, struct ps_buf *names,
                                 struct catalog_change *out, size_t *ret_count)
{
    size_t count = 0;

    PS_TRY(objects_put_names(op, names));
    for (size_t i = 0; i < op->object_count; i++) {
        const struct object *object = &op->objects[i];

        if (object->revision != 0 && object->use != OBJECT_LEFT &&
            (!op->is_part || object->use == OBJECT_KEPT)) {
            out[count++] = (struct catalog_change){.kind = CATALOG_RESERVED,
                                                   .name = object_name_at(names, i),
                                                   .expected = object->revision};
        }
        if (object->wrapped_revision != 0 && !has_effects(op) && object->use != OBJECT_KEPT) {
            out[count++] = (struct catalog_change){.kind = CATALOG_WRAPPED,
                                                   .name = object_name_at(names, i),
                                                   .expected = object->wrapped_revision};
        }
    }
    *ret_count = count;
    return PS_OK;
}

static enum ps_err apply(struct operation *op)
{
    PS_CLEANUP(free_changes)
    struct catalog_change *changes = calloc(CHANGES_MAX + 2 * OBJECTS_MAX + 1, sizeof *changes);
    struct catalog_answer answer;
    size_t count = has_effects(op) ? op->change_count : 0;
    size_t reserved = 0;
    PS_BUF_AUTO row = {.max = CATALOG_BODY_MAX};
    PS_BUF_AUTO names = {.max = OBJECT_NAMES_MAX};
    PS_BUF_AUTO memory = {.max = CATALOG_ANSWER_MAX};
    bool remembers;

    if (changes == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)list_changes(op, changes);
    PS_TRY(list_reserved(op, &names, changes + count, &reserved));
    count += reserved;
    if (!op->is_part) {
        PS_TRY(put_own_row(op, &row, &changes[count]));
        count++;
    }
    remembers = op->is_done && idempotency_put_answer(op, &memory, &answer);
    return catalog_apply(op->keeper->catalog, changes, count, op->result_event,
                         remembers ? &answer : NULL);
}

enum ps_err commit_describe(struct operation *op)
{
    struct writer json = writer(&op->body);

    ps_buf_reset(&op->body);
    ps_buf_reset(&op->etag);
    ps_buf_reset(&op->location);
    writer_begin_object(&json, NULL);
    if (op->type->describe != NULL) {
        PS_TRY(op->type->describe(op, &json));
    }
    writer_str(&json, "operation", op->id);
    writer_end_object(&json);
    return ps_buf_status(&op->body);
}

static void answer(struct operation *op)
{
    if (op->is_answered) {
        return;
    }
    op->is_answered = true;
    /* Who heard the answer first would refuse what the operation has made possible. */
    state_tell_changes(op->keeper);
    answer_document(&op->to, &(struct msg_document){.status = op->status,
                                                    .media = MEDIA_JSON,
                                                    .etag = ps_buf_bytes(&op->etag),
                                                    .location = ps_buf_bytes(&op->location),
                                                    .body = ps_buf_bytes(&op->body)});
}

static void ignore_checkpoint(void *context, bool is_signed)
{
    (void)context;
    (void)is_signed; /* the tick tries again */
}

static void start_next(struct operations *operations)
{
    struct operation *next = NULL;

    /* The list has the newest first. */
    for (struct operation *op = operations->first; op != NULL; op = op->next) {
        next = op->step == OPERATION_COMMITTING ? op : next;
    }
    if (next != NULL && operations->committing == NULL) {
        commit_begin(next);
    }
}

static void end(struct operation *op)
{
    struct operations *operations = op->operations;
    struct keeper *keeper = operations->keeper;

    ps_line(PS_INFO, "operation", PS_STR("operation", op->id), PS_STR("type", op->type->name),
            PS_STR("client", op->caller), PS_STR("result", op->is_done ? "done" : "failed"),
            PS_NUM("ms", (ps_clock_real_ns() - op->created_ns) / PS_NS_PER_MS));
    operations->committing = NULL;
    operation_free(op);
    custody_look(keeper->custody); /* a PIN that was put together for it is forgotten */
    anchor_write(keeper->anchor, NULL, NULL);
    checkpoints_request(keeper->checkpoints, ignore_checkpoint, NULL);
    start_next(operations);
}

static enum ps_err take_over(struct operation *op)
{
    struct catalog_change changes[CHANGES_MAX];

    if (!has_effects(op)) {
        return PS_OK;
    }
    return load_changes(op->keeper, changes, list_changes(op, changes), op->result_event);
}

static enum ps_err take_over_keys(struct operation *op)
{
    struct catalog_change changes[CHANGES_MAX];

    if (!has_effects(op)) {
        return PS_OK;
    }
    return load_key_changes(op->keeper, changes, list_changes(op, changes));
}

/* Before genesis no token may be used but by it. */
static void give_up_token(const struct operation *op)
{
    if (op->type->before_genesis && op->token != NULL) {
        tokens_withdraw_approval(op->token);
    }
}

static void use_objects(struct operation *op, enum object_use from, enum object_use to)
{
    for (size_t i = 0; i < op->object_count; i++) {
        op->objects[i].use = op->objects[i].use == from ? to : op->objects[i].use;
    }
}

/* The part is there: what it made is done with, and the operation goes on with the rest. */
static void go_on(struct operation *op)
{
    struct operations *operations = op->operations;

    for (size_t i = 0; i < op->object_count; i++) {
        struct object *object = &op->objects[i];

        object->revision = object->use == OBJECT_KEPT ? 0 : object->revision;
    }
    operation_forget_changes(op);
    operation_forget_calls(op);
    op->is_part = false;
    op->is_recorded = false;
    op->step = OPERATION_EXECUTING;
    operations->committing = NULL;
    checkpoints_request(op->keeper->checkpoints, ignore_checkpoint, NULL);
    start_next(operations); /* who waited for its turn comes first */
    op->type->execute(op);
}

/*
 * The leaf is durable: what it says is so, whatever the database does now. Until the rows are there
 * nothing is signed, and they are tried again.
 */
static void finish(struct operation *op)
{
    struct keeper *keeper = op->keeper;
    enum ps_err err = take_over_keys(op);

    key_rotate_let_finish(op);
    if (err == PS_OK && op->is_done) {
        err = commit_describe(op);
    }
    if (err == PS_OK) {
        err = apply(op);
    }
    if (err != PS_OK) {
        state_raise(keeper, err == PS_E_CONFLICT ? REASON_CATALOG_DIFFERS : REASON_CATALOG_GONE,
                    ps_detail()->text);
        op->is_waiting = false;
        return;
    }
    if (!has_effects(op)) {
        idempotency_forget(op);
        give_up_token(op);
    }
    err = take_over(op);
    if (err != PS_OK) {
        state_raise(keeper, REASON_CATALOG_DIFFERS, ps_detail()->text);
    }
    set_blocks(op, false);
    if (op->is_part) {
        go_on(op);
        return;
    }
    answer(op);
    end(op);
}

/* --- In turn --- */

static enum ps_err check(const struct operation *op)
{
    struct catalog_change changes[CHANGES_MAX];

    return catalog_check_changes(op->keeper->catalog, changes, list_changes(op, changes));
}

static bool needs_leaf(const struct operation *op)
{
    return op->has_intent || has_effects(op);
}

/* It counts as not written: it is recorded when the log works again. */
static void answer_unwritten(struct operation *op)
{
    if (!op->is_answered) {
        answer_problem(&op->to, &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
        op->is_answered = true;
    }
}

static void on_start_durable(void *context, bool is_durable)
{
    struct operation *op = context;

    op->is_waiting = false;
    if (is_durable) {
        finish(op);
    } else {
        answer_unwritten(op);
    }
}

/* The genesis is all that there is: the start of the life that it is done in comes next. */
static bool needs_start(const struct operation *op)
{
    return op->type->before_genesis && log_size(op->keeper->events) == op->result_event + 1;
}

static void record_start(struct operation *op)
{
    op->is_waiting = true;
    if (events_record_start(op->keeper, on_start_durable, op) == PS_OK) {
        return;
    }
    ps_line(PS_WARNING, "start_not_recorded", PS_STR("detail", ps_detail()->text));
    on_start_durable(op, !log_has_failed(op->keeper->events));
}

static void run_recorded(struct operation *op)
{
    if (needs_start(op)) {
        record_start(op);
    } else {
        finish(op);
    }
}

static void on_result_durable(void *context, bool is_durable)
{
    struct operation *op = context;

    op->is_waiting = false;
    if (!is_durable) {
        answer_unwritten(op);
        return;
    }
    op->is_recorded = true;
    use_objects(op, OBJECT_IN_PART, OBJECT_KEPT);
    if (op->type->before_genesis) {
        gate_executed(op->keeper->gate, op->id);
    }
    run_recorded(op);
}

static void run(struct operation *op)
{
    enum ps_err err;

    if (op->is_recorded) {
        run_recorded(op);
        return;
    }
    if (!needs_leaf(op)) {
        finish(op);
        return;
    }
    set_blocks(op, true);
    err = record(op);
    if (err == PS_OK) {
        op->is_waiting = true;
    } else if (!op->is_answered) {
        answer_error(&op->to, err);
        op->is_answered = true;
    }
}

/* What the log would say is not possible: it does not say it. */
static void give_up(struct operation *op)
{
    if (!op->is_part) {
        operation_failed(op, PS_PROBLEM_INTERNAL, "%s", ps_detail()->text);
        return;
    }
    (void)snprintf(op->detail, sizeof op->detail, "%s", ps_detail()->text);
    op->problem = PS_PROBLEM_INTERNAL;
    op->is_part = false;
    op->step = OPERATION_EXECUTING;
    use_objects(op, OBJECT_IN_PART, OBJECT_NEW);
    operation_forget_changes(op);
    op->type->execute(op);
}

/* Of what others have changed since it was checked: it cannot be done any more. */
static void fail_in_turn(struct operation *op, enum ps_err err)
{
    if (err == PS_E_STATE) {
        operation_failed(op, PS_PROBLEM_WRONG_STATE, "%s", ps_detail()->text);
    } else if (err == PS_E_DENIED || err == PS_E_LIMIT) {
        operation_failed(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else {
        operation_failed_error(op, err);
    }
}

static enum ps_err make_rows(struct operation *op)
{
    if (!op->type->rows_in_turn || !op->is_done || op->is_recorded) {
        return PS_OK;
    }
    operation_forget_changes(op);
    return op->type->rows(op);
}

void commit_begin(struct operation *op)
{
    struct operations *operations = op->operations;
    enum ps_err err;

    op->step = OPERATION_COMMITTING;
    op->is_waiting = false;
    if (op->row_revision == 0 && !op->has_intent) {
        /* Nothing of it was ever written. */
        idempotency_forget(op);
        operation_free(op);
        return;
    }
    if (operations->committing != NULL) {
        return;
    }
    err = make_rows(op);
    if (err != PS_OK) {
        fail_in_turn(op, err);
        return;
    }
    if (has_effects(op) && !op->is_recorded &&
        (check(op) != PS_OK || check_result(op) != PS_OK || objects_store_wrapped(op) != PS_OK)) {
        give_up(op);
        return;
    }
    operations->committing = op;
    run(op);
}

void commit_part(struct operation *op)
{
    op->is_part = true;
    commit_begin(op);
}

void commit_retry(struct operations *operations)
{
    struct operation *op = operations->committing;

    if (op == NULL) {
        start_next(operations);
    } else if (!op->is_waiting && !log_has_failed(op->keeper->events)) {
        run(op);
    }
}
