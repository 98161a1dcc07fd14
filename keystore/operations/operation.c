#include "keystore/operations/internal.h"

#include "keystore/callers/authority.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/gate/gate.h"
#include "keystore/state/check.h"
#include "keystore/state/state.h"
#include "lib/ceremony/operation/keys.h"

#include <assert.h>
#include <stdlib.h>

#define TEXT_MAX 2048u
#define BODY_MAX (IPC_DOCUMENT_MAX)

static void on_intent_durable(void *context, bool is_durable);

static void init_buffers(struct operation *op)
{
    ps_buf_init(&op->request_id, TEXT_MAX);
    ps_buf_init(&op->subject, TEXT_MAX);
    ps_buf_init(&op->reason, TEXT_MAX);
    ps_buf_init(&op->requester, TEXT_MAX);
    ps_buf_init(&op->ceremony, TEXT_MAX);
    ps_buf_init(&op->ceremony_step, TEXT_MAX);
    ps_buf_init(&op->if_match, TEXT_MAX);
    ps_buf_init(&op->idempotency_key, TEXT_MAX);
    ps_buf_init(&op->locks, LOCKS_MAX);
    ps_buf_init(&op->signatures, LOG_ENTRY_MAX);
    ps_buf_init(&op->calls, CALLS_OCTETS_MAX);
    ps_buf_init(&op->result, LOG_ENTRY_MAX);
    ps_buf_init(&op->resolved, DOCUMENT_MAX);
    ps_buf_init(&op->document, DOCUMENT_MAX);
    ps_buf_init(&op->location, TEXT_MAX);
    ps_buf_init(&op->body, BODY_MAX);
    ps_buf_init(&op->etag, TEXT_MAX);
}

/*
 * A little more than the id before: what is asked for within a millisecond, or while the clock is
 * set back, still sorts in the order of asking (RFC 9562, section 6.2, method 2).
 */
static void follow(const uint8_t before[OPERATION_ID_OCTETS],
                   uint8_t ret_octets[OPERATION_ID_OCTETS])
{
    uint32_t more;

    ps_random(&more, sizeof more);
    for (uint64_t i = OPERATION_ID_OCTETS, sum = (uint64_t)more + 1; i-- > 0; sum >>= 8) {
        sum += before[i];
        ret_octets[i] = (uint8_t)sum;
    }
}

/* 48 bits of milliseconds, then chance: sorts by time, and in one life of the keeper by order. */
static void make_id(struct operations *operations, char out[OPERATION_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    const uint64_t ms = ps_clock_real_ns() / PS_NS_PER_MS;
    uint8_t octets[OPERATION_ID_OCTETS];

    ps_random(octets, sizeof octets);
    for (unsigned i = 0; i < 6; i++) {
        octets[i] = (uint8_t)(ms >> (8 * (5 - i)));
    }
    if (memcmp(octets, operations->last_id, sizeof octets) <= 0) {
        follow(operations->last_id, octets);
    }
    memcpy(operations->last_id, octets, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) {
        out[2 * i] = digits[octets[i] >> 4];
        out[2 * i + 1] = digits[octets[i] & 15];
    }
    out[OPERATION_ID_LEN] = 0;
}

struct operation *operation_new(struct operations *operations, const struct operation_type *type)
{
    struct operation *op;

    if (operations->count >= OPERATIONS_MAX) {
        return NULL;
    }
    op = calloc(1, sizeof *op);
    if (op == NULL) {
        return NULL;
    }
    init_buffers(op);
    if (json_new(&op->parser) != PS_OK) {
        free(op);
        return NULL;
    }
    op->operations = operations;
    op->keeper = operations->keeper;
    op->type = type;
    op->created_ns = ps_clock_real_ns();
    op->status = 201;
    make_id(operations, op->id);
    op->next = operations->first;
    operations->first = op;
    operations->count++;
    return op;
}

static void unlink_operation(struct operation *op)
{
    struct operation **at = &op->operations->first;

    while (*at != op) {
        at = &(*at)->next;
    }
    *at = op->next;
    op->operations->count--;
}

void operation_free(struct operation *op)
{
    if (!op->has_intent) {
        gate_not_executed(op->keeper->gate, op->id);
    }
    gate_free_draft(op->draft);
    unlink_operation(op);
    for (size_t i = 0; i < op->object_count; i++) {
        ps_buf_clear(&op->objects[i].wrapped);
    }
    operation_forget_changes(op);
    ps_secret_free(op->so_pin);
    ps_buf_clear(&op->request_id);
    ps_buf_clear(&op->subject);
    ps_buf_clear(&op->reason);
    ps_buf_clear(&op->requester);
    ps_buf_clear(&op->ceremony);
    ps_buf_clear(&op->ceremony_step);
    ps_buf_clear(&op->if_match);
    ps_buf_clear(&op->idempotency_key);
    ps_buf_clear(&op->locks);
    ps_buf_clear(&op->signatures);
    ps_buf_clear(&op->calls);
    ps_buf_clear(&op->result);
    ps_buf_clear(&op->resolved);
    ps_buf_clear(&op->document);
    ps_buf_clear(&op->location);
    ps_buf_clear(&op->body);
    ps_buf_clear(&op->etag);
    json_free(op->parser);
    make_free(op->make);
    if (op->free_work != NULL) {
        op->free_work(op->work);
    } else {
        free(op->work);
    }
    free(op);
}

/* --- Objects --- */

struct object *operation_reserve(struct operation *op)
{
    struct object *object = &op->objects[op->object_count++];

    assert(op->object_count <= OBJECTS_MAX);
    object_id_choose(ps_bytes_str(op->keeper->appliance.origin), object->id);
    return object;
}

enum ps_err objects_put_names(const struct operation *op, struct ps_buf *out)
{
    for (size_t i = 0; i < op->object_count; i++) {
        ps_buf_put_hex(out, ps_bytes(op->objects[i].id, OBJECT_ID_LEN));
    }
    return ps_buf_status(out);
}

struct ps_bytes object_name_at(const struct ps_buf *names, size_t index)
{
    return ps_bytes(names->data + OBJECT_NAME_LEN * index, OBJECT_NAME_LEN);
}

/* --- Rows --- */

void free_changes(struct catalog_change **changes)
{
    free(*changes);
}

struct ps_buf *operation_change(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                                uint64_t expected)
{
    struct change *change = &op->changes[op->change_count++];

    assert(op->change_count <= CHANGES_MAX);
    change->kind = kind;
    change->expected = expected;
    ps_buf_init(&change->name, CATALOG_NAME_MAX);
    ps_buf_init(&change->body, LOG_ENTRY_MAX);
    ps_buf_put(&change->name, name);
    return &change->body;
}

void operation_forget_changes(struct operation *op)
{
    while (op->change_count != 0) {
        struct change *change = &op->changes[--op->change_count];

        ps_buf_clear(&change->name);
        ps_buf_clear(&change->body);
    }
}

void operation_remove(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                      uint64_t expected)
{
    (void)operation_change(op, kind, name, expected);
}

/* Its own row and the reserved ids, before the intent leaf: what is not there cannot be swept. */
static enum ps_err store_begin(struct operation *op)
{
    PS_CLEANUP(free_changes)
    struct catalog_change *changes = calloc(1 + OBJECTS_MAX, sizeof *changes);
    PS_BUF_AUTO row = {.max = CATALOG_BODY_MAX};
    PS_BUF_AUTO names = {.max = OBJECT_NAMES_MAX};
    PS_BUF_AUTO reserved = {.max = 1024};

    if (changes == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    document_put_row(op, "executing", &row);
    PS_TRY(ps_buf_status(&row));
    changes[0] = (struct catalog_change){.kind = CATALOG_OPERATION,
                                         .name = ps_bytes_str(op->id),
                                         .expected = op->row_revision,
                                         .body = ps_buf_bytes(&row)};
    if (op->object_count != 0) {
        reserved_put(op->token, &reserved);
    }
    PS_TRY(objects_put_names(op, &names));
    for (size_t i = 0; i < op->object_count; i++) {
        changes[1 + i] = (struct catalog_change){.kind = CATALOG_RESERVED,
                                                 .name = object_name_at(&names, i),
                                                 .body = ps_buf_bytes(&reserved)};
        op->objects[i].revision = 1;
    }
    PS_TRY(catalog_apply(op->keeper->catalog, changes, 1 + op->object_count, 0, NULL));
    op->row_revision++;
    return PS_OK;
}

enum ps_err objects_store_wrapped(struct operation *op)
{
    PS_CLEANUP(free_changes)
    struct catalog_change *changes = calloc(OBJECTS_MAX, sizeof *changes);
    PS_BUF_AUTO names = {.max = OBJECT_NAMES_MAX};
    size_t count = 0;

    if (changes == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(objects_put_names(op, &names));
    for (size_t i = 0; i < op->object_count; i++) {
        if (op->objects[i].wrapped.len != 0) {
            changes[count++] =
                (struct catalog_change){.kind = CATALOG_WRAPPED,
                                        .name = object_name_at(&names, i),
                                        .expected = op->objects[i].wrapped_revision,
                                        .body = ps_buf_bytes(&op->objects[i].wrapped)};
        }
    }
    if (count == 0) {
        return PS_OK;
    }
    PS_TRY(catalog_apply(op->keeper->catalog, changes, count, 0, NULL));
    for (size_t i = 0; i < op->object_count; i++) {
        op->objects[i].wrapped_revision += op->objects[i].wrapped.len != 0 ? 1 : 0;
        ps_buf_clear(&op->objects[i].wrapped);
    }
    return PS_OK;
}

static enum ps_err put_intent(const struct operation *op, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_raw(&json, "document", ps_buf_bytes(&op->document));
    writer_hex(&json, "hash", ps_bytes(op->hash, sizeof op->hash));
    if (op->idempotency_key.len != 0) {
        writer_begin_object(&json, "idempotency");
        writer_octets(&json, "body", ps_bytes(op->body_hash, sizeof op->body_hash));
        writer_text(&json, "key", ps_buf_bytes(&op->idempotency_key));
        writer_end_object(&json);
    }
    writer_begin_array(&json, "objects");
    for (size_t i = 0; i < op->object_count; i++) {
        writer_hex(&json, NULL, ps_bytes(op->objects[i].id, OBJECT_ID_LEN));
    }
    writer_end_array(&json);
    writer_str(&json, "operation", op->id);
    writer_end_object(&json);
    return ps_buf_status(out);
}

static enum ps_err record_intent(struct operation *op)
{
    PS_BUF_AUTO data;

    ps_buf_init(&data, LOG_ENTRY_MAX);
    PS_TRY(put_intent(op, &data));
    return events_record(op->keeper,
                         &(struct event_leaf){.time_ns = op->created_ns,
                                              .kind = "intent",
                                              .caller = ps_bytes_str(op->caller),
                                              .request_id = ps_buf_bytes(&op->request_id),
                                              .data = ps_buf_bytes(&data)},
                         on_intent_durable, op);
}

static void put_rows(struct operation *op)
{
    const enum ps_err err = op->type->rows_in_turn ? PS_OK : op->type->rows(op);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

static void execute(struct operation *op)
{
    op->step = OPERATION_EXECUTING;
    op->is_waiting = false;
    if (op->type->execute != NULL) {
        op->type->execute(op);
    } else {
        put_rows(op);
    }
}

/* A checkpoint that cannot be had delays nothing that the token is not needed for. */
static void on_checkpoint(void *context, bool is_signed)
{
    struct operation *op = context;

    if (!is_signed && op->type->needs_token) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the log was not signed for: %s",
                         checkpoints_why_not(op->keeper->checkpoints));
        return;
    }
    execute(op);
}

static void on_intent_durable(void *context, bool is_durable)
{
    struct operation *op = context;

    if (!is_durable) {
        /* The leaf does not count; nothing was done and nothing is to be undone. */
        operation_failed(op, PS_PROBLEM_LOG_UNAVAILABLE, "the log could not be written");
        return;
    }
    op->has_intent = true;
    gate_executed(op->keeper->gate, op->id);
    checkpoints_request(op->keeper->checkpoints, on_checkpoint, op);
}

/* --- Begin --- */

static bool precondition_holds(struct operation *op)
{
    if (op->if_match.len == 0 ||
        ps_bytes_equal(ps_buf_bytes(&op->if_match), ps_buf_bytes(&op->etag))) {
        return true;
    }
    if (op->etag.len == 0) {
        operation_refuse(op, PS_PROBLEM_PRECONDITION_FAILED, "there is no revision to match");
    } else {
        operation_refuse(op, PS_PROBLEM_PRECONDITION_FAILED, "the revision is now %.*s",
                         PS_BYTES_FMT(ps_buf_bytes(&op->etag)));
    }
    return false;
}

static bool resolve(struct operation *op, struct ps_bytes request)
{
    const struct json_limits limits = {48 * 1024, 10, 4000};
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;
    enum ps_err err = json_new(&parser);

    if (err == PS_OK) {
        err = json_parse(parser, request.len == 0 ? ps_bytes_str("{}") : request, &limits, &root);
    }
    if (err == PS_OK && json_type(root) != JSON_OBJECT) {
        err = ps_fail(PS_E_INPUT, 0, "the parameters are no JSON object");
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return op->type->resolve(op, root) && !op->is_answered;
}

static void answer_dry_run(struct operation *op)
{
    answer_document(&op->to, &(struct msg_document){.status = 200,
                                                    .media = MEDIA_JSON,
                                                    .body = ps_buf_bytes(&op->document)});
    op->is_answered = true;
}

/*
 * The appliance's own keys are changed by nobody but itself, whatever a grant, or who let it in,
 * says: ceremonies of theirs are types of their own.
 */
bool operation_leaves_ours_alone(const struct operation *op)
{
    const struct operation_type_info *info = operation_type_info_find(ps_bytes_str(op->type->name));
    struct operation_keys keys = operation_keys(info, op->params);
    struct ps_bytes name;

    while (op->caller[0] != 0 && operation_keys_next(&keys, &name)) {
        if (ps_name_reserved(name)) {
            return false;
        }
    }
    return true;
}

static bool has_its_locks(struct operation *op)
{
    if (ps_buf_status(&op->locks) != PS_OK) {
        operation_refuse_error(op, op->locks.err);
        return false;
    }
    if (operation_is_locked_out(op)) {
        operation_refuse(op, PS_PROBLEM_IN_FLIGHT,
                         "another operation works on the same: wait for its end, then try again");
        return false;
    }
    return true;
}

/* False: it has ended, and was answered. */
static bool is_possible(struct operation *op)
{
    if (!operation_leaves_ours_alone(op)) {
        operation_refuse(op, PS_PROBLEM_FORBIDDEN,
                         "names that begin with \"privyseal.\" are the appliance's own");
        return false;
    }
    if (op->type->lock != NULL) {
        op->type->lock(op);
        if (!has_its_locks(op)) {
            return false;
        }
    }
    return op->type->check(op) && !op->is_answered && precondition_holds(op) && has_its_locks(op);
}

/* False: it has ended, and was answered. */
static bool prepare(struct operation *op, struct ps_bytes request)
{
    enum ps_err err;

    if (!resolve(op, request)) {
        return false;
    }
    err = document_build(op);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (!is_possible(op)) {
        return false;
    }
    if (op->is_dry_run) {
        answer_dry_run(op);
        return false;
    }
    return true;
}

/* What is to be done is settled: from here on it is in the catalog, then in the log. */
static void begin(struct operation *op)
{
    enum ps_err err = store_begin(op);

    if (err == PS_OK && op->type->before_genesis) {
        /* Its leaf is the log's first, and carries what an intent would. */
        execute(op);
        return;
    }
    if (err == PS_OK) {
        op->step = OPERATION_INTENT;
        op->is_waiting = true;
        err = record_intent(op);
    }
    if (err == PS_E_CONFLICT) {
        /* Its reserved ids: it was executed before, and the keeper ended before its intent. */
        operation_refuse(op, PS_PROBLEM_IN_FLIGHT,
                         "what an attempt before this one left is being cleared: execute it again");
        operation_failed_error(op, err);
    } else if (err != PS_OK) {
        answer_error(&op->to, err);
        op->is_answered = true;
        operation_failed_error(op, err);
    }
}

void operation_begin(struct operation *op, struct ps_bytes request)
{
    if (!prepare(op, request) || !idempotency_begin(op)) {
        operation_free(op);
    } else if (gate_holds(op)) {
        gate_put_in(op->keeper->gate, op);
    } else {
        begin(op);
    }
}

void operation_begin_approved(struct operation *op, struct ps_bytes document)
{
    const enum ps_err err = document_parse(op, document);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    if (err != PS_OK || !operation_may_begin_approved(op) || !is_possible(op)) {
        operation_free(op);
        return;
    }
    begin(op);
}
