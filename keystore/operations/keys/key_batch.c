#include "keystore/operations/keys/batch.h"

#include "keystore/operations/keys/handlers.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "lib/ceremony/operation/keys.h"

#include <stdio.h>

/*
 * Many keys that differ in their names alone, in one operation: one approval of each person. What
 * is made is recorded in parts and stays, whatever becomes of the rest.
 */

#define TELL_NS     (5 * PS_NS_PER_S)  /* between lines that say how far it is */
#define PATIENCE_NS (10 * PS_NS_PER_S) /* after that who asked is told that it goes on */

/* So much of a leaf may be taken when the rows of one more key are added. */
#define PART_OCTETS (LOG_ENTRY_MAX / 2)

bool key_batch_resolve(struct operation *op, struct json_value body)
{
    return new_key_resolve(op, body, true);
}

/* Every rule holds for each of them, and none of their names is taken. */
static bool may_make(struct operation *op, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct key_record record = batch->record;

        record.name = batch->items[i].name;
        if (!new_key_obeys_rules(op, &record)) {
            return false;
        }
        if (keys_find(op->keeper->keys, record.name) != NULL) {
            operation_refuse(op, PS_PROBLEM_CONFLICT, "the key %.*s exists already",
                             PS_BYTES_FMT(record.name));
            return false;
        }
    }
    return new_key_has_its_token(op, batch->record.token) && new_key_can_live(op, &batch->record) &&
           new_key_fits_sets(op, &batch->record);
}

static enum ps_err begin(struct operation *op)
{
    struct batch *batch = NULL;

    PS_TRY(batch_new(op, &batch));
    op->work = batch;
    op->free_work = batch_free;
    op->to_make = batch->count;
    return PS_OK;
}

bool key_batch_check(struct operation *op)
{
    const enum ps_err err = op->work == NULL ? begin(op) : PS_OK;

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return may_make(op, op->work);
}

/* --- Parts --- */

/* As many of those that are made as one leaf takes; false: some are left. */
static bool put_made(struct batch *batch)
{
    struct operation *op = batch->op;
    size_t octets = 0;

    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        struct key_record record = batch->record;

        if (item->state != ITEM_MADE) {
            continue;
        }
        if (octets > PART_OCTETS || op->change_count + 2 > CHANGES_MAX) {
            return false;
        }
        record.name = item->name;
        new_key_put_rows(op, &record, item->object,
                         &(struct made){.spki = ps_bytes(item->spki, item->spki_len),
                                        .kid = item->kid,
                                        .check = ps_bytes(item->check, item->check_len)});
        octets +=
            op->changes[op->change_count - 1].body.len + op->changes[op->change_count - 2].body.len;
        item->object->use = OBJECT_IN_PART;
        item->state = ITEM_RECORDING;
    }
    return true;
}

/* Of a part, or of the end: those that the leaf names. */
enum ps_err key_batch_rows(struct operation *op)
{
    struct batch *batch;

    PS_TRY(batch_new(op, &batch));
    op->work = batch;
    op->free_work = batch_free;
    for (size_t i = 0; i < batch->count; i++) {
        struct key_record record = batch->record;
        struct retraced_key made;
        enum ps_err err;

        record.name = batch->items[i].name;
        err = retrace_take_made(op, record.type, batch->items[i].object, &made);
        if (err == PS_E_NOT_FOUND) {
            continue;
        }
        PS_TRY(err);
        if (op->change_count + 2 > CHANGES_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "more than %u rows change", CHANGES_MAX);
        }
        new_key_put_rows(op, &record, batch->items[i].object, &made.made);
    }
    return PS_OK;
}

/* When it comes back from a part: those are recorded, or they never could be. */
static void take_part(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];

        if (item->state == ITEM_RECORDING) {
            item->state = item->object->use == OBJECT_KEPT ? ITEM_RECORDED : ITEM_TO_LOOK_FOR;
        }
    }
}

/* --- On and on --- */

static void tell(struct batch *batch)
{
    struct operation *op = batch->op;
    const uint64_t now_ns = ps_clock_mono_ns();

    op->made = batch_count(batch, ITEM_MADE) + batch_count(batch, ITEM_RECORDING) +
               batch_count(batch, ITEM_RECORDED);
    if (now_ns - batch->told_ns >= TELL_NS) {
        batch->told_ns = now_ns;
        ps_line(PS_INFO, "operation_progress", PS_STR("operation", op->id),
                PS_STR("type", op->type->name), PS_NUM("made", op->made),
                PS_NUM("of", op->to_make));
    }
    if (!op->is_answered && now_ns - batch->begun_ns >= PATIENCE_NS) {
        operation_answer_executing(&op->to, op);
        op->is_answered = true;
    }
}

/* Whatever is not recorded goes, once nothing is on its way any more. */
static void fail(struct batch *batch)
{
    struct operation *op = batch->op;
    const size_t recorded = batch_count(batch, ITEM_RECORDED);
    char why[sizeof op->detail];

    if (batch_count(batch, ITEM_MAKING) != 0) {
        return;
    }
    (void)snprintf(why, sizeof why, "%s", op->detail);
    operation_failed(op, op->problem, "%zu of %zu keys were made: %s", recorded, batch->count, why);
}

static void record_what_is_due(struct batch *batch)
{
    struct operation *op = batch->op;
    const size_t made = batch_count(batch, ITEM_MADE);
    const bool is_last = made + batch_count(batch, ITEM_RECORDED) == batch->count;

    if (!is_last && made < BATCH_PART) {
        return;
    }
    if (put_made(batch) && is_last) {
        operation_done(op);
    } else {
        commit_part(op);
    }
}

/*
 * Nothing more is made in the token while the log or the catalog is not what it should be, or after
 * an officer has locked the appliance; what is left is made when that is over.
 */
static bool may_make_more(const struct operation *op)
{
    return op->problem == PS_PROBLEM_NONE && !lock_is_on(op->keeper) &&
           state_refuses_change(op->keeper) == PS_PROBLEM_NONE;
}

/* Whenever something has ended: a key, a part, a second. */
static void go_on(struct batch *batch)
{
    struct operation *op = batch->op;

    if (op->step == OPERATION_EXECUTING) {
        take_part(batch);
    }
    tell(batch);
    if (may_make_more(op)) {
        batch_fill(batch);
    }
    if (op->step != OPERATION_EXECUTING) {
        return; /* a part is being recorded, and comes back here */
    }
    if (op->problem != PS_PROBLEM_NONE) {
        fail(batch);
    } else {
        record_what_is_due(batch);
    }
}

/* Of keys that differ in their names alone. */
static enum ps_err check_rules(const struct batch *batch)
{
    struct key_record record = batch->record;

    record.name = batch->items[0].name;
    return new_key_check_rules(&record);
}

static enum ps_err prepare(struct operation *op)
{
    struct batch *batch;

    if (op->work == NULL) {
        PS_TRY(begin(op));
    }
    batch = op->work;
    PS_TRY(check_rules(batch));
    op->token = tokens_find(op->keeper->tokens, batch->record.token);
    if (op->token == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "the token is not configured");
    }
    op->goes_on = true;
    op->objects_made = true;
    return PS_OK;
}

void key_batch_execute(struct operation *op)
{
    const enum ps_err err = op->goes_on ? PS_OK : prepare(op);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        go_on(op->work);
    }
}

static bool is_recorded(const struct item *item)
{
    const struct key *key = keys_find(item->batch->op->keeper->keys, item->name);
    const struct key_version *version = key == NULL ? NULL : key_version(key, 1);

    return version != NULL &&
           ps_bytes_equal(version_object_id(version), ps_bytes(item->object->id, OBJECT_ID_LEN));
}

/*
 * After a crash: what is recorded stays, the rest is looked for in the token, and made. Nothing is
 * taken away before it is known what is recorded: without that it stays open.
 */
void key_batch_settle(struct operation *op)
{
    struct batch *batch;

    /* The part that the crash cut off from its rows gives back what was reserved for it. */
    remembered_finish(op->operations);
    if (prepare(op) != PS_OK || settle_take_reserved(op) != PS_OK) {
        op->goes_on = false;
        op->step = OPERATION_OPEN;
        return;
    }
    batch = op->work;
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];

        item->state = is_recorded(item) ? ITEM_RECORDED : ITEM_TO_LOOK_FOR;
        item->object->use = item->state == ITEM_RECORDED ? OBJECT_KEPT : OBJECT_NEW;
    }
    go_on(batch);
}

enum ps_err key_batch_describe(struct operation *op, struct writer *json)
{
    struct operation_keys keys =
        operation_keys(operation_type_info_find(ps_bytes_str(op->type->name)), op->params);
    struct ps_bytes name;
    struct key *key;

    writer_begin_array(json, "keys");
    while (operation_keys_next(&keys, &name)) {
        key = keys_find(op->keeper->keys, name);
        if (key == NULL || key_latest(key) == NULL) {
            return ps_fail(PS_E_INTERNAL, 0, "a key that was made is not there");
        }
        writer_begin_object(json, NULL);
        writer_str(json, "name", key->name);
        writer_number(json, "version", 1);
        writer_text_if(json, "kid", ps_bytes_str(key_latest(key)->kid));
        writer_end_object(json);
    }
    writer_end_array(json);
    ps_buf_put_str(&op->location, "/v1/keys");
    return ps_buf_status(json->out);
}
