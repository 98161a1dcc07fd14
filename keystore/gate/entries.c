#include "keystore/gate/internal.h"

#include "keystore/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUEST_ID_MAX 128u

struct entry *entry_find(const struct gate *gate, struct ps_bytes id)
{
    for (struct entry *entry = gate->first; entry != NULL; entry = entry->next) {
        if (ps_bytes_equal_str(id, waiting_id(entry->waiting))) {
            return entry;
        }
    }
    return NULL;
}

static void free_entry(struct entry *entry)
{
    if (entry != NULL) {
        entry_forget_arriving(entry);
        waiting_free(entry->waiting);
        ps_buf_clear(&entry->request_id);
        roster_free(entry->roster);
        free(entry);
    }
}
PS_DEFINE_CLEANUP(struct entry, free_entry)

/* Genesis is judged by the people and the policy that its document names. */
static enum ps_err take_genesis(struct entry *entry)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    struct json_value value;

    if (strcmp(document->type->name, "genesis") != 0) {
        return PS_OK;
    }
    if (!json_member(document->params, "roster", &value)) {
        return ps_fail(PS_E_INPUT, 0, "a genesis without a roster waits for nobody");
    }
    PS_TRY(roster_read(value, &entry->roster));
    if (!json_member(document->params, "policy", &value)) {
        return ps_fail(PS_E_INPUT, 0, "a genesis with a roster and without a policy");
    }
    return policy_read(value, &entry->policy);
}

enum ps_err entry_add(struct gate *gate, const struct entry_source *source,
                      struct entry **ret_entry)
{
    PS_CLEANUP(free_entry_cleanup) struct entry *entry = NULL;

    entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)snprintf(entry->caller, sizeof entry->caller, "%s", source->caller);
    ps_buf_init(&entry->request_id, REQUEST_ID_MAX);
    ps_buf_put(&entry->request_id, source->request_id);
    PS_TRY(ps_buf_status(&entry->request_id));
    entry->created_ns = source->created_ns;
    PS_TRY(waiting_new(source->id, source->document, &entry->waiting));
    PS_TRY(take_genesis(entry));
    entry->gate = gate;
    entry->next = gate->first;
    gate->first = entry;
    gate->count++;
    *ret_entry = entry;
    entry = NULL;
    return PS_OK;
}

void entry_remove(struct gate *gate, struct entry *entry)
{
    struct entry **at = &gate->first;

    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    gate->count--;
    free_entry(entry);
}

/* The log's and the appliance's own key: whatever is done to them is of class A. */
static enum policy_class class_of_subject(struct ps_bytes subject)
{
    return ps_bytes_equal_str(subject, LOG_KEY_NAME) ||
                   ps_bytes_equal_str(subject, IDENTITY_KEY_NAME)
               ? POLICY_A
               : POLICY_NOBODY;
}

struct waiting_view entry_view(const struct gate *gate, const struct entry *entry, uint64_t now_s)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    const char class[] = {document->type->class, 0};

    return (struct waiting_view){
        .roster = entry->roster != NULL ? entry->roster : gate->roster,
        .policy = entry->roster != NULL ? &entry->policy : &gate->policy,
        .class = policy_class_highest(policy_class_by_name(ps_bytes_str(class)),
                                      class_of_subject(operation_document_subject(document))),
        .is_genesis = entry->roster != NULL,
        .now_s = now_s,
    };
}

void entry_judge(const struct gate *gate, struct entry *entry, uint64_t now_s)
{
    const struct waiting_view view = entry_view(gate, entry, now_s);
    struct quorum_result result = {.text = ""};

    if (waiting_judge(entry->waiting, &view, &entry->state, &result) == PS_OK) {
        (void)snprintf(entry->missing, sizeof entry->missing, "%s", result.text);
    } else {
        entry->state = WAITING_OPEN;
        (void)snprintf(entry->missing, sizeof entry->missing, "%s", ps_detail()->text);
    }
    if (entry->state != WAITING_APPROVED) {
        entry->quorum_met_s = 0;
    } else if (entry->quorum_met_s == 0) {
        entry->quorum_met_s = now_s;
    }
}

static void put_row(const struct entry *entry, const char *state, struct ps_buf *out)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_str(&json, "caller", entry->caller);
    writer_number(&json, "created_s", entry->created_ns / PS_NS_PER_S);
    writer_str(&json, "detail", entry->missing);
    writer_raw(&json, "document", document->octets);
    writer_number(&json, "event", 0);
    writer_str(&json, "location", "");
    writer_str(&json, "problem", "");
    writer_text(&json, "request_id", ps_buf_bytes(&entry->request_id));
    writer_str(&json, "state", state);
    writer_str(&json, "type", document->type->name);
    writer_end_object(&json);
}

void entry_store(struct gate *gate, struct entry *entry, const char *state,
                 const struct catalog_answer *answer)
{
    struct catalog_change change = {.kind = CATALOG_OPERATION,
                                    .name = ps_bytes_str(waiting_id(entry->waiting)),
                                    .expected = entry->row_revision};
    enum ps_err err;
    PS_BUF_AUTO row;

    ps_buf_init(&row, CATALOG_BODY_MAX);
    put_row(entry, state, &row);
    err = ps_buf_status(&row);
    if (err == PS_OK) {
        change.body = ps_buf_bytes(&row);
        err = catalog_apply(gate->keeper->catalog, &change, 1, 0, answer);
    }
    if (err == PS_OK) {
        entry->row_revision++;
    } else {
        ps_line(PS_ERROR, "operation_not_stored", PS_STR("operation", waiting_id(entry->waiting)),
                PS_STR("detail", ps_detail()->text));
    }
}

void entry_take_row(struct gate *gate, struct entry *entry)
{
    struct catalog_row row;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX);
    if (gate->keeper->catalog != NULL &&
        catalog_get(gate->keeper->catalog, CATALOG_OPERATION,
                    ps_bytes_str(waiting_id(entry->waiting)), &memory, &row) == PS_OK) {
        entry->row_revision = row.revision;
    }
}

enum ps_err entry_put_answer(const struct entry *entry, bool with_document, struct ps_buf *out)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_str(&json, "id", waiting_id(entry->waiting));
    writer_str(&json, "type", document->type->name);
    writer_str(&json, "state", waiting_state_name(entry->state));
    writer_str(&json, "missing", entry->missing);
    writer_hex(&json, "hash", ps_bytes(document->hash, sizeof document->hash));
    if (with_document) {
        writer_raw(&json, "document", document->octets);
    }
    writer_end_object(&json);
    return ps_buf_status(out);
}
