#include "keystore/operations/internal.h"

#include "keystore/events.h"
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
    if (!is_gone) {
        return; /* clean_retry */
    }
    op->cleaned++;
    destroy_next(op);
}

static void destroy_next(struct operation *op)
{
    struct msg_token_destroy message;

    if (op->cleaned >= op->object_count) {
        op->objects_made = false;
        commit_begin(op);
        return;
    }
    message.object_id = ps_bytes(op->objects[op->cleaned].id, OBJECT_ID_LEN);
    op->is_waiting =
        tokens_call_at(&op->place, &msg_token_destroy_info, &message, 0, on_destroyed, op) == PS_OK;
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
    size_t count;
    size_t at;
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

/*
 * The rows of reserved ids authorise nothing, so that anyone who can write to the database can add
 * one. A key that the log knows is never destroyed for that.
 */
static bool is_of_a_key(const struct keeper *keeper, const uint8_t *id)
{
    size_t cursor = 0;
    struct key *key;

    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        for (size_t i = 0; i < key->version_count; i++) {
            if (ps_bytes_equal(version_object_id(key->versions[i]), ps_bytes(id, OBJECT_ID_LEN))) {
                return true;
            }
        }
    }
    return false;
}

static enum ps_err on_reserved(void *context, const struct catalog_row *row)
{
    struct sweep *sweep = context;
    PS_BUF_AUTO id;
    PS_BUF_AUTO body;

    ps_buf_init(&id, OBJECT_ID_LEN);
    ps_buf_init(&body, 1024);
    reserved_put(sweep->token, &body);
    if (sweep->count == SWEEP_MAX || !ps_bytes_equal(row->body, ps_buf_bytes(&body)) ||
        ps_hex_decode(row->name, &id) != PS_OK || id.len != OBJECT_ID_LEN ||
        is_of_an_operation(sweep->operations, id.data)) {
        return PS_OK;
    }
    if (is_of_a_key(sweep->operations->keeper, id.data)) {
        events_alarm(sweep->operations->keeper, "reserved-id", tokens_name(sweep->token),
                     "a reserved id is that of a key in use; it was left alone");
        return PS_OK;
    }
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

    operations->is_sweeping = false;
    if (is_clean && op == NULL && sweep->count < SWEEP_MAX) {
        operations->swept |= UINT32_C(1) << sweep->number;
    }
    free(sweep);
    if (op != NULL) {
        fn(op, is_clean);
    }
}

static enum ps_err forget_reserved(struct sweep *sweep)
{
    PS_BUF_AUTO name;

    ps_buf_init(&name, 2 * OBJECT_ID_LEN);
    ps_buf_put_hex(&name, ps_bytes(sweep->ids[sweep->at], OBJECT_ID_LEN));
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
    struct msg_token_destroy message;

    if (sweep->at == sweep->count) {
        end_sweep(sweep, true);
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
    struct sweep *sweep = operations->is_sweeping ? NULL : calloc(1, sizeof *sweep);

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
    operations->is_sweeping = true;
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
