#include "keystore/gate/internal.h"

#include "keystore/custody/custody.h"
#include "keystore/witnesses/witnesses.h"
#include "lib/ceremony/people/people_change.h"
#include "lib/ceremony/words/sentence.h"

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

void entry_free(struct entry *entry)
{
    if (entry != NULL) {
        entry_forget_arriving(entry);
        waiting_free(entry->waiting);
        ps_buf_clear(&entry->request_id);
        roster_free(entry->roster);
        free(entry);
    }
}
PS_DEFINE_CLEANUP(struct entry, entry_free)

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

enum ps_err entry_new(struct gate *gate, const struct entry_source *source,
                      struct entry **ret_entry)
{
    PS_CLEANUP(entry_free_cleanup) struct entry *entry = NULL;

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
    *ret_entry = entry;
    entry = NULL;
    return PS_OK;
}

void entry_admit(struct entry *entry)
{
    struct gate *gate = entry->gate;

    entry->next = gate->first;
    gate->first = entry;
    gate->count++;
}

enum ps_err entry_add(struct gate *gate, const struct entry_source *source,
                      struct entry **ret_entry)
{
    PS_TRY(entry_new(gate, source, ret_entry));
    entry_admit(*ret_entry);
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
    entry_free(entry);
}

bool entry_names_other(const struct operation_document *document, struct ps_bytes *ret_id)
{
    struct json_value value;

    return strcmp(document->type->name, "operation.cancel") == 0 &&
           json_member(document->params, "operation", &value) &&
           json_string(value, ret_id) == PS_OK;
}

/* Of a cancellation: who asked for the operation that it ends. */
static struct ps_bytes canceller_of(const struct gate *gate,
                                    const struct operation_document *document)
{
    const struct entry *target;
    struct ps_bytes id;

    if (!entry_names_other(document, &id)) {
        return ps_bytes(NULL, 0);
    }
    target = entry_find(gate, id);
    return target == NULL ? ps_bytes(NULL, 0) : waiting_document(target->waiting)->requester;
}

struct waiting_view entry_view(const struct gate *gate, const struct entry *entry, uint64_t now_s)
{
    return (struct waiting_view){
        .roster = entry->roster != NULL ? entry->roster : gate->roster,
        .policy = entry->roster != NULL ? &entry->policy : &gate->policy,
        .class = gate_class_of(gate->keeper->keys, waiting_document(entry->waiting)),
        .canceller = canceller_of(gate, waiting_document(entry->waiting)),
        .is_genesis = entry->roster != NULL,
        .now_s = now_s,
        .recall = gate->recall,
        .met_s = entry->quorum_met_s == 0 ? 0 : clock_waiting_since_s(gate, entry),
        .has_witnesses =
            gate->keeper->witnesses != NULL && witnesses_count(gate->keeper->witnesses) != 0,
    };
}

uint64_t entry_wait_s(const struct gate *gate, const struct entry *entry)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    const struct people_change change = {.type = document->type, .params = document->params};

    return people_change_wait_s(&change, &gate->policy);
}

static bool is_recovery(const struct entry *entry)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    const struct people_change change = {.type = document->type, .params = document->params};

    return people_change_is_recovery(&change);
}

bool entry_is_witnessed(const struct gate *gate, const struct entry *entry)
{
    struct witnesses *witnesses = gate->keeper->witnesses;

    return witnesses == NULL || witnesses_count(witnesses) == 0 || !is_recovery(entry) ||
           witnesses_size(witnesses, "events") >= entry->quorum_met_size;
}

/* A document of other people or another policy than those in force cannot be executed any more. */
static enum condition find_change(const struct gate *gate, const struct entry *entry)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    const struct appliance *appliance = &gate->keeper->appliance;

    if (entry->roster != NULL) {
        return CONDITION_NONE;
    }
    if (document->policy_epoch != appliance->policy_epoch) {
        return CONDITION_POLICY_EPOCH;
    }
    return memcmp(document->roster_hash, appliance->roster_hash, PS_SHA256_LEN) == 0
               ? CONDITION_NONE
               : CONDITION_ROSTER;
}

/* What people are told besides how many of them are missing. */
static void say_more(const struct gate *gate, struct entry *entry)
{
    const enum condition change = find_change(gate, entry);
    const uint64_t wait_s = entry_wait_s(gate, entry);
    char time[PS_TIME_MAX];

    if (change != CONDITION_NONE && entry->state != WAITING_REJECTED) {
        (void)snprintf(entry->missing, sizeof entry->missing, "%s",
                       condition_info(change)->sentence);
    } else if (entry->state == WAITING_APPROVED && wait_s != 0) {
        (void)ps_time_format((clock_waiting_since_s(gate, entry) + wait_s) * PS_NS_PER_S, 0, time);
        sentence_add(entry->missing, sizeof entry->missing, "; it may be executed from %s on",
                     time);
    }
}

void entry_judge(const struct gate *gate, struct entry *entry, uint64_t now_s)
{
    const struct waiting_view view = entry_view(gate, entry, now_s);
    struct quorum_result result = {.text = ""};

    entry->judged_s = now_s;
    if (entry->state == WAITING_REJECTED) {
        return;
    }
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
        entry->quorum_met_size =
            gate->keeper->events == NULL ? 0 : log_tree_size(gate->keeper->events);
    }
    say_more(gate, entry);
    /* It may be one for which shares of a PIN are asked. */
    custody_look(gate->keeper->custody);
}

enum ps_err entry_add_signature(struct entry *entry, const struct approval *approval,
                                uint64_t time_s, struct ps_bytes armored)
{
    if (entry->quorum_met_s != 0) {
        entry_judge(entry->gate, entry, time_s);
    }
    PS_TRY(waiting_add(entry->waiting, approval, time_s, armored));
    entry_judge(entry->gate, entry, time_s);
    return PS_OK;
}

enum ps_err entry_put_answer(const struct entry *entry, bool with_document, struct ps_buf *out)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_str(&json, "id", waiting_id(entry->waiting));
    writer_str(&json, "type", document->type->name);
    writer_str(&json, "state",
               entry->has_ended ? entry->outcome : waiting_state_name(entry->state));
    writer_str(&json, "missing", entry->missing);
    writer_hex(&json, "hash", ps_bytes(document->hash, sizeof document->hash));
    if (with_document) {
        writer_raw(&json, "document", document->octets);
    }
    writer_end_object(&json);
    return ps_buf_status(out);
}
