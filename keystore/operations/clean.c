#include "keystore/operations/internal.h"

#include "keystore/backup/restored.h"
#include "keystore/custody/holdings.h"
#include "keystore/custody/inventory.h"
#include "keystore/custody/records.h"
#include "keystore/events/events.h"
#include "lib/base/encode.h"

#include <stdlib.h>

/* --- What a failed operation left --- */

static void destroy_next(struct operation *op);

static void on_destroyed(void *context, const struct token_answer *answer)
{
    struct operation *op = context;
    const bool is_gone =
        answer->outcome == TOKEN_ANSWERED ||
        (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND);

    op->is_waiting = false;
    operation_note_calls(op, answer);
    if (!is_gone) {
        return; /* clean_retry */
    }
    op->cleaned++;
    destroy_next(op);
}

static void destroy_next(struct operation *op)
{
    struct msg_token_destroy message = {0};
    struct object *object;

    while (op->cleaned < op->object_count && op->objects[op->cleaned].use == OBJECT_KEPT) {
        op->cleaned++;
    }
    if (op->cleaned >= op->object_count) {
        op->objects_made = false;
        commit_begin(op);
        return;
    }
    object = &op->objects[op->cleaned];
    if (object->place.token == NULL) {
        object->place.token = op->token;
    }
    message.object_id = ps_bytes(object->id, OBJECT_ID_LEN);
    op->is_waiting = tokens_call_at(&object->place, &msg_token_destroy_info, &message, 0,
                                    on_destroyed, op) == PS_OK;
}

void clean_and_fail(struct operation *op)
{
    if (!op->objects_made) {
        commit_begin(op);
        return;
    }
    op->step = OPERATION_CLEANING;
    op->cleaned = 0;
    destroy_next(op);
}

void clean_retry(struct operation *op)
{
    if (op->step == OPERATION_CLEANING && !op->is_waiting && tokens_is_ready(op->token)) {
        destroy_next(op);
    }
}

/* --- What a crash left --- */

#define SWEEP_MAX 64u

struct sweep {
    struct operations *operations;
    struct token *token;
    unsigned number;      /* of the token */
    struct operation *op; /* NULL: the sweep at start */
    void (*fn)(struct operation *op, bool is_clean);
    uint8_t ids[SWEEP_MAX][OBJECT_ID_LEN];
    uint64_t revisions[SWEEP_MAX];
    bool is_foreign[SWEEP_MAX]; /* this appliance chose no such id: the row alone goes */
    size_t count;
    size_t at;
    bool is_partial; /* of some id nobody can say now whether it is a key's */
};

static void sweep_next(struct sweep *sweep);

static bool is_of_an_operation(const struct operations *operations, const uint8_t *id)
{
    for (const struct operation *op = operations->first; op != NULL; op = op->next) {
        for (size_t i = 0; i < op->object_count; i++) {
            if (memcmp(op->objects[i].id, id, OBJECT_ID_LEN) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool operations_has_reserved(const struct operations *operations, struct ps_bytes object_id)
{
    return object_id.len == OBJECT_ID_LEN &&
           (is_of_an_operation(operations, object_id.data) ||
            restored_has_reserved(operations->keeper->restored, object_id));
}

bool operations_has_swept(const struct operations *operations, size_t number)
{
    return number < 32 && (operations->swept >> number & 1u) != 0;
}

/*
 * The rows of reserved ids authorise nothing, so that anyone who can write to the database can add
 * one. A key that the log knows is never destroyed for that.
 */
static enum ps_err is_of_a_key(const struct keeper *keeper, const uint8_t *id, bool *ret_of_key)
{
    const struct key_version *owner;
    const enum ps_err err = holdings_owner(keeper, ps_bytes(id, OBJECT_ID_LEN), &owner);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    *ret_of_key = err == PS_OK;
    return PS_OK;
}

/*
 * Left alone. What its rows say is the same at the next sweep: whoever wrote them must not keep the
 * token unswept, and so without inventories. Anything else is looked at again.
 */
static void pass_over(struct sweep *sweep, struct ps_bytes name, enum ps_err err)
{
    ps_line(PS_WARNING, "leftover_not_judged", PS_TEXT("token", tokens_name(sweep->token)),
            PS_TEXT("object", name), PS_STR("detail", ps_detail()->text));
    if (!holdings_is_unclear(err)) {
        sweep->is_partial = true;
        return;
    }
    events_alarm(sweep->operations->keeper, "reserved-id", tokens_name(sweep->token),
                 "what is stored under a reserved id cannot be read; its object was left alone");
}

/* It names what somebody else has in the token, or nothing. */
static void note_foreign(struct sweep *sweep, const uint8_t *id)
{
    struct keeper *keeper = sweep->operations->keeper;
    const bool is_foreign = !object_id_is_chosen(ps_bytes_str(keeper->appliance.origin), id);

    sweep->is_foreign[sweep->count] = is_foreign;
    if (is_foreign) {
        events_alarm(keeper, "reserved-id", tokens_name(sweep->token),
                     "an id is reserved that this appliance never chose; nothing was destroyed");
    }
}

static enum ps_err on_reserved(void *context, const struct catalog_row *row)
{
    struct sweep *sweep = context;
    bool is_of_key;
    enum ps_err err;
    PS_BUF_AUTO id;
    PS_BUF_AUTO body;

    ps_buf_init(&id, OBJECT_ID_LEN);
    ps_buf_init(&body, 1024);
    reserved_put(sweep->token, &body);
    if (sweep->count == SWEEP_MAX || !ps_bytes_equal(row->body, ps_buf_bytes(&body)) ||
        ps_hex_decode(row->name, &id) != PS_OK || id.len != OBJECT_ID_LEN ||
        operations_has_reserved(sweep->operations, ps_buf_bytes(&id))) {
        return PS_OK;
    }
    err = is_of_a_key(sweep->operations->keeper, id.data, &is_of_key);
    if (err != PS_OK) {
        pass_over(sweep, row->name, err);
        return PS_OK;
    }
    if (is_of_key) {
        events_alarm(sweep->operations->keeper, "reserved-id", tokens_name(sweep->token),
                     "a reserved id is that of a key in use; it was left alone");
        return PS_OK;
    }
    note_foreign(sweep, id.data);
    memcpy(sweep->ids[sweep->count], id.data, OBJECT_ID_LEN);
    sweep->revisions[sweep->count] = row->revision;
    sweep->count++;
    return PS_OK;
}

void reserved_put(const struct token *token, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text(&json, "token", tokens_name(token));
    writer_end_object(&json);
}

static void end_sweep(struct sweep *sweep, bool is_clean)
{
    struct operations *operations = sweep->operations;
    struct operation *op = sweep->op;
    void (*fn)(struct operation * op, bool is_clean) = sweep->fn;

    operations->sweep = NULL;
    if (is_clean && op == NULL && sweep->count < SWEEP_MAX) {
        operations->swept |= UINT32_C(1) << sweep->number;
        inventory_tick(operations->keeper->inventory);
    }
    free(sweep);
    if (op != NULL) {
        fn(op, is_clean);
    }
}

static enum ps_err forget_reserved(struct sweep *sweep)
{
    const struct ps_bytes id = ps_bytes(sweep->ids[sweep->at], OBJECT_ID_LEN);
    PS_BUF_AUTO name;

    ps_buf_init(&name, 2 * OBJECT_ID_LEN);
    ps_buf_put_hex(&name, id);
    if (!sweep->is_foreign[sweep->at]) {
        PS_TRY(record_remove(sweep->operations->keeper, id));
    }
    return catalog_apply(sweep->operations->keeper->catalog,
                         &(struct catalog_change){.kind = CATALOG_RESERVED,
                                                  .name = ps_buf_bytes(&name),
                                                  .expected = sweep->revisions[sweep->at]},
                         1, 0, NULL);
}

static void on_swept(void *context, const struct token_answer *answer)
{
    struct sweep *sweep = context;
    const bool is_gone =
        answer->outcome == TOKEN_ANSWERED ||
        (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND);

    if (!is_gone || forget_reserved(sweep) != PS_OK) {
        end_sweep(sweep, false);
        return;
    }
    ps_line(PS_WARNING, "leftover_swept", PS_TEXT("token", tokens_name(sweep->token)));
    sweep->at++;
    sweep_next(sweep);
}

static void sweep_next(struct sweep *sweep)
{
    struct msg_token_destroy message = {0};

    while (sweep->at < sweep->count && sweep->is_foreign[sweep->at]) {
        if (forget_reserved(sweep) != PS_OK) {
            end_sweep(sweep, false);
            return;
        }
        sweep->at++;
    }
    if (sweep->at == sweep->count) {
        end_sweep(sweep, !sweep->is_partial);
        return;
    }
    message.object_id = ps_bytes(sweep->ids[sweep->at], OBJECT_ID_LEN);
    if (tokens_call(sweep->token, &msg_token_destroy_info, &message, 0, on_swept, sweep) != PS_OK) {
        end_sweep(sweep, false);
    }
}

static void begin_sweep(struct operations *operations, unsigned number, struct operation *op,
                        void (*fn)(struct operation *op, bool is_clean))
{
    struct keeper *keeper = operations->keeper;
    struct sweep *sweep = operations->sweep != NULL ? NULL : calloc(1, sizeof *sweep);

    if (sweep == NULL) {
        if (op != NULL) {
            fn(op, false);
        }
        return;
    }
    *sweep = (struct sweep){.operations = operations,
                            .token = tokens_at(keeper->tokens, number),
                            .number = number,
                            .op = op,
                            .fn = fn};
    operations->sweep = sweep;
    if (catalog_list(keeper->catalog, CATALOG_RESERVED, ps_bytes(NULL, 0), UINT32_MAX, on_reserved,
                     sweep) != PS_OK) {
        end_sweep(sweep, false);
        return;
    }
    sweep_next(sweep);
}

void clean_sweep(struct operations *operations)
{
    struct token *token;

    for (unsigned i = 0; (token = tokens_at(operations->keeper->tokens, i)) != NULL; i++) {
        if ((operations->swept >> i & 1u) == 0 && tokens_is_ready(token) &&
            settle_is_quiet(operations, token)) {
            begin_sweep(operations, i, NULL, NULL);
        }
    }
}

void clean_sweep_then(struct operation *op, void (*fn)(struct operation *op, bool is_clean))
{
    unsigned number = 0;

    while (tokens_at(op->keeper->tokens, number) != op->token) {
        number++;
    }
    begin_sweep(op->operations, number, op, fn);
}

void clean_free(struct operations *operations)
{
    free(operations->sweep);
    operations->sweep = NULL;
}
