#include "keystore/operations/internal.h"

/* api.md: kept for 24 hours. */
#define KEPT_NS (UINT64_C(86400) * PS_NS_PER_S)

static bool has_key(const struct operation *op)
{
    return op->idempotency_key.len != 0 && op->caller[0] != 0 && !op->is_dry_run;
}

static bool answer_again(struct operation *op, struct ps_bytes encoded)
{
    struct msg_document document = {0};
    const enum ps_err err = ipc_decode(&msg_document_info, encoded, &document);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
    } else {
        answer_document(&op->to, &document);
        op->is_answered = true;
    }
    return true;
}

bool idempotency_replay(struct operation *op)
{
    struct catalog_answer answer;
    PS_BUF_AUTO memory = {0};
    enum ps_err err;

    if (!has_key(op)) {
        return false;
    }
    ps_buf_init(&memory, CATALOG_ANSWER_MAX + 1024);
    err = catalog_get_answer(op->keeper->catalog, ps_bytes_str(op->caller),
                             ps_buf_bytes(&op->idempotency_key), op->created_ns, &memory, &answer);
    if (err == PS_E_NOT_FOUND) {
        return false;
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return true;
    }
    if (!ps_bytes_equal(answer.body_hash, ps_bytes(op->body_hash, sizeof op->body_hash))) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "this Idempotency-Key was used for another request");
        return true;
    }
    if (answer.status == 0) {
        operation_refuse(op, PS_PROBLEM_IN_FLIGHT, "the same request is still being worked on");
        return true;
    }
    return answer_again(op, answer.answer);
}

bool idempotency_begin(struct operation *op)
{
    const struct catalog_answer answer = {
        .caller = ps_bytes_str(op->caller),
        .key = ps_buf_bytes(&op->idempotency_key),
        .body_hash = ps_bytes(op->body_hash, sizeof op->body_hash),
        .expires_ns = op->created_ns + KEPT_NS,
    };
    enum ps_err err;

    if (!has_key(op)) {
        return true;
    }
    err = catalog_begin_answer(op->keeper->catalog, &answer);
    if (err == PS_OK) {
        op->has_begun_answer = true;
        return true;
    }
    if (err == PS_E_CONFLICT) {
        operation_refuse(op, PS_PROBLEM_IN_FLIGHT, "the same request is still being worked on");
    } else {
        operation_refuse_error(op, err);
    }
    return false;
}

void idempotency_forget(struct operation *op)
{
    if (!op->has_begun_answer) {
        return;
    }
    op->has_begun_answer = false;
    if (catalog_forget_answer(op->keeper->catalog, ps_bytes_str(op->caller),
                              ps_buf_bytes(&op->idempotency_key)) != PS_OK) {
        ps_line(PS_WARNING, "idempotency_key_not_freed", PS_STR("detail", ps_detail()->text));
    }
}

bool idempotency_put_answer(const struct operation *op, struct ps_buf *memory,
                            struct catalog_answer *ret_answer)
{
    const struct msg_document document = {.status = op->status,
                                          .media = MEDIA_JSON,
                                          .etag = ps_buf_bytes(&op->etag),
                                          .location = ps_buf_bytes(&op->location),
                                          .body = ps_buf_bytes(&op->body)};

    if (!has_key(op) || ipc_encode(&msg_document_info, &document, memory) != PS_OK) {
        return false;
    }
    *ret_answer = (struct catalog_answer){
        .caller = ps_bytes_str(op->caller),
        .key = ps_buf_bytes(&op->idempotency_key),
        .body_hash = ps_bytes(op->body_hash, sizeof op->body_hash),
        .status = op->status,
        .answer = ps_buf_bytes(memory),
        .expires_ns = op->created_ns + KEPT_NS,
    };
    return true;
}
