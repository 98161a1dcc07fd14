#include "keystore/answer.h"

bool answer_is_wanted(const struct reply_to *to)
{
    return to->peer != NULL && to->peer->channel != NULL && to->peer->generation == to->generation;
}

void answer_send(const struct reply_to *to, const struct ipc_message *info, const void *message)
{
    if (!answer_is_wanted(to)) {
        return;
    }
    if (channel_send(to->peer->channel, info, to->id, message) != PS_OK) {
        /* The api process answers for itself when nothing comes. */
        ps_line(PS_WARNING, "answer_not_sent", PS_STR("message", info->name),
                PS_STR("detail", ps_detail()->text));
    }
}

void answer_problem(const struct reply_to *to, const struct problem_answer *answer)
{
    struct msg_problem message = {.problem = (uint16_t)answer->problem,
                                  .retry_after_s = answer->retry_after_s,
                                  .detail = ps_bytes_str(answer->detail),
                                  .state = ps_bytes_str(answer->state)};

    if (message.retry_after_s == 0) {
        message.retry_after_s = ps_problem_wait_s(answer->problem);
    }
    if (message.detail.len > IPC_DETAIL_MAX) {
        message.detail.len = IPC_DETAIL_MAX;
    }
    answer_send(to, &msg_problem_info, &message);
}

void answer_error(const struct reply_to *to, enum ps_err err)
{
    struct problem_answer answer = {.problem = ps_problem_of_err(err), .detail = ps_detail()->text};

    /* What disk and database say is for operators. */
    if (err == PS_E_INTERNAL || err == PS_E_STORAGE || err == PS_E_NO_MEMORY) {
        answer.detail = NULL;
        ps_line(PS_ERROR, "failed_request", PS_STR("error", ps_err_info(err)->name),
                PS_STR("detail", ps_detail()->text));
    }
    answer_problem(to, &answer);
}

void answer_document(const struct reply_to *to, const struct msg_document *document)
{
    answer_send(to, &msg_document_info, document);
}
