#include "keystore/gate/internal.h"

#include "keystore/operations/internal.h"

/* At a start: what waits for people is taken from the log, and what they are said to have begun. */

/* Leaves that the log may have had on the way, so that it was shorter than where a leaf stands. */
#define LEAVES_ON_THE_WAY 4096u

static void forget_all(struct gate *gate)
{
    while (gate->first != NULL) {
        entry_remove(gate, gate->first);
    }
}

static enum ps_err recall_draft(struct gate *gate, const struct recalled *leaf,
                                struct json_value data)
{
    struct json_value document;
    struct entry *entry;

    if (!json_member(data, "document", &document)) {
        return ps_fail(PS_E_INPUT, 0, "a draft without a document");
    }
    return entry_add(gate,
                     &(struct entry_source){.id = ps_bytes_str(leaf->operation),
                                            .document = json_raw(document),
                                            .caller = leaf->caller,
                                            .request_id = ps_buf_bytes(&leaf->request_id),
                                            .created_ns = leaf->time_ns},
                     &entry);
}

static enum approval_kind kind_by_name(struct ps_bytes name)
{
    for (unsigned i = 0; i < APPROVAL_KIND_COUNT; i++) {
        if (ps_bytes_equal_str(name, approval_kind_name((enum approval_kind)i))) {
            return (enum approval_kind)i;
        }
    }
    return APPROVAL_KIND_COUNT;
}

static enum ps_err recall_signature(struct gate *gate, const struct recalled *leaf,
                                    struct json_value data)
{
    struct entry *entry = entry_find(gate, ps_bytes_str(leaf->operation));
    struct approval approval = {.kind = APPROVAL_KIND_COUNT};
    struct ps_bytes kind;
    struct ps_bytes person;
    struct ps_bytes armored;

    PS_TRY(document_text(data, "kind", &kind));
    PS_TRY(document_text(data, "person", &person));
    PS_TRY(document_text(data, "signature", &armored));
    approval.kind = kind_by_name(kind);
    if (entry == NULL || approval.kind == APPROVAL_KIND_COUNT ||
        person.len >= sizeof approval.person) {
        return ps_fail(PS_E_INPUT, 0, "a signature of nothing that waits");
    }
    memcpy(approval.person, person.data, person.len);
    PS_TRY(approval_peek_key(armored, approval.key));
    return entry_add_signature(entry, &approval, leaf->time_ns / PS_NS_PER_S, armored);
}

static enum ps_err recall_leaf(struct gate *gate, struct json *parser, const struct recalled *leaf)
{
    static const struct json_limits limits = {LOG_ENTRY_MAX, 12, 20000};
    struct json_value data;

    PS_TRY(json_parse(parser, ps_buf_bytes(&leaf->data), &limits, &data));
    return strcmp(leaf->kind, "draft") == 0 ? recall_draft(gate, leaf, data)
                                            : recall_signature(gate, leaf, data);
}

/*
 * A leaf that cannot be taken must not keep the appliance from starting; an operation of whose
 * signatures one is not known, a refusal perhaps, is none that waits.
 */
static enum ps_err take_leaf(struct gate *gate, struct json *parser, const struct recalled *leaf)
{
    const enum ps_err err = recall_leaf(gate, parser, leaf);
    struct entry *entry;

    if (err == PS_OK || err == PS_E_NO_MEMORY || err == PS_E_CONFLICT) {
        return err == PS_E_CONFLICT ? PS_OK : err; /* the same signature once more */
    }
    ps_line(PS_WARNING, "operation_not_recalled", PS_STR("operation", leaf->operation),
            PS_STR("detail", ps_detail()->text));
    entry = entry_find(gate, ps_bytes_str(leaf->operation));
    if (entry != NULL) {
        entry_remove(gate, entry);
    }
    return PS_OK;
}

enum ps_err gate_recall(struct gate *gate, const struct recall *recall)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    const struct recalled *leaf;
    enum ps_err err = PS_OK;

    PS_TRY(json_new(&parser));
    forget_all(gate); /* of a start that failed later on */
    gate->recall = 1;
    for (size_t i = 0; err == PS_OK && (leaf = recall_at(recall, i)) != NULL; i++) {
        err = take_leaf(gate, parser, leaf);
    }
    gate->recall = 0;
    PS_TRY(err);
    for (struct entry *entry = gate->first; entry != NULL; entry = entry->next) {
        entry_take_row(gate, entry);
        entry_judge(gate, entry, real_now_s());
        (void)entry_store(gate, entry, waiting_state_name(entry->state), NULL);
    }
    rows_close_ended(gate, recall);
    return PS_OK;
}

/* --- What nobody signed for --- */

/* Its own leaves, and of others what a cancellation has to know: who asked for them. */
static bool is_wanted(const struct recalled *leaf, const struct past_intent *intent)
{
    return strcmp(leaf->kind, "draft") == 0 ||
           ps_bytes_equal_str(intent->operation, leaf->operation);
}

static enum ps_err take_wanted(struct gate *gate, const struct recall *recall,
                               const struct past_intent *intent)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    const struct recalled *leaf;
    enum ps_err err = PS_OK;

    PS_TRY(json_new(&parser));
    gate->recall = 1;
    for (size_t i = 0; err == PS_OK && (leaf = recall_at(recall, i)) != NULL; i++) {
        err = is_wanted(leaf, intent) ? take_leaf(gate, parser, leaf) : PS_OK;
    }
    gate->recall = 0;
    return err;
}

/* What is executed is what people were asked for. */
static enum ps_err check_same(const struct entry *entry, const struct past_intent *intent)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    static const struct json_limits limits = {LOG_ENTRY_MAX, 16, 20000};
    struct json_value data;
    struct json_value document;

    if (entry == NULL) {
        return ps_fail(PS_E_DENIED, 0, "nobody asked for it");
    }
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, intent->data, &limits, &data));
    return json_member(data, "document", &document) &&
                   ps_bytes_equal(json_raw(document), waiting_document(entry->waiting)->octets) &&
                   ps_bytes_equal_str(intent->caller, entry->caller)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it is not what people were asked for");
}

static enum ps_err check_approved(struct gate *gate, struct entry *entry,
                                  const struct past_intent *intent)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    const uint64_t time_s = intent->time_ns / PS_NS_PER_S;
    const uint64_t lag = intent->event < LEAVES_ON_THE_WAY ? 0 : intent->event - LEAVES_ON_THE_WAY;
    struct moment moment = {
        .time_ns = intent->time_ns, .time_s = time_s, .log_size = intent->event};
    enum condition condition;

    /* The log was no longer than this, and as long as the document says. */
    if (document->log_size <= intent->event) {
        moment.log_size = document->log_size > lag ? document->log_size : lag;
    }
    entry_judge(gate, entry, time_s);
    if (entry->state != WAITING_APPROVED) {
        return ps_fail(PS_E_DENIED, 0, "it was not approved: %s", entry->missing);
    }
    condition = entry_check_conditions(gate, entry, &moment);
    if (condition == CONDITION_NONE) {
        condition = entry_check_wait(gate, entry, time_s);
    }
    return condition == CONDITION_NONE
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "%s", condition_info(condition)->sentence);
}

enum ps_err gate_judge_intent(struct gate *gate, const struct recall *recall,
                              const struct past_intent *intent)
{
    struct entry *entry;
    enum ps_err err;

    forget_all(gate);
    err = take_wanted(gate, recall, intent);
    entry = entry_find(gate, intent->operation);
    if (err == PS_OK) {
        err = check_same(entry, intent);
    }
    if (err == PS_OK) {
        err = check_approved(gate, entry, intent);
    }
    forget_all(gate);
    return err;
}
