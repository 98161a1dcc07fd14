#include "keystore/answer.h"
#include "keystore/events.h"
#include "keystore/gate/internal.h"

static void finish(struct gate *gate, struct entry *entry, const char *outcome,
                   const struct reply_to *to)
{
    PS_BUF_AUTO body;

    ps_buf_init(&body, 2 * OPERATION_DOCUMENT_MAX);
    entry_store(gate, entry, outcome, NULL);
    if (to != NULL && to->peer != NULL && entry_put_answer(entry, false, &body) == PS_OK) {
        answer_document(to, &(struct msg_document){
                                .status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
    }
    ps_line(PS_INFO, "operation_ended", PS_STR("operation", waiting_id(entry->waiting)),
            PS_STR("outcome", outcome));
    entry_remove(gate, entry);
}

static void on_durable(void *context, bool is_durable)
{
    struct entry *entry = context;

    entry->is_ending = false;
    if (is_durable) {
        finish(entry->gate, entry, entry->outcome, &entry->ends_to);
    } else if (entry->ends_to.peer != NULL) {
        answer_problem(&entry->ends_to,
                       &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
    }
}

static enum ps_err record(struct gate *gate, struct entry *entry)
{
    struct writer json;
    PS_BUF_AUTO data;

    ps_buf_init(&data, 512);
    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_str(&json, "operation", waiting_id(entry->waiting));
    writer_str(&json, "outcome", entry->outcome);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(gate->keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = "ended",
                                              .data = ps_buf_bytes(&data)},
                         on_durable, entry);
}

void entry_end(struct gate *gate, struct entry *entry, const char *outcome,
               const struct reply_to *to)
{
    enum ps_err err;

    if (entry->roster != NULL) {
        finish(gate, entry, outcome, to); /* a genesis has no leaves of its own */
        return;
    }
    entry->outcome = outcome;
    entry->ends_to = to != NULL ? *to : (struct reply_to){.peer = NULL};
    err = record(gate, entry);
    entry->is_ending = err == PS_OK;
    if (err != PS_OK && to != NULL) {
        answer_error(to, err); /* the tick tries again what ends by itself */
    }
}
