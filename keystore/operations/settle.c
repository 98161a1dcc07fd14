#include "keystore/operations/internal.h"

#include "keystore/custody/holdings.h"
#include "keystore/gate/gate.h"
#include "keystore/state/state.h"
#include "lib/base/encode.h"

/* After a crash: operations that were begun, and one whose result came just before it. */

static const struct json_limits data_limits = {LOG_ENTRY_MAX, 12, 20000};

bool operation_is_alive(const struct operations *operations, const struct operation *op)
{
    for (const struct operation *at = operations->first; at != NULL; at = at->next) {
        if (at == op) {
            return true;
        }
    }
    return false;
}

static enum ps_err copy_id(struct operation *op, struct ps_bytes id)
{
    if (id.len != OPERATION_ID_LEN) {
        return ps_fail(PS_E_INPUT, 0, "an operation's id of %zu octets", id.len);
    }
    memcpy(op->id, id.data, id.len);
    return PS_OK;
}

static enum ps_err take_objects(struct operation *op, struct json_value data)
{
    struct json_value list;

    if (!json_member(data, "objects", &list)) {
        return PS_OK;
    }
    return document_objects(op, list);
}

/* Caller, key and hash of the request, so that its repetition is answered as it would have been. */
static enum ps_err take_idempotency(struct operation *op, struct json_value data)
{
    struct json_value value;
    struct ps_bytes text;
    PS_BUF_AUTO hash;

    ps_buf_init(&hash, PS_SHA256_LEN);
    if (!json_member(data, "idempotency", &value)) {
        return PS_OK;
    }
    PS_TRY(document_text(value, "key", &text));
    ps_buf_put(&op->idempotency_key, text);
    PS_TRY(document_text(value, "body", &text));
    PS_TRY(ps_base64url_decode(text, &hash));
    if (hash.len == PS_SHA256_LEN) {
        memcpy(op->body_hash, hash.data, PS_SHA256_LEN);
    }
    return ps_buf_status(&op->idempotency_key);
}

static enum ps_err take_revision(struct keeper *keeper, enum catalog_kind kind,
                                 struct ps_bytes name, uint64_t *ret_revision)
{
    ROW_AUTO row = {.parser = NULL};
    const enum ps_err err = row_read(keeper, kind, name, &row);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    *ret_revision = err == PS_OK ? row.revision : 0;
    return PS_OK;
}

enum ps_err settle_take_reserved(struct operation *op)
{
    PS_BUF_AUTO names = {.max = OBJECT_NAMES_MAX};

    PS_TRY(objects_put_names(op, &names));
    for (size_t i = 0; i < op->object_count; i++) {
        const struct ps_bytes name = object_name_at(&names, i);
        struct object *object = &op->objects[i];

        PS_TRY(take_revision(op->keeper, CATALOG_RESERVED, name, &object->revision));
        PS_TRY(take_revision(op->keeper, CATALOG_WRAPPED, name, &object->wrapped_revision));
    }
    return PS_OK;
}

/* What its row says of the people who signed it: for readers, as all of the row is. */
static void take_signatures(struct operation *op, struct json_value row)
{
    struct json_value list;

    if (json_member(row, "signatures", &list)) {
        ps_buf_put(&op->signatures, json_raw(list));
    }
}

/* Its own row, and the reserved ids, as they stand in the catalog; either may be gone with it. */
static enum ps_err take_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    enum ps_err err = row_read(op->keeper, CATALOG_OPERATION, ps_bytes_str(op->id), &row);
    struct ps_bytes text;

    if (err == PS_OK) {
        op->row_revision = row.revision;
        PS_TRY(document_text(row.body, "caller", &text));
        memcpy(op->caller, text.data, text.len < PS_NAME_MAX ? text.len : PS_NAME_MAX);
        PS_TRY(document_text(row.body, "request_id", &text));
        ps_buf_put(&op->request_id, text);
        take_signatures(op, row.body);
    } else if (err != PS_E_NOT_FOUND) {
        return err;
    }
    return settle_take_reserved(op);
}

static enum ps_err take_type(struct operations *operations, struct json_value data,
                             struct operation **ret_op)
{
    struct json_value document;
    struct ps_bytes name;
    const struct operation_type *type;

    if (!json_member(data, "document", &document)) {
        return ps_fail(PS_E_INPUT, 0, "an intent without a document");
    }
    PS_TRY(document_text(document, "type", &name));
    type = operation_type_find(name);
    if (type == NULL) {
        return ps_fail(PS_E_STATE, 0, "an operation of a type that this program does not know");
    }
    *ret_op = operation_new(operations, type);
    if (*ret_op == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "too many operations are open");
    }
    (*ret_op)->is_answered = true;
    return document_parse(*ret_op, json_raw(document));
}

static enum ps_err take_intent(struct operations *operations, struct json_value data,
                               struct operation **ret_op)
{
    struct ps_bytes id;
    enum ps_err err = take_type(operations, data, ret_op);

    PS_TRY(err);
    PS_TRY(document_text(data, "operation", &id));
    PS_TRY(copy_id(*ret_op, id));
    PS_TRY(take_objects(*ret_op, data));
    PS_TRY(take_idempotency(*ret_op, data));
    return take_rows(*ret_op);
}

static bool is_open(const struct operations *operations, struct ps_bytes id)
{
    for (const struct operation *op = operations->first; op != NULL; op = op->next) {
        if (ps_bytes_equal_str(id, op->id)) {
            return true;
        }
    }
    return false;
}

enum ps_err operations_take_intent(struct operations *operations, struct ps_bytes data,
                                   bool has_ended)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct operation *op = NULL;
    struct json_value root;
    struct ps_bytes id;
    enum ps_err err;

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, data, &data_limits, &root));
    PS_TRY(document_text(root, "operation", &id));
    if (is_open(operations, id)) {
        return PS_OK; /* of a start that failed half way */
    }
    err = take_intent(operations, root, &op);
    if (err != PS_OK) {
        if (op != NULL) {
            operation_free(op);
        }
        return err;
    }
    op->step = OPERATION_OPEN;
    op->has_intent = true;
    op->has_ended = has_ended;
    /* Nobody else works on the same before it is settled. */
    if (op->type->lock != NULL) {
        op->type->lock(op);
    }
    ps_line(PS_WARNING, "operation_open", PS_STR("operation", op->id),
            PS_STR("type", op->type->name));
    return PS_OK;
}

static unsigned number_of(const struct operations *operations, const struct token *token)
{
    unsigned number = 0;

    while (tokens_at(operations->keeper->tokens, number) != token) {
        number++;
    }
    return number;
}

static void on_quiet(void *context, struct token *token)
{
    struct operations *operations = context;

    operations->quiet |= UINT32_C(1) << number_of(operations, token);
    operations_token_changed(operations, token);
}

bool settle_is_quiet(struct operations *operations, struct token *token)
{
    const unsigned number = number_of(operations, token);

    if (((operations->quiet | operations->quieting) >> number & 1u) != 0) {
        return (operations->quiet >> number & 1u) != 0;
    }
    operations->quieting |= UINT32_C(1) << number;
    if (!tokens_wait_quiet(token, on_quiet, operations)) {
        operations->quieting &= ~(UINT32_C(1) << number);
    }
    return false;
}

/* Those of keys that are recorded are keys' by now. Errors: nothing can be said of one now. */
static enum ps_err leave_objects(struct operation *op)
{
    for (size_t i = 0; i < op->object_count; i++) {
        const struct key_version *owner;
        const enum ps_err err =
            holdings_owner(op->keeper, ps_bytes(op->objects[i].id, OBJECT_ID_LEN), &owner);

        if (err != PS_OK && err != PS_E_NOT_FOUND && !holdings_is_unclear(err)) {
            return err;
        }
        op->objects[i].use = err == PS_E_NOT_FOUND ? OBJECT_LEFT : OBJECT_KEPT;
    }
    return PS_OK;
}

void settle_without_token(struct operation *op, const char *left)
{
    if (leave_objects(op) != PS_OK) {
        ps_line(PS_ERROR, "operation_not_settled", PS_STR("operation", op->id),
                PS_STR("detail", ps_detail()->text));
        op->step = OPERATION_OPEN;
        return;
    }
    operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token has left the configuration: %s",
                     left);
}

void settle_open(struct operation *op)
{
    struct token *token = keeper_main_token(op->keeper);
    struct ps_bytes name;

    if (op->has_ended && op->type->rows == NULL) {
        operation_done(op);
        return;
    }
    if (op->type->settle == NULL) {
        operation_failed(op, PS_PROBLEM_KEEPER_UNAVAILABLE,
                         "the appliance stopped before it was done");
        return;
    }
    if (document_text(op->params, "token", &name) == PS_OK) {
        token = tokens_find(op->keeper->tokens, name);
    }
    if (token != NULL && !op->type->settles_early &&
        (!tokens_is_ready(token) || !settle_is_quiet(op->operations, token))) {
        return; /* looked at again when it is there */
    }
    op->step = OPERATION_EXECUTING;
    if (token == NULL && !op->type->settles_unconfigured) {
        settle_without_token(op, "what it was making there is destroyed should it come back");
    } else {
        op->type->settle(op);
    }
}

static enum ps_err document_of_row(struct operation *op, struct row *row)
{
    struct json_value document;

    PS_TRY(row_read(op->keeper, CATALOG_OPERATION, ps_bytes_str(op->id), row));
    if (!json_member(row->body, "document", &document)) {
        return ps_fail(PS_E_INPUT, 0, "an operation's row without a document");
    }
    op->row_revision = row->revision;
    take_signatures(op, row->body);
    return document_parse(op, json_raw(document));
}

/* --- Rows of operations that never came to an intent --- */

struct orphans {
    struct operations *operations;
    char ids[OPERATIONS_MAX][OPERATION_ID_LEN + 1];
    size_t count;
};

/* Looked for in the text first: most rows are those of operations that are long done. */
static bool says_it_is_executed(struct ps_bytes body)
{
    static const char text[] = "\"state\":\"executing\"";
    static const struct json_limits limits = {CATALOG_BODY_MAX, 12, 20000};
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value row;
    struct ps_bytes state;

    return memmem(body.data, body.len, text, sizeof text - 1) != NULL &&
           json_new(&parser) == PS_OK && json_parse(parser, body, &limits, &row) == PS_OK &&
           json_type(row) == JSON_OBJECT && document_text(row, "state", &state) == PS_OK &&
           ps_bytes_equal_str(state, "executing");
}

static enum ps_err find_orphan(void *context, const struct catalog_row *row)
{
    struct orphans *orphans = context;
    const struct operations *operations = orphans->operations;
    uint8_t hash[PS_SHA256_LEN];

    if (row->name.len != OPERATION_ID_LEN || orphans->count == OPERATIONS_MAX ||
        !says_it_is_executed(row->body) || is_open(operations, row->name) ||
        gate_find_waiting(operations->keeper->gate, row->name, hash) != PS_E_NOT_FOUND) {
        return PS_OK;
    }
    memcpy(orphans->ids[orphans->count], row->name.data, OPERATION_ID_LEN);
    orphans->ids[orphans->count++][OPERATION_ID_LEN] = 0;
    return PS_OK;
}

static enum ps_err close_row(struct operations *operations, const char *id)
{
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes text;
    const struct operation_type *type;
    struct operation *op;

    PS_TRY(row_read(operations->keeper, CATALOG_OPERATION, ps_bytes_str(id), &row));
    PS_TRY(document_text(row.body, "type", &text));
    type = operation_type_find(text);
    op = type == NULL ? NULL : operation_new(operations, type);
    if (op == NULL) {
        return ps_fail(PS_E_STATE, 0, "no such type, or no memory");
    }
    op->is_answered = true;
    memcpy(op->id, id, OPERATION_ID_LEN);
    row_clear(&row);
    if (document_of_row(op, &row) != PS_OK) {
        operation_free(op);
        return PS_E_INPUT;
    }
    operation_failed(op, PS_PROBLEM_KEEPER_UNAVAILABLE, "the appliance stopped before it began");
    return PS_OK;
}

static void close_orphans(struct operations *operations)
{
    struct orphans orphans = {.operations = operations};
    enum ps_err err = catalog_list(operations->keeper->catalog, CATALOG_OPERATION,
                                   ps_bytes(NULL, 0), UINT32_MAX, find_orphan, &orphans);

    if (err != PS_OK) {
        ps_line(PS_WARNING, "operations_not_closed", PS_STR("detail", ps_detail()->text));
    }
    for (size_t i = 0; i < orphans.count; i++) {
        if (close_row(operations, orphans.ids[i]) != PS_OK) {
            ps_line(PS_WARNING, "operation_not_closed", PS_STR("operation", orphans.ids[i]),
                    PS_STR("detail", ps_detail()->text));
        }
    }
}

void operations_settle(struct operations *operations)
{
    if (operations->keeper->catalog != NULL &&
        state_refuses_change(operations->keeper) == PS_PROBLEM_NONE) {
        remembered_finish(operations);
        close_orphans(operations);
    }
    operations_tick(operations);
}

/* --- A result that came just before the crash --- */

enum ps_err operations_restore_result(struct operations *operations, struct ps_bytes data)
{
    ps_buf_put(&operations->restored, data);
    return ps_buf_status(&operations->restored);
}

void remembered_free(struct operations *operations)
{
    ps_buf_clear(&operations->restored);
}

static enum ps_err store_restored(struct operation *op)
{
    struct catalog_answer answer;
    struct catalog_change change;
    bool remembers;
    PS_BUF_AUTO body;
    PS_BUF_AUTO memory;

    ps_buf_init(&body, CATALOG_BODY_MAX);
    ps_buf_init(&memory, CATALOG_ANSWER_MAX);
    PS_TRY(commit_describe(op));
    document_put_row(op, "done", &body);
    PS_TRY(ps_buf_status(&body));
    change = (struct catalog_change){.kind = CATALOG_OPERATION,
                                     .name = ps_bytes_str(op->id),
                                     .expected = op->row_revision,
                                     .body = ps_buf_bytes(&body)};
    remembers = idempotency_put_answer(op, &memory, &answer);
    return catalog_apply(op->keeper->catalog, &change, 1, 0, remembers ? &answer : NULL);
}

static enum ps_err forget_reserved_id(struct keeper *keeper, struct ps_bytes text)
{
    ROW_AUTO row = {.parser = NULL};
    struct catalog_change change = {.kind = CATALOG_RESERVED};
    enum ps_err err;
    PS_BUF_AUTO id;
    PS_BUF_AUTO name;

    ps_buf_init(&id, KEY_OBJECT_ID_MAX);
    ps_buf_init(&name, 2 * KEY_OBJECT_ID_MAX);
    PS_TRY(ps_base64url_decode(text, &id));
    ps_buf_put_hex(&name, ps_buf_bytes(&id));
    err = row_read(keeper, CATALOG_RESERVED, ps_buf_bytes(&name), &row);
    if (err != PS_OK) {
        return err == PS_E_NOT_FOUND ? PS_OK : err;
    }
    change.name = ps_buf_bytes(&name);
    change.expected = row.revision;
    return catalog_apply(keeper->catalog, &change, 1, 0, NULL);
}

/* Ids of what it made are those of versions of keys by now: nothing of them is to be swept. */
static enum ps_err forget_reserved(struct keeper *keeper, struct json_value data)
{
    struct json_value list;
    struct json_value effect;
    struct json_value row;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (!json_member(data, "effects", &list)) {
        return PS_OK;
    }
    while (json_next(list, &cursor, NULL, &effect)) {
        if (json_member(effect, "row", &row) && document_text(row, "object_id", &text) == PS_OK) {
            PS_TRY(forget_reserved_id(keeper, text));
        }
    }
    return PS_OK;
}

/* What its row and the answer to a repetition say of it: for readers, as all of both is. */
static enum ps_err take_result(struct operation *op, struct json_value data)
{
    struct json_value result;

    if (json_member(data, "result", &result)) {
        ps_buf_put(&op->result, json_raw(result));
    }
    return ps_buf_status(&op->result);
}

static enum ps_err restore(struct operations *operations, struct json_value data,
                           struct operation **ret_op)
{
    ROW_AUTO row = {.parser = NULL};
    struct json_value idempotency;
    struct ps_bytes text;
    struct ps_bytes id;
    const struct operation_type *type;

    if (!json_member(data, "outcome", &idempotency)) {
        return PS_OK; /* a part: its operation is open, and settled */
    }
    PS_TRY(document_text(data, "operation", &id));
    PS_TRY(row_read(operations->keeper, CATALOG_OPERATION, id, &row));
    PS_TRY(document_text(row.body, "type", &text));
    type = operation_type_find(text);
    *ret_op = type == NULL ? NULL : operation_new(operations, type);
    if (*ret_op == NULL) {
        return ps_fail(PS_E_STATE, 0, "no such type, or no memory");
    }
    row_clear(&row);
    (*ret_op)->is_answered = true;
    (*ret_op)->is_done = true;
    PS_TRY(copy_id(*ret_op, id));
    PS_TRY(document_of_row(*ret_op, &row));
    PS_TRY(take_idempotency(*ret_op, data));
    PS_TRY(take_result(*ret_op, data));
    if (json_member(data, "idempotency", &idempotency)) {
        PS_TRY(document_text(idempotency, "caller", &text));
        memcpy((*ret_op)->caller, text.data, text.len < PS_NAME_MAX ? text.len : PS_NAME_MAX);
    }
    return store_restored(*ret_op);
}

/* Bookkeeping: what goes wrong here costs a remembered answer, nothing else. */
void remembered_finish(struct operations *operations)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct operation *op = NULL;
    struct json_value root;
    enum ps_err err;

    if (operations->restored.len == 0) {
        return;
    }
    err = json_new(&parser);
    if (err == PS_OK) {
        err = json_parse(parser, ps_buf_bytes(&operations->restored), &data_limits, &root);
    }
    if (err == PS_OK) {
        err = forget_reserved(operations->keeper, root);
    }
    if (err == PS_OK) {
        err = restore(operations, root, &op);
    }
    if (op != NULL) {
        operation_free(op);
    }
    if (err != PS_OK) {
        ps_line(PS_WARNING, "operation_not_restored", PS_STR("detail", ps_detail()->text));
    }
    ps_buf_clear(&operations->restored);
}
