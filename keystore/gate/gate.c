#include "keystore/gate/internal.h"

#include "keystore/events/events.h"
#include "keystore/log/log.h"
#include "keystore/operations/internal.h"
#include "lib/ceremony/people/people_change.h"

#include <stdlib.h>

enum ps_err gate_new(struct keeper *keeper, struct gate **ret_gate)
{
    PS_CLEANUP(gate_free_cleanup) struct gate *gate = calloc(1, sizeof *gate);

    if (gate == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    gate->keeper = keeper;
    policy_set_defaults(&gate->policy);
    PS_TRY(roster_new(&gate->roster));
    *ret_gate = gate;
    gate = NULL;
    return PS_OK;
}

void gate_free(struct gate *gate)
{
    if (gate == NULL) {
        return;
    }
    while (gate->first != NULL) {
        entry_remove(gate, gate->first);
    }
    roster_free(gate->roster);
    free(gate);
}

/* --- People and policy --- */

struct people {
    struct json *parser;
    struct roster *roster;
};

static enum ps_err on_person(void *context, const struct catalog_row *row)
{
    struct people *people = context;
    struct json_value entry;

    PS_TRY(json_parse(people->parser, row->body, &JSON_LIMITS_REQUEST, &entry));
    return roster_add(people->roster, entry);
}

static enum ps_err load_roster(struct gate *gate)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    struct people people;
    struct roster *before = gate->roster;

    PS_TRY(json_new(&parser));
    PS_TRY(roster_new(&roster));
    people = (struct people){.parser = parser, .roster = roster};
    PS_TRY(catalog_list(gate->keeper->known, CATALOG_ROSTER, ps_bytes(NULL, 0), UINT32_MAX,
                        on_person, &people));
    PS_TRY(roster_hash(roster, gate->keeper->appliance.roster_hash));
    gate->roster = roster;
    roster = before;
    return PS_OK;
}

static enum ps_err load_policy(struct gate *gate)
{
    struct appliance *appliance = &gate->keeper->appliance;
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct policy_record record;
    struct catalog_row row;
    struct json_value body;
    enum ps_err err;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX);
    err = catalog_get(gate->keeper->known, CATALOG_POLICY, ps_bytes_str(POLICY_ROW), &memory, &row);
    if (err == PS_E_NOT_FOUND) {
        return PS_OK; /* before genesis */
    }
    PS_TRY(err);
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, row.body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(policy_record_read(body, &record));
    appliance->policy_epoch = record.epoch;
    PS_TRY(policy_read(record.document, &gate->policy));
    return policy_hash(&gate->policy, appliance->policy_hash);
}

enum ps_err gate_load(struct gate *gate)
{
    PS_TRY(load_policy(gate));
    return load_roster(gate);
}

void gate_judge_all(struct gate *gate)
{
    for (struct entry *entry = gate->first; entry != NULL; entry = entry->next) {
        if (!entry->is_executing && !entry->is_ending && clock_lets_judge(gate, entry)) {
            entry_judge(gate, entry, real_now_s());
            (void)entry_store(gate, entry, waiting_state_name(entry->state), NULL);
        }
    }
}

const struct roster *gate_roster(const struct gate *gate)
{
    return gate->roster;
}

const struct policy *gate_policy(const struct gate *gate)
{
    return &gate->policy;
}

/* --- In --- */

/*
 * What the approved policy lets the appliance do by itself has no caller; what a client does to
 * itself is its own.
 */
bool gate_holds(const struct operation *op)
{
    return op->type->before_genesis || (op->caller[0] != 0 && !op->type->is_own);
}

/*
 * What waits and what its maker is answered are made before anything is in the log: a leaf behind
 * which memory is missing would wait, and its maker would be told that it does not.
 */
static enum ps_err make_draft(struct gate *gate, struct operation *op)
{
    const struct entry_source source = {.id = ps_bytes_str(op->id),
                                        .document = ps_buf_bytes(&op->document),
                                        .caller = op->caller,
                                        .request_id = ps_buf_bytes(&op->request_id),
                                        .created_ns = op->created_ns};

    PS_TRY(entry_new(gate, &source, &op->draft));
    entry_judge(gate, op->draft, real_now_s());
    op->status = 202;
    ps_buf_reset(&op->etag);
    ps_buf_reset(&op->location);
    ps_buf_printf(&op->location, "/v1/operations/%s", op->id);
    PS_TRY(ps_buf_status(&op->location));
    ps_buf_reset(&op->body);
    return entry_put_answer(op->draft, true, &op->body);
}

/* From here on it waits. The answer is remembered under the request's idempotency key. */
static void begin_waiting(struct gate *gate, struct operation *op)
{
    struct entry *entry = op->draft;
    struct catalog_answer answer;
    PS_BUF_AUTO memory;
    bool remembers;

    ps_buf_init(&memory, CATALOG_ANSWER_MAX);
    op->draft = NULL;
    entry_admit(entry);
    entry_judge(gate, entry, real_now_s());
    remembers = idempotency_put_answer(op, &memory, &answer);
    if (!entry_store(gate, entry, waiting_state_name(entry->state), remembers ? &answer : NULL)) {
        idempotency_forget(op); /* it is answered all the same, and not remembered */
    }
    answer_document(&op->to, &(struct msg_document){.status = op->status,
                                                    .media = MEDIA_JSON,
                                                    .location = ps_buf_bytes(&op->location),
                                                    .body = ps_buf_bytes(&op->body)});
    op->is_answered = true;
}

static void give_up(struct operation *op, enum ps_problem problem)
{
    operation_refuse(op, problem, "%s", ps_detail()->text);
    idempotency_forget(op);
    operation_free(op);
}

static void on_draft_durable(void *context, bool is_durable)
{
    struct operation *op = context;

    if (!op->type->before_genesis) {
        op->keeper->gate->drafts--;
    }
    if (!is_durable) {
        (void)ps_fail(PS_E_STORAGE, 0, "nothing was changed");
        give_up(op, PS_PROBLEM_LOG_UNAVAILABLE);
        return;
    }
    begin_waiting(op->keeper->gate, op);
    operation_free(op);
}

static enum ps_err record_draft(struct operation *op)
{
    struct writer json;
    PS_BUF_AUTO data;

    ps_buf_init(&data, LOG_ENTRY_MAX);
    json = writer(&data);
    writer_begin_object(&json, NULL);
    writer_raw(&json, "document", ps_buf_bytes(&op->document));
    writer_str(&json, "operation", op->id);
    writer_end_object(&json);
    PS_TRY(ps_buf_status(&data));
    return events_record(op->keeper,
                         &(struct event_leaf){.time_ns = op->created_ns,
                                              .kind = "draft",
                                              .caller = ps_bytes_str(op->caller),
                                              .request_id = ps_buf_bytes(&op->request_id),
                                              .data = ps_buf_bytes(&data)},
                         on_draft_durable, op);
}

/* Genesis has none: everybody signs it. */
static enum ps_err check_requester(const struct gate *gate, const struct operation *op)
{
    const struct ps_bytes name = ps_buf_bytes(&op->requester);
    const struct person *person = roster_find(gate->roster, name);
    const struct people_change change = {
        .type = operation_type_info_find(ps_bytes_str(op->type->name)), .params = op->params};

    if (op->type->before_genesis) {
        return PS_OK;
    }
    if (name.len == 0) {
        return ps_fail(PS_E_DENIED, 0, "`requester`: name the person of the roster who asks");
    }
    if (person == NULL ||
        (person->role == ROSTER_RECOVERY && !people_change_is_recovery(&change)) ||
        person_standing(person, real_now_s()) != PERSON_VALID) {
        return ps_fail(PS_E_DENIED, 0, "`requester`: %.*s is nobody of the roster who may ask now",
                       PS_BYTES_FMT(name));
    }
    return PS_OK;
}

void gate_put_in(struct gate *gate, struct operation *op)
{
    enum ps_err err = check_requester(gate, op);

    if (err != PS_OK) {
        give_up(op, PS_PROBLEM_REFUSED);
        return;
    }
    if (places_check(gate, op) != PS_OK) {
        give_up(op, PS_PROBLEM_OVERLOADED);
        return;
    }
    err = make_draft(gate, op);
    if (err == PS_OK && op->type->before_genesis) {
        on_draft_durable(op, true); /* there is no log yet */
        return;
    }
    if (err == PS_OK) {
        op->is_waiting = true;
        err = record_draft(op);
    }
    if (err != PS_OK) {
        give_up(op, ps_problem_of_err(err));
        return;
    }
    gate->drafts++;
}

/* --- Out --- */

void gate_free_draft(struct entry *draft)
{
    entry_free(draft);
}

void gate_executed(struct gate *gate, const char *id)
{
    struct entry *entry = entry_find(gate, ps_bytes_str(id));

    if (entry != NULL) {
        entry_remove(gate, entry);
        gate_end_pointless(gate);
    }
}

void gate_not_executed(struct gate *gate, const char *id)
{
    struct entry *entry = entry_find(gate, ps_bytes_str(id));

    if (entry != NULL && entry->is_executing) {
        entry->is_executing = false;
        entry_take_row(gate, entry);
        (void)entry_store(gate, entry, waiting_state_name(entry->state), NULL);
    }
}

const char *gate_state_before_intent(const struct gate *gate, struct ps_bytes id)
{
    const struct entry *entry = entry_find(gate, id);

    return entry != NULL && entry->is_executing && gate->keeper->appliance.exists
               ? waiting_state_name(entry->state)
               : NULL;
}

void gate_each_waits(const struct gate *gate, gate_waits_fn *fn, const void *context)
{
    for (const struct entry *entry = gate->first; entry != NULL; entry = entry->next) {
        const struct operation_document *document = waiting_document(entry->waiting);

        if ((entry->state == WAITING_OPEN || entry->state == WAITING_APPROVED) &&
            !entry->has_ended && !entry->is_ending) {
            fn(context, waiting_id(entry->waiting), ps_bytes_str(document->type->name),
               document->params);
        }
    }
}

void gate_put_signatures(const struct gate *gate, const char *id, struct writer *json)
{
    const struct entry *entry = entry_find(gate, ps_bytes_str(id));
    const struct waiting_signature *signature;

    for (size_t i = 0; entry != NULL && (signature = waiting_at(entry->waiting, i)) != NULL; i++) {
        writer_begin_object(json, NULL);
        writer_str(json, "kind", approval_kind_name(signature->approval.kind));
        writer_str(json, "person", signature->approval.person);
        writer_text(json, "signature", ps_buf_bytes(&signature->armored));
        writer_end_object(json);
    }
}

static bool has_expired(const struct gate *gate, const struct entry *entry)
{
    const struct operation_document *document = waiting_document(entry->waiting);

    return clock_has_expired(gate, entry) ||
           (!entry->is_executing && gate->keeper->appliance.exists &&
            log_tree_size(gate->keeper->events) > document->max_log_size);
}

/* How it ends by itself; NULL: it waits. */
static const char *end_of(const struct gate *gate, const struct entry *entry)
{
    if (entry->roster != NULL && gate->keeper->appliance.exists) {
        return "cancelled"; /* there is one genesis */
    }
    if (has_expired(gate, entry)) {
        return "expired";
    }
    /* Its leaf could not be written when it was rejected. */
    return entry->state == WAITING_REJECTED ? "rejected" : NULL;
}

void gate_tick(struct gate *gate)
{
    struct entry *next;

    gate_end_pointless(gate);
    for (struct entry *entry = gate->first; entry != NULL; entry = next) {
        const bool is_busy = entry_is_busy(entry);
        const char *outcome = is_busy ? NULL : end_of(gate, entry);

        next = entry->next;
        if (entry->is_row_behind && !is_busy) {
            entry_take_row(gate, entry);
            (void)entry_store(gate, entry, waiting_state_name(entry->state), NULL);
        }
        if (outcome != NULL) {
            entry_end(gate, entry, outcome, NULL);
        }
    }
}
