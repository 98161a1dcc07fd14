#include "keystore/operations/keys/batch.h"

#include "keystore/operations/keys/key_params.h"

#include <stdio.h>
#include <stdlib.h>

static enum ps_err read_item(struct item *item, struct json_value value)
{
    struct ps_bytes text;
    PS_BUF_AUTO id = {.max = OBJECT_ID_LEN};

    PS_TRY(document_text(value, "name", &item->name));
    PS_TRY(document_text(value, "object_id", &text));
    PS_TRY(ps_hex_decode(text, &id));
    if (id.len != OBJECT_ID_LEN) {
        return ps_fail(PS_E_INPUT, 0, "object_id: not %u octets", OBJECT_ID_LEN);
    }
    memcpy(item->object->id, id.data, OBJECT_ID_LEN);
    return PS_OK;
}

/* Two keys under one name would be one row twice, two under one id one object. */
static enum ps_err check_twice(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (ps_bytes_equal(batch->items[i].name, batch->items[k].name)) {
                return ps_fail(PS_E_INPUT, 0, "`keys`: %.*s is there twice",
                               PS_BYTES_FMT(batch->items[i].name));
            }
            if (memcmp(batch->items[i].object->id, batch->items[k].object->id, OBJECT_ID_LEN) ==
                0) {
                return ps_fail(PS_E_INPUT, 0, "`keys`: one id in the token is there twice");
            }
        }
    }
    return PS_OK;
}

static enum ps_err read_items(struct batch *batch, struct json_value list)
{
    struct json_value value;
    uint32_t cursor = 0;

    for (size_t i = 0; i < batch->count && json_next(list, &cursor, NULL, &value); i++) {
        batch->items[i].batch = batch;
        batch->items[i].object = &batch->op->objects[i];
        PS_TRY(read_item(&batch->items[i], value));
    }
    batch->op->object_count = batch->count;
    return check_twice(batch);
}

static void free_batch(struct batch *batch)
{
    batch_free(batch);
}
PS_DEFINE_CLEANUP(struct batch, free_batch)

enum ps_err batch_new(struct operation *op, struct batch **ret_batch)
{
    PS_CLEANUP(free_batch_cleanup) struct batch *batch = NULL;
    struct json_value list;
    size_t count;

    if (!json_member(op->params, "keys", &list) || json_type(list) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "no keys");
    }
    count = json_count(list);
    if (count == 0 || count > OBJECTS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "from 1 to %u keys at once", OBJECTS_MAX);
    }
    batch = calloc(1, sizeof *batch + count * sizeof batch->items[0]);
    if (batch == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    batch->op = op;
    batch->count = count;
    batch->begun_ns = ps_clock_mono_ns();
    batch->told_ns = batch->begun_ns;
    PS_TRY(key_params_read(op, &batch->record));
    PS_TRY(read_items(batch, list));
    *ret_batch = batch;
    batch = NULL;
    return PS_OK;
}

void batch_free(void *object)
{
    struct batch *batch = object;

    for (size_t i = 0; batch != NULL && i < batch->count; i++) {
        make_free(batch->items[i].make);
    }
    free(batch);
}

size_t batch_count(const struct batch *batch, enum item_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        count += batch->items[i].state == state ? 1 : 0;
    }
    return count;
}

/* --- One key --- */

static void end_making(struct item *item, enum item_state state)
{
    make_free(item->make);
    item->make = NULL;
    item->state = state;
}

static void give_up(struct item *item, enum ps_problem problem, const char *detail)
{
    struct operation *op = item->batch->op;

    if (op->problem == PS_PROBLEM_NONE) {
        op->problem = problem;
        (void)snprintf(op->detail, sizeof op->detail, "%.*s: %s", PS_BYTES_FMT(item->name), detail);
    }
}

static void on_answer(void *context, const struct token_answer *answer)
{
    struct item *item = context;

    operation_note_calls(item->batch->op, answer);
}

static void on_made(void *context, const struct made *made)
{
    struct item *item = context;

    if (made->spki.len > sizeof item->spki || made->check.len > sizeof item->check) {
        give_up(item, PS_PROBLEM_INTERNAL, "a key that shows too much");
        end_making(item, ITEM_TO_LOOK_FOR);
    } else {
        item->spki_len = made->spki.len;
        if (made->spki.len != 0) {
            memcpy(item->spki, made->spki.data, made->spki.len);
        }
        (void)snprintf(item->kid, sizeof item->kid, "%s", made->kid);
        item->check_len = made->check.len;
        memcpy(item->check, made->check.data, made->check.len);
        end_making(item, ITEM_MADE);
    }
    item->batch->op->type->execute(item->batch->op);
}

/* The token or one of its processes may be away for a moment; what it says of the key itself stays.
 */
static void on_failed(void *context, enum ps_problem problem, const char *detail)
{
    struct item *item = context;

    item->attempts++;
    if (problem != PS_PROBLEM_TOKEN_UNAVAILABLE || item->attempts == BATCH_ATTEMPTS) {
        give_up(item, problem, detail);
    }
    end_making(item, ITEM_TO_LOOK_FOR);
    item->batch->op->type->execute(item->batch->op);
}

static const struct make_calls calls = {
    .answered = on_answer, .made = on_made, .failed = on_failed};

/* False: not now. */
static bool begin(struct item *item, uint32_t process)
{
    struct operation *op = item->batch->op;
    struct make_spec spec = new_key_spec(op, &item->batch->record);

    spec.label = item->name;
    spec.looks_first = item->state == ITEM_TO_LOOK_FOR;
    spec.makes_anew = true;
    item->object->place =
        (struct token_place){.token = op->token, .number = process, .is_known = true};
    if (make_new(&spec, item->object, &calls, item, &item->make) != PS_OK ||
        make_begin(item->make) != PS_OK) {
        end_making(item, item->state);
        return false;
    }
    item->state = ITEM_MAKING;
    return true;
}

/* --- Where --- */

static bool is_busy(const struct batch *batch, uint32_t process)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].state == ITEM_MAKING &&
            batch->items[i].object->place.number == process) {
            return true;
        }
    }
    return false;
}

/* What one process may have made is looked for there, and anything else is made by any of them. */
static struct item *next_for(struct batch *batch, uint32_t process)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        const struct token_place *place = &item->object->place;

        if (item->state == ITEM_TO_MAKE ||
            (item->state == ITEM_TO_LOOK_FOR && (!place->is_known || place->number == process))) {
            return item;
        }
    }
    return NULL;
}

void batch_fill(struct batch *batch)
{
    struct token_view view;

    for (size_t i = 0; tokens_view(batch->op->token, i, &view); i++) {
        struct item *item = view.state == TOKEN_READY && !is_busy(batch, view.number)
                                ? next_for(batch, view.number)
                                : NULL;

        if (item != NULL && !begin(item, view.number)) {
            return; /* the tick tries again */
        }
    }
}
