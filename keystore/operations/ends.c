#include "keystore/operations/internal.h"

#include <stdarg.h>
#include <stdio.h>

/* --- Ends before anything was written --- */

void operation_refuse(struct operation *op, enum ps_problem problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(op->detail, sizeof op->detail, format, args);
    va_end(args);
    answer_problem(&op->to, &(struct problem_answer){.problem = problem, .detail = op->detail});
    op->problem = problem;
    op->is_answered = true;
}

void operation_refuse_state(struct operation *op, const char *state, const char *detail)
{
    answer_problem(&op->to, &(struct problem_answer){.problem = PS_PROBLEM_WRONG_STATE,
                                                     .detail = detail,
                                                     .state = state});
    op->problem = PS_PROBLEM_WRONG_STATE;
    op->is_answered = true;
}

void operation_refuse_error(struct operation *op, enum ps_err err)
{
    answer_error(&op->to, err);
    op->problem = ps_problem_of_err(err);
    op->is_answered = true;
}

void operation_exists(struct operation *op)
{
    /* Only a result ends what people approved: 200 would say that this operation was done. */
    if (op->signatures.len != 0) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "this is so already, and not by this operation: nothing was done; cancel "
                         "it, or let it expire");
        return;
    }
    answer_document(&op->to, &(struct msg_document){.status = 200,
                                                    .media = MEDIA_JSON,
                                                    .etag = ps_buf_bytes(&op->etag),
                                                    .body = ps_buf_bytes(&op->body)});
    op->is_answered = true;
}

void operation_answer_executing(const struct reply_to *to, const struct operation *op)
{
    struct writer json;
    PS_BUF_AUTO body = {.max = 1024};
    PS_BUF_AUTO progress = {.max = 64};

    json = writer(&body);
    writer_begin_object(&json, NULL);
    if (operations_put_progress(op->operations, ps_bytes_str(op->id), &progress)) {
        writer_text(&json, "detail", ps_buf_bytes(&progress));
    }
    writer_str(&json, "id", op->id);
    writer_str(&json, "state", "executing");
    writer_end_object(&json);
    answer_document(to, &(struct msg_document){
                            .status = 202, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
}

/* --- Ends of execute --- */

void operation_done(struct operation *op)
{
    op->is_done = true;
    commit_begin(op);
}

static void fail(struct operation *op)
{
    op->is_done = false;
    op->problem = op->problem == PS_PROBLEM_NONE ? PS_PROBLEM_INTERNAL : op->problem;
    if (!op->is_answered) {
        answer_problem(&op->to,
                       &(struct problem_answer){.problem = op->problem, .detail = op->detail});
        op->is_answered = true;
    }
    clean_and_fail(op);
}

static void fail_with(struct operation *op, enum ps_problem problem)
{
    op->problem = problem;
    ps_line(PS_WARNING, "operation_failed", PS_STR("operation", op->id),
            PS_STR("type", op->type->name), PS_STR("problem", ps_problem_info(problem)->code),
            PS_STR("detail", op->detail));
    fail(op);
}

void operation_failed(struct operation *op, enum ps_problem problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(op->detail, sizeof op->detail, format, args);
    va_end(args);
    fail_with(op, problem);
}

void operation_failed_error(struct operation *op, enum ps_err err)
{
    const bool is_ours = err == PS_E_STORAGE || err == PS_E_INTERNAL;

    (void)snprintf(op->detail, sizeof op->detail, "%s",
                   is_ours ? "disk or database failed" : ps_detail()->text);
    fail_with(op, ps_problem_of_err(err));
}
