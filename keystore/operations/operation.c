#include "keystore/operations/internal.h"

#include "keystore/authority.h"
#include "keystore/check.h"
#include "keystore/checkpoints.h"
#include "keystore/events.h"
#include "keystore/gate/gate.h"
#include "keystore/state.h"

#include <assert.h>
#include <stdio.h>
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
    ps_buf_init(&op->if_match, TEXT_MAX);
    ps_buf_init(&op->idempotency_key, TEXT_MAX);
    ps_buf_init(&op->resolved, DOCUMENT_MAX);
    ps_buf_init(&op->document, DOCUMENT_MAX);
    ps_buf_init(&op->location, TEXT_MAX);
    ps_buf_init(&op->body, BODY_MAX);
    ps_buf_init(&op->etag, TEXT_MAX);
}

/* Sorts by time: 48 bits of milliseconds, then chance. */
static void make_id(char out[OPERATION_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    const uint64_t ms = ps_clock_real_ns() / PS_NS_PER_MS;
    uint8_t octets[OPERATION_ID_LEN / 2];

    ps_random(octets, sizeof octets);
    for (unsigned i = 0; i < 6; i++) {
        octets[i] = (uint8_t)(ms >> (8 * (5 - i)));
    }
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
    make_id(op->id);
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
    unlink_operation(op);
    for (size_t i = 0; i < op->change_count; i++) {
        ps_buf_clear(&op->changes[i].name);
        ps_buf_clear(&op->changes[i].body);
    }
    ps_buf_clear(&op->request_id);
    ps_buf_clear(&op->subject);
    ps_buf_clear(&op->reason);
    ps_buf_clear(&op->requester);
    ps_buf_clear(&op->if_match);
    ps_buf_clear(&op->idempotency_key);
    ps_buf_clear(&op->resolved);
    ps_buf_clear(&op->document);
    ps_buf_clear(&op->location);
    ps_buf_clear(&op->body);
    ps_buf_clear(&op->etag);
    json_free(op->parser);
    make_free(op->make);
    free(op->work);
    free(op);
}

/* --- Locks and objects --- */

void operation_lock(struct operation *op, const char *kind, struct ps_bytes name)
{
    assert(op->lock_count < LOCKS_MAX);
    (void)snprintf(op->locks[op->lock_count++], LOCK_MAX, "%s/%.*s", kind, PS_BYTES_FMT(name));
}

static bool is_locked_by_others(const struct operation *op)
{
    for (const struct operation *other = op->operations->first; other != NULL;
         other = other->next) {
        for (size_t i = 0; other != op && i < other->lock_count; i++) {
            for (size_t k = 0; k < op->lock_count; k++) {
                if (strcmp(op->locks[k], other->locks[i]) == 0) {
                    return true;
                }
            }
        }
    }
    return false;
}

struct object *operation_reserve(struct operation *op)
{
    struct object *object = &op->objects[op->object_count++];

    assert(op->object_count <= OBJECTS_MAX);
    ps_random(object->id, sizeof object->id);
    return object;
}

/* --- Rows --- */

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

void operation_remove(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                      uint64_t expected)
{
    (void)operation_change(op, kind, name, expected);
}

/* Its own row and the reserved ids, before the intent leaf: what is not there cannot be swept. */
static enum ps_err store_begin(struct operation *op)
{
    struct catalog_change changes[1 + OBJECTS_MAX];
    char names[OBJECTS_MAX][2 * OBJECT_ID_LEN + 1];
    PS_BUF_AUTO row;
    PS_BUF_AUTO hex;
    PS_BUF_AUTO reserved;

    ps_buf_init(&row, CATALOG_BODY_MAX);
    ps_buf_init(&hex, 4 * OBJECT_ID_LEN);
    ps_buf_init(&reserved, 1024);
    if (op->object_count != 0) {
        reserved_put(op->token, &reserved);
    }
    document_put_row(op, "executing", &row);
    PS_TRY(ps_buf_status(&row));
    changes[0] = (struct catalog_change){.kind = CATALOG_OPERATION,
                                         .name = ps_bytes_str(op->id),
                                         .expected = op->row_revision,
                                         .body = ps_buf_bytes(&row)};
    for (size_t i = 0; i < op->object_count; i++) {
        ps_buf_reset(&hex);
        ps_buf_put_hex(&hex, ps_bytes(op->objects[i].id, OBJECT_ID_LEN));
        memcpy(names[i], hex.data, 2 * OBJECT_ID_LEN);
        changes[1 + i] = (struct catalog_change){.kind = CATALOG_RESERVED,
                                                 .name = ps_bytes(names[i], 2 * OBJECT_ID_LEN),
                                                 .body = ps_buf_bytes(&reserved)};
        op->objects[i].revision = 1;
    }
    PS_TRY(catalog_apply(op->keeper->catalog, changes, 1 + op->object_count, 0, NULL));
    op->row_revision++;
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

static void execute(struct operation *op)
{
    op->step = OPERATION_EXECUTING;
    op->is_waiting = false;
    op->type->execute(op);
}

/* A checkpoint that cannot be had delays nothing that the token is not needed for. */
static void on_checkpoint(void *context, bool is_signed)
{
    struct operation *op = context;

    if (!is_signed && op->type->needs_token) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token with the log key is away");
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

/* False: it has ended, and was answered. */
static bool is_possible(struct operation *op)
{
    if (!op->type->check(op) || op->is_answered || !precondition_holds(op)) {
        return false;
    }
    if (is_locked_by_others(op)) {
        operation_refuse(op, PS_PROBLEM_IN_FLIGHT, "another operation works on the same");
        return false;
    }
    return true;
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
    if (err != PS_OK) {
        answer_error(&op->to, err);
        op->is_answered = true;
        operation_failed_error(op, err);
    }
}

void operation_begin(struct operation *op, struct ps_bytes request)
{
    if (!prepare(op, request) || !idempotency_begin(op)) {
        operation_free(op);
    } else if (gate_holds(op->keeper->gate, op)) {
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
