#include "keystore/answer.h"
#include "keystore/events/events.h"
#include "keystore/gate/internal.h"

#include <stdio.h>

/* A cancellation of nothing that waits. */
static bool is_pointless(const struct gate *gate, const struct entry *entry)
{
    struct ps_bytes other;

    return entry_names_other(waiting_document(entry->waiting), &other) &&
           entry_find(gate, other) == NULL;
}

static void finish(struct gate *gate, struct entry *entry, const char *outcome,
                   const struct reply_to *to)
{
    PS_BUF_AUTO body;

    const struct ending by = entry->ended_by;

    ps_buf_init(&body, 2 * OPERATION_DOCUMENT_MAX);
    if (by.fn != NULL) {
        (void)snprintf(entry->missing, sizeof entry->missing, "ended by the operation %s", by.id);
    } else if (to != NULL && strcmp(outcome, "cancelled") == 0) {
        (void)snprintf(entry->missing, sizeof entry->missing, "taken back by who made it");
    } else if (strcmp(outcome, "expired") == 0 && is_pointless(gate, entry)) {
        (void)snprintf(entry->missing, sizeof entry->missing,
                       "what it would have cancelled waits no more");
    }
    entry->outcome = outcome;
    entry->has_ended = true;
    (void)entry_store(gate, entry, outcome, NULL);
    if (to != NULL && to->peer != NULL && entry_put_answer(entry, false, &body) == PS_OK) {
        answer_document(to, &(struct msg_document){
                                .status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
    }
    ps_line(PS_INFO, "operation_ended", PS_STR("operation", waiting_id(entry->waiting)),
            PS_STR("outcome", outcome));
    entry_remove(gate, entry);
    gate_end_pointless(gate);
    if (by.fn != NULL) {
        by.fn(by.context, true);
    }
}

static void on_durable(void *context, bool is_durable)
{
    struct entry *entry = context;
    const struct ending by = entry->ended_by;

    entry->is_ending = false;
    if (is_durable) {
        finish(entry->gate, entry, entry->outcome, &entry->ends_to);
        return;
    }
    entry->ended_by = (struct ending){.fn = NULL};
    if (by.fn != NULL) {
        by.fn(by.context, false);
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
    writer_text_if(&json, "by", ps_bytes_str(entry->ended_by.id));
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

/* --- By itself, with another operation --- */

void gate_end_pointless(struct gate *gate)
{
    for (struct entry *entry = gate->first; entry != NULL; entry = entry->next) {
        if (!entry_is_busy(entry) && is_pointless(gate, entry)) {
            entry_end(gate, entry, "expired", NULL);
        }
    }
}

/* --- By another operation --- */

static enum ps_err find(const struct gate *gate, struct ps_bytes id, struct entry **ret_entry)
{
    struct entry *entry = entry_find(gate, id);

    if (entry == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such operation waits");
    }
    if (entry->is_executing || entry->is_ending || entry->roster != NULL) {
        return ps_fail(PS_E_STATE, 0, "the operation is being executed or ended");
    }
    *ret_entry = entry;
    return PS_OK;
}

enum ps_err gate_find_waiting(const struct gate *gate, struct ps_bytes id,
                              uint8_t ret_hash[PS_SHA256_LEN])
{
    struct entry *entry;

    PS_TRY(find(gate, id, &entry));
    memcpy(ret_hash, waiting_document(entry->waiting)->hash, PS_SHA256_LEN);
    return PS_OK;
}

bool gate_is_about(const struct gate *gate, struct ps_bytes id, struct ps_bytes person)
{
    struct entry *entry;
    const struct operation_document *document;

    if (person.len == 0 || find(gate, id, &entry) != PS_OK) {
        return false;
    }
    document = waiting_document(entry->waiting);
    return document->type->about == OPERATION_ABOUT_PERSON &&
           ps_bytes_equal(operation_document_subject(document), person);
}

enum ps_err gate_end_waiting(struct gate *gate, struct ps_bytes id, const char *by,
                             gate_ended_fn *fn, void *context)
{
    struct entry *entry;
    enum ps_err err;

    PS_TRY(find(gate, id, &entry));
    entry->ended_by = (struct ending){.fn = fn, .context = context};
    (void)snprintf(entry->ended_by.id, sizeof entry->ended_by.id, "%s", by);
    entry->outcome = "cancelled";
    entry->ends_to = (struct reply_to){.peer = NULL};
    err = record(gate, entry);
    entry->is_ending = err == PS_OK;
    if (err != PS_OK) {
        entry->ended_by = (struct ending){.fn = NULL};
    }
    return err;
}
