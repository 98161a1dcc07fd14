#include "lib/ceremony/replay/replay.h"

#include "lib/base/clock.h"
#include "lib/ceremony/replay/rows.h"

#include "lib/ceremony/log/succession.h"
#include <stdio.h>
#include <stdlib.h>

/* An appliance lets 80 wait; leaves of a few that were left out may leave theirs open. */
#define OPEN_MAX 4096u

static void free_replayed(struct replayed *op)
{
    if (op != NULL) {
        waiting_free(op->waiting);
        free(op);
    }
}
PS_DEFINE_CLEANUP(struct replayed, free_replayed)

void replay_free(struct replay *replay)
{
    if (replay == NULL) {
        return;
    }
    while (replay->first != NULL) {
        struct replayed *op = replay->first;

        replay->first = op->next;
        free_replayed(op);
    }
    if (replay->strong != NULL) {
        ps_map_free(replay->strong, free);
    }
    if (replay->known != NULL) {
        ps_map_free(replay->known, free);
    }
    if (replay->nonces != NULL) {
        ps_map_free(replay->nonces, free);
    }
    replay_forget_families(replay);
    replay_forget_rows(replay);
    roster_free(replay->roster);
    ps_buf_clear(&replay->log_key);
    free(replay);
}

enum ps_err replay_new(const struct replay_sink *sink, struct replay **ret_replay)
{
    PS_CLEANUP(replay_free_cleanup) struct replay *replay = calloc(1, sizeof *replay);

    if (replay == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(ps_map_new(&replay->strong));
    PS_TRY(ps_map_new(&replay->known));
    PS_TRY(ps_map_new(&replay->nonces));
    PS_TRY(ps_map_new(&replay->families));
    PS_TRY(ps_map_new(&replay->rows));
    PS_TRY(json_new(&replay->row_json));
    replay->sink = *sink;
    replay->recall = 1;
    ps_buf_init(&replay->log_key, LOG_KEY_TEXT_MAX);
    *ret_replay = replay;
    replay = NULL;
    return PS_OK;
}

struct ps_bytes replay_log_key(const struct replay *replay)
{
    return ps_buf_bytes(&replay->log_key);
}

const struct roster *replay_roster(const struct replay *replay)
{
    return replay->roster;
}

const struct policy *replay_policy(const struct replay *replay)
{
    return replay->roster == NULL ? NULL : &replay->policy;
}

/* Something is not as it must be: told, and the replay goes on with what there is. */
static enum ps_err wrong(struct replay *replay, uint64_t leaf, const char *check, enum ps_err err)
{
    char why[sizeof ps_detail()->text];

    if (err == PS_OK || err == PS_E_NO_MEMORY) {
        return err;
    }
    memcpy(why, ps_detail()->text, sizeof why);
    log_report_row(replay->sink.report, LOG_FAIL,
                   &(struct log_where){.check = check, .tree = "events", .leaf = leaf}, "%s", why);
    return PS_OK;
}

/* --- Members of a leaf's data --- */

enum ps_err replay_text_of(struct json_value data, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    if (data.doc == NULL || !json_member(data, name, &value)) {
        return ps_fail(PS_E_INPUT, 0, "the leaf has no member \"%s\"", name);
    }
    return json_string(value, ret_text);
}

enum ps_err replay_octets_of(struct json_value data, const char *name, struct ps_bytes *ret_octets)
{
    struct json_value value;

    if (data.doc == NULL || !json_member(data, name, &value)) {
        return ps_fail(PS_E_INPUT, 0, "the leaf has no member \"%s\"", name);
    }
    *ret_octets = json_raw(value);
    return PS_OK;
}

static struct json_value list_of(struct json_value data, const char *name)
{
    struct json_value list = {.doc = NULL};

    return data.doc != NULL && json_member(data, name, &list) && json_type(list) == JSON_ARRAY
               ? list
               : (struct json_value){.doc = NULL};
}

struct json_value replay_effects_of(struct json_value data)
{
    return list_of(data, "effects");
}

/* --- Open operations --- */

struct replayed *replay_find(const struct replay *replay, struct ps_bytes id)
{
    struct replayed *op = replay->first;

    while (op != NULL && !ps_bytes_equal_str(id, waiting_id(op->waiting))) {
        op = op->next;
    }
    return op;
}

static enum ps_err find_named(const struct replay *replay, const struct log_event *event,
                              struct replayed **ret_op)
{
    struct ps_bytes id;

    PS_TRY(replay_text_of(event->data, "operation", &id));
    *ret_op = replay_find(replay, id);
    return *ret_op != NULL
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "a leaf of kind %.*s of an operation that was not begun",
                         PS_BYTES_FMT(event->kind));
}

static void remove_open(struct replay *replay, struct replayed *op)
{
    struct replayed **at = &replay->first;

    while (*at != op) {
        at = &(*at)->next;
    }
    *at = op->next;
    replay->open_count--;
    free_replayed(op);
}

static enum ps_err open_operation(struct replay *replay, const struct log_event *event,
                                  struct replayed **ret_op)
{
    PS_CLEANUP(free_replayed_cleanup) struct replayed *op = calloc(1, sizeof *op);
    struct ps_bytes document;
    struct ps_bytes id;

    if (op == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(replay_text_of(event->data, "operation", &id));
    PS_TRY(replay_octets_of(event->data, "document", &document));
    if (replay->open_count == OPEN_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more operations wait than an appliance lets wait");
    }
    if (replay_find(replay, id) != NULL) {
        return ps_fail(PS_E_DENIED, 0, "an operation that there is already");
    }
    if (event->caller.len >= sizeof op->caller) {
        return ps_fail(PS_E_INPUT, 0, "a caller's name that is too long");
    }
    (void)snprintf(op->caller, sizeof op->caller, "%.*s", PS_BYTES_FMT(event->caller));
    PS_TRY(waiting_new(id, document, &op->waiting));
    op->next = replay->first;
    replay->first = op;
    replay->open_count++;
    *ret_op = op;
    op = NULL;
    return PS_OK;
}

/* --- Leaves --- */

static enum ps_err on_draft(struct replay *replay, uint64_t index, const struct log_event *event)
{
    struct replayed *op;

    return wrong(replay, index, "operations", open_operation(replay, event, &op));
}

static enum ps_err take_signature(struct replay *replay, const struct log_event *event)
{
    struct replayed *op;

    PS_TRY(find_named(replay, event, &op));
    return replay_add_signature(replay, op, event->data, event->time_ns / PS_NS_PER_S);
}

static enum ps_err on_signature(struct replay *replay, uint64_t index,
                                const struct log_event *event)
{
    return wrong(replay, index, "signatures", take_signature(replay, event));
}

/*
 * Without a draft before it, it is what the policy of a key has the appliance do, or what a client
 * does for itself, by the statement in its document or by a family (families.c). None ever changes
 * who decides.
 */
static enum ps_err take_own(struct replay *replay, uint64_t index, const struct log_event *event)
{
    const struct operation_document *document;
    struct replayed *op;
    bool is_scheduled;

    PS_TRY(open_operation(replay, event, &op));
    op->begun_ns = event->time_ns;
    document = waiting_document(op->waiting);
    if (document->class == OPERATION_CLASS_NONE) {
        return replay_judge_own(replay, op, index, event->time_ns / PS_NS_PER_S);
    }
    is_scheduled = event->caller.len == 0 && operation_type_is_scheduled(document->type);
    return is_scheduled ? PS_OK
                        : ps_fail(PS_E_DENIED, 0, "it was executed, and nobody had asked for it");
}

static enum ps_err take_intent(struct replay *replay, uint64_t index, const struct log_event *event)
{
    struct ps_bytes document;
    struct replayed *op;
    struct ps_bytes id;

    PS_TRY(replay_text_of(event->data, "operation", &id));
    op = replay_find(replay, id);
    if (op == NULL) {
        return take_own(replay, index, event);
    }
    PS_TRY(replay_octets_of(event->data, "document", &document));
    if (op->begun_ns != 0 || !ps_bytes_equal(document, waiting_document(op->waiting)->octets) ||
        !ps_bytes_equal_str(event->caller, op->caller)) {
        return ps_fail(PS_E_DENIED, 0, "what was executed is not what people were asked for");
    }
    op->begun_ns = event->time_ns;
    return replay_judge_intent(replay, op, index, event->time_ns / PS_NS_PER_S);
}

static enum ps_err on_intent(struct replay *replay, uint64_t index, const struct log_event *event)
{
    return wrong(replay, index, "approvals", take_intent(replay, index, event));
}

/* --- Ends --- */

/* Tells of it, and it is open no more. */
static enum ps_err end_operation(struct replay *replay, struct replayed *op, uint64_t index,
                                 const struct log_event *event)
{
    struct replay_operation operation = {
        .waiting = op->waiting,
        .end = event,
        .leaf = index,
        .caller = ps_bytes_str(op->caller),
        .effects = replay_effects_of(event->data),
        .calls = list_of(event->data, "calls"),
        .begun_ns = op->begun_ns,
        .is_judged = op->is_judged,
        .family = op->family,
    };
    enum ps_err err = replay_text_of(event->data, "outcome", &operation.outcome);

    if (err == PS_OK && replay->sink.on_operation != NULL) {
        err = replay->sink.on_operation(replay->sink.context, &operation);
    }
    remove_open(replay, op);
    return err;
}

static enum ps_err take_result(struct replay *replay, uint64_t index, const struct log_event *event)
{
    struct replayed *op;
    struct ps_bytes outcome;

    PS_TRY(find_named(replay, event, &op));
    if (op->begun_ns == 0) {
        return ps_fail(PS_E_DENIED, 0, "the result of an operation that was not executed");
    }
    PS_TRY(replay_text_of(event->data, "outcome", &outcome));
    if (ps_bytes_equal_str(outcome, "done")) {
        PS_TRY(replay_change_people(replay, op));
        PS_TRY(wrong(replay, index, "families", replay_take_families(replay, op, index, event)));
    }
    PS_TRY(wrong(replay, index, "rows", replay_take_rows(replay, op, event)));
    PS_TRY(wrong(replay, index, "people",
                 replay_take_effects(replay, replay_effects_of(event->data))));
    PS_TRY(wrong(replay, index, "key",
                 replay_take_log_key(replay, op, replay_effects_of(event->data))));
    return end_operation(replay, op, index, event);
}

static enum ps_err on_result(struct replay *replay, uint64_t index, const struct log_event *event)
{
    return wrong(replay, index, "operations", take_result(replay, index, event));
}

static enum ps_err take_part(struct replay *replay, uint64_t index, const struct log_event *event)
{
    struct replayed *op;

    PS_TRY(find_named(replay, event, &op));
    if (op->begun_ns == 0) {
        return ps_fail(PS_E_DENIED, 0, "a part of an operation that was not executed");
    }
    if (waiting_document(op->waiting)->class == OPERATION_CLASS_NONE) {
        return ps_fail(PS_E_DENIED, 0, "what a client does for itself has no parts");
    }
    PS_TRY(wrong(replay, index, "rows", replay_take_rows(replay, op, event)));
    return replay_take_effects(replay, replay_effects_of(event->data));
}

static enum ps_err on_part(struct replay *replay, uint64_t index, const struct log_event *event)
{
    return wrong(replay, index, "operations", take_part(replay, index, event));
}

static enum ps_err take_ended(struct replay *replay, uint64_t index, const struct log_event *event)
{
    struct replayed *op;

    PS_TRY(find_named(replay, event, &op));
    if (op->begun_ns != 0) {
        return ps_fail(PS_E_DENIED, 0, "it was ended, and was executed already");
    }
    return end_operation(replay, op, index, event);
}

static enum ps_err on_ended(struct replay *replay, uint64_t index, const struct log_event *event)
{
    return wrong(replay, index, "operations", take_ended(replay, index, event));
}

/* --- Genesis --- */

static enum ps_err take_people(struct replay *replay, const struct operation_document *document)
{
    struct json_value roster;
    struct json_value policy;

    if (strcmp(document->type->name, "genesis") != 0 ||
        !json_member(document->params, "roster", &roster) ||
        !json_member(document->params, "policy", &policy)) {
        return ps_fail(PS_E_INPUT, 0, "its document is not that of a genesis");
    }
    PS_TRY(policy_read(policy, &replay->policy));
    PS_TRY(roster_read(roster, &replay->roster));
    return PS_OK;
}

static enum ps_err take_signatures(struct replay *replay, struct replayed *op,
                                   const struct log_event *event)
{
    struct json_value signatures;
    struct json_value signature;
    uint32_t cursor = 0;

    if (!json_member(event->data, "signatures", &signatures) ||
        json_type(signatures) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "the leaf has no member \"signatures\"");
    }
    while (json_next(signatures, &cursor, NULL, &signature)) {
        PS_TRY(replay_add_signature(replay, op, signature, event->time_ns / PS_NS_PER_S));
    }
    return PS_OK;
}

static enum ps_err take_genesis(struct replay *replay, uint64_t index,
                                const struct log_event *event)
{
    struct replayed *op;
    struct ps_bytes verifier;

    if (replay->roster != NULL) {
        return ps_fail(PS_E_DENIED, 0, "a second genesis");
    }
    PS_TRY(open_operation(replay, event, &op));
    op->begun_ns = event->time_ns;
    PS_TRY(take_people(replay, waiting_document(op->waiting)));
    PS_TRY(take_signatures(replay, op, event));
    PS_TRY(replay_judge_genesis(replay, op, index, event->time_ns / PS_NS_PER_S));
    PS_TRY(wrong(replay, index, "rows", replay_take_rows(replay, op, event)));
    PS_TRY(replay_take_effects(replay, replay_effects_of(event->data)));
    PS_TRY(log_genesis_read_key(event, &verifier));
    ps_buf_put(&replay->log_key, verifier);
    PS_TRY(ps_buf_status(&replay->log_key));
    return end_operation(replay, op, index, event);
}

static enum ps_err on_genesis(struct replay *replay, uint64_t index, const struct log_event *event)
{
    return wrong(replay, index, "genesis", take_genesis(replay, index, event));
}

static enum ps_err on_alarm(struct replay *replay, uint64_t index, const struct log_event *event)
{
    struct ps_bytes code;

    (void)index;
    if (replay_text_of(event->data, "alarm", &code) == PS_OK && ps_bytes_equal_str(code, "clock")) {
        replay->doubted_s = event->time_ns / PS_NS_PER_S;
    }
    return PS_OK;
}

/* What waited for people did so in the appliance of before, where it may have been done. */
static enum ps_err on_restored(struct replay *replay, uint64_t index, const struct log_event *event)
{
    (void)index;
    (void)event;
    while (replay->first != NULL) {
        remove_open(replay, replay->first);
    }
    return PS_OK;
}

static const struct {
    const char *kind;
    enum ps_err (*take)(struct replay *replay, uint64_t index, const struct log_event *event);
} kinds[] = {
    {"genesis", on_genesis}, {"draft", on_draft}, {"signature", on_signature},
    {"intent", on_intent},   {"part", on_part},   {"result", on_result},
    {"ended", on_ended},     {"alarm", on_alarm}, {LOG_RESTORED_KIND, on_restored},
};

enum ps_err replay_take(struct replay *replay, uint64_t index, const struct log_event *event)
{
    for (size_t i = 0; i < PS_COUNT_OF(kinds); i++) {
        if (!ps_bytes_equal_str(event->kind, kinds[i].kind)) {
            continue;
        }
        if (replay->roster == NULL && i > 0 && strcmp(kinds[i].kind, "alarm") != 0) {
            return wrong(
                replay, index, "genesis",
                ps_fail(PS_E_DENIED, 0, "a leaf of an operation, and no genesis before it"));
        }
        return kinds[i].take(replay, index, event);
    }
    return PS_OK;
}
