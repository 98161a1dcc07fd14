#include "keystore/operations/internal.h"

#include "keystore/gate/gate.h"
#include "keystore/operations/handlers.h"

#include <stdio.h>

/*
 * An operation that waits is ended by another one, which an officer or whoever asked for the first
 * has signed. It can be stale by then, but nothing of it may have begun. Nobody asks for the end of
 * what is about themselves: one officer alone could stay in the roster for ever.
 */

static void refuse(struct operation *op, enum ps_err err)
{
    static const struct {
        enum ps_err err;
        enum ps_problem problem;
    } problems[] = {{PS_E_NOT_FOUND, PS_PROBLEM_NOT_FOUND}, {PS_E_DENIED, PS_PROBLEM_REFUSED}};
    enum ps_problem problem = PS_PROBLEM_CONFLICT;

    for (size_t i = 0; i < PS_COUNT_OF(problems); i++) {
        problem = problems[i].err == err ? problems[i].problem : problem;
    }
    operation_refuse(op, problem, "%s", ps_detail()->text);
}

bool operation_cancel_resolve(struct operation *op, struct json_value request)
{
    struct writer json = writer(&op->resolved);
    uint8_t hash[PS_SHA256_LEN];
    enum ps_err err;

    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    err = gate_find_waiting(op->keeper->gate, ps_buf_bytes(&op->subject), hash);
    if (err != PS_OK) {
        refuse(op, err);
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_hex(&json, "document", ps_bytes(hash, sizeof hash));
    writer_text(&json, "operation", ps_buf_bytes(&op->subject));
    writer_end_object(&json);
    return true;
}

/* The document is what the operation's id stands for, and waits still. */
static enum ps_err check(const struct operation *op, struct ps_bytes *ret_operation)
{
    uint8_t hash[PS_SHA256_LEN];
    struct ps_bytes document;
    PS_BUF_AUTO hex = {.max = 2 * PS_SHA256_LEN};

    PS_TRY(document_text(op->params, "operation", ret_operation));
    PS_TRY(document_text(op->params, "document", &document));
    PS_TRY(gate_find_waiting(op->keeper->gate, *ret_operation, hash));
    if (gate_is_about(op->keeper->gate, *ret_operation, ps_buf_bytes(&op->requester))) {
        return ps_fail(PS_E_DENIED, 0, "`requester`: it is about %.*s, and so another officer asks",
                       PS_BYTES_FMT(ps_buf_bytes(&op->requester)));
    }
    ps_buf_put_hex(&hex, ps_bytes(hash, sizeof hash));
    return ps_bytes_equal(ps_buf_bytes(&hex), document)
               ? PS_OK
               : ps_fail(PS_E_CONFLICT, 0, "the operation has another document");
}

bool operation_cancel_check(struct operation *op)
{
    struct ps_bytes operation;
    const enum ps_err err = check(op, &operation);

    if (err != PS_OK) {
        refuse(op, err);
        return false;
    }
    operation_lock(op, "operation", operation);
    return true;
}

static void on_ended(void *context, bool is_ended)
{
    struct operation *op = context;

    if (is_ended) {
        operation_done(op);
    } else {
        operation_failed(op, PS_PROBLEM_LOG_UNAVAILABLE, "the log could not be written");
    }
}

void operation_cancel_execute(struct operation *op)
{
    struct ps_bytes operation;
    enum ps_err err = check(op, &operation);

    if (err == PS_OK) {
        err = gate_end_waiting(op->keeper->gate, operation, op->id, on_ended, op);
    }
    op->is_waiting = err == PS_OK;
    if (err != PS_OK) {
        operation_failed(op, PS_PROBLEM_CONFLICT, "%s", ps_detail()->text);
    }
}

enum ps_err operation_cancel_describe(struct operation *op, struct writer *json)
{
    struct ps_bytes operation;

    PS_TRY(document_text(op->params, "operation", &operation));
    writer_text(json, "cancelled", operation);
    ps_buf_printf(&op->location, "/v1/operations/%.*s", PS_BYTES_FMT(operation));
    return PS_OK;
}

/* --- The step `cancel` of an operation that people were asked for --- */

struct cancel_request {
    struct ps_bytes person;
    struct ps_bytes reason;
    struct ps_bytes requester;
    struct ps_bytes signature;
};

static enum ps_err take_step(struct operation *op, const struct msg_operation_step *message)
{
    static const struct json_field fields[] = {
        JSON_FIELD(struct cancel_request, person, JSON_KIND_NAME, false, 0),
        JSON_FIELD(struct cancel_request, reason, JSON_KIND_STRING, false, 0),
        JSON_FIELD(struct cancel_request, requester, JSON_KIND_NAME, false, 0),
        JSON_FIELD(struct cancel_request, signature, JSON_KIND_STRING, false, 0),
    };
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct cancel_request request = {.reason = {NULL, 0}};
    struct json_value root;

    PS_TRY(json_new(&parser));
    if (message->parameters.len != 0) {
        PS_TRY(json_parse(parser, message->parameters, &JSON_LIMITS_REQUEST, &root));
        PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &request, NULL));
    }
    ps_buf_put(&op->request_id, message->request_id);
    ps_buf_put(&op->subject, message->operation);
    ps_buf_put(&op->reason, request.reason);
    ps_buf_put(&op->requester, request.requester);
    if (message->body_hash.len == sizeof op->body_hash) {
        ps_buf_put(&op->idempotency_key, message->idempotency_key);
        memcpy(op->body_hash, message->body_hash.data, sizeof op->body_hash);
    }
    PS_TRY(ps_buf_status(&op->reason));
    return ps_buf_status(&op->idempotency_key);
}

void operation_cancel_ask(struct operations *operations, const struct reply_to *to,
                          const struct msg_operation_step *message, struct ps_bytes client)
{
    struct operation *op =
        operation_new(operations, operation_type_find(ps_bytes_str("operation.cancel")));
    enum ps_err err;

    if (op == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    op->to = *to;
    (void)snprintf(op->caller, sizeof op->caller, "%.*s", PS_BYTES_FMT(client));
    err = take_step(op, message);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    if (err != PS_OK || !operation_may_begin_approved(op) || idempotency_replay(op)) {
        operation_free(op);
        return;
    }
    operation_begin(op, ps_bytes(NULL, 0));
}
