#include "keystore/answer.h"
#include "keystore/events.h"
#include "keystore/gate/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* What is known of an end while its leaf is on the way; the entry may be gone when it is there. */
struct ending {
    struct gate *gate;
    char id[WAITING_ID_LEN + 1];
    const char *outcome; /* a literal */
    struct reply_to to;
};

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
    struct ending *ending = context;
    struct entry *entry = entry_find(ending->gate, ps_bytes_str(ending->id));

    if (entry != NULL) {
        entry->is_ending = false;
    }
    if (entry != NULL && is_durable) {
        finish(ending->gate, entry, ending->outcome, &ending->to);
    } else if (ending->to.peer != NULL) {
        answer_problem(&ending->to,
                       &(struct problem_answer){.problem = PS_PROBLEM_LOG_UNAVAILABLE});
    }
    free(ending);
}

static enum ps_err record(struct gate *gate, const struct entry *entry, struct ending *ending)
{
    struct writer json;
    PS_BUF_AUTO data;

    ps_buf_init(&data, 512);
    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_str(&json, "operation", waiting_id(entry->waiting));
    writer_str(&json, "outcome", ending->outcome);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(gate->keeper,
                         &(struct event_leaf){.time_ns = ps_clock_real_ns(),
                                              .kind = "ended",
                                              .data = ps_buf_bytes(&data)},
                         on_durable, ending);
}

void entry_end(struct gate *gate, struct entry *entry, const char *outcome,
               const struct reply_to *to)
{
    struct ending *ending;
    enum ps_err err;

    if (entry->roster != NULL) {
        finish(gate, entry, outcome, to); /* a genesis has no log yet */
        return;
    }
    ending = calloc(1, sizeof *ending);
    if (ending == NULL) {
        if (to != NULL) {
            answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        }
        return; /* an expiry is tried again by the tick */
    }
    *ending = (struct ending){.gate = gate, .outcome = outcome};
    (void)snprintf(ending->id, sizeof ending->id, "%s", waiting_id(entry->waiting));
    if (to != NULL) {
        ending->to = *to;
    }
    entry->is_ending = true;
    err = record(gate, entry, ending);
    if (err != PS_OK) {
        entry->is_ending = false;
        if (to != NULL) {
            answer_error(to, err);
        }
        free(ending);
    }
}
