#include "lib/ceremony/replay/internal.h"

#include "lib/base/clock.h"
#include "lib/ceremony/operation/keys.h"
#include "lib/ceremony/people/conditions.h"
#include "lib/ceremony/people/people_change.h"

#include <stdlib.h>

/* The leaf of an intent may be written so long after its operation was judged. */
#define SLACK_S 60u

static bool is_strong(const struct replay *replay, struct ps_bytes name)
{
    return ps_name_reserved(name) || ps_map_get(replay->strong, name) != NULL;
}

/* One that is about to be made is of the class that its document says. */
static bool is_doubtful(const struct replay *replay, const struct operation_document *document,
                        struct ps_bytes name)
{
    return replay->sink.is_chosen && !operation_makes_keys(document->type) &&
           ps_map_get(replay->known, name) == NULL;
}

static bool has_doubt(const struct replay *replay, const struct operation_document *document)
{
    struct operation_keys keys = operation_keys(document->type, document->params);
    struct ps_bytes name;

    while (operation_keys_next(&keys, &name)) {
        if (is_doubtful(replay, document, name)) {
            return true;
        }
    }
    return false;
}

/* Whether a grant on these keys is one on a key of class A. */
static bool reaches_strong(const struct replay *replay, const struct operation_document *document)
{
    struct ps_bytes pattern;
    const char *name;
    size_t cursor = 0;

    if (strcmp(document->type->name, "grant.add") != 0 ||
        operation_document_text(document, "keys", &pattern) != PS_OK) {
        return false;
    }
    while ((name = ps_map_next(replay->strong, &cursor)) != NULL) {
        if (ps_pattern_matches(pattern, ps_bytes_str(name))) {
            return true;
        }
    }
    return false;
}

static enum policy_class class_of(const struct replay *replay,
                                  const struct operation_document *document)
{
    const char letter = document->class;
    enum policy_class class =
        letter == OPERATION_CLASS_NONE ? POLICY_NOBODY : policy_class_by_name(ps_bytes(&letter, 1));
    struct operation_keys keys = operation_keys(document->type, document->params);
    struct ps_bytes name;

    while (operation_keys_next(&keys, &name)) {
        if (is_strong(replay, name) || is_doubtful(replay, document, name)) {
            class = POLICY_A;
        }
    }
    return reaches_strong(replay, document) ? POLICY_A : class;
}

/* Of a cancellation: who asked for the operation that it ends. */
static struct ps_bytes canceller_of(const struct replay *replay,
                                    const struct operation_document *document)
{
    const struct replayed *target;
    struct ps_bytes id;

    if (strcmp(document->type->name, "operation.cancel") != 0 ||
        operation_document_text(document, "operation", &id) != PS_OK) {
        return ps_bytes(NULL, 0);
    }
    target = replay_find(replay, id);
    return target == NULL ? ps_bytes(NULL, 0) : waiting_document(target->waiting)->requester;
}

static uint64_t waiting_since_s(const struct replay *replay, const struct replayed *op)
{
    return op->met_s > replay->doubted_s ? op->met_s : replay->doubted_s;
}

static struct waiting_view view_of(const struct replay *replay, const struct replayed *op,
                                   uint64_t now_s)
{
    const struct operation_document *document = waiting_document(op->waiting);

    return (struct waiting_view){
        .roster = replay->roster,
        .policy = &replay->policy,
        .class = class_of(replay, document),
        .canceller = canceller_of(replay, document),
        .is_genesis = strcmp(document->type->name, "genesis") == 0,
        .now_s = now_s,
        .recall = replay->recall,
        .met_s = op->met_s == 0 ? 0 : waiting_since_s(replay, op),
    };
}

static enum ps_err judge(const struct replay *replay, struct replayed *op, uint64_t now_s,
                         struct quorum_result *ret_result)
{
    const struct waiting_view view = view_of(replay, op, now_s);
    const enum ps_err err = waiting_judge(op->waiting, &view, &op->state, ret_result);

    if (err != PS_OK) {
        op->state = WAITING_OPEN;
    }
    if (op->state != WAITING_APPROVED) {
        op->met_s = 0;
    } else if (op->met_s == 0) {
        op->met_s = now_s;
    }
    return err;
}

enum ps_err replay_add_signature(struct replay *replay, struct replayed *op, struct json_value data,
                                 uint64_t now_s)
{
    const struct waiting_view view = view_of(replay, op, now_s);
    enum approval_kind kind = APPROVAL_REQUEST;
    struct quorum_result result;
    struct approval approval;
    struct ps_bytes armored;
    struct ps_bytes person;
    struct ps_bytes name;

    PS_TRY(replay_text_of(data, "kind", &name));
    PS_TRY(replay_text_of(data, "person", &person));
    PS_TRY(replay_text_of(data, "signature", &armored));
    while (kind < APPROVAL_KIND_COUNT && !ps_bytes_equal_str(name, approval_kind_name(kind))) {
        kind++;
    }
    if (kind == APPROVAL_KIND_COUNT) {
        return ps_fail(PS_E_INPUT, 0, "a signature of a kind that there is not");
    }
    PS_TRY(waiting_check(op->waiting, &view, kind, person, armored, &approval));
    PS_TRY(waiting_add(op->waiting, &approval, now_s, armored));
    return judge(replay, op, now_s, &result) == PS_E_NO_MEMORY ? PS_E_NO_MEMORY : PS_OK;
}

static enum ps_err check_appliance(const struct replay *replay,
                                   const struct operation_document *document)
{
    return replay->has_appliance &&
                   memcmp(replay->appliance, document->appliance, PS_SHA256_LEN) != 0
               ? ps_fail(PS_E_DENIED, 0, "its document was made for another appliance")
               : PS_OK;
}

static enum ps_err check_rules(const struct replay *replay,
                               const struct operation_document *document)
{
    uint8_t hash[PS_SHA256_LEN];

    PS_TRY(roster_hash(replay->roster, hash));
    if (memcmp(hash, document->roster_hash, sizeof hash) != 0) {
        return ps_fail(PS_E_DENIED, 0,
                       "its document was made under another roster than these leaves lead to");
    }
    PS_TRY(policy_hash(&replay->policy, hash));
    if (memcmp(hash, document->policy_hash, sizeof hash) != 0 ||
        document->policy_epoch != replay->policy.epoch) {
        return ps_fail(PS_E_DENIED, 0,
                       "its document was made under another policy than these leaves lead to");
    }
    return check_appliance(replay, document);
}

static enum ps_err check_moment(const struct replay *replay, const struct replayed *op,
                                uint64_t index, uint64_t now_s)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct people_change change = {.type = document->type, .params = document->params};
    const uint64_t wait_s = people_change_wait_s(&change, &replay->policy);

    if (now_s + SLACK_S < document->not_before_s || now_s >= document->not_after_s + SLACK_S) {
        return ps_fail(PS_E_DENIED, 0, "it was executed when its document did not hold");
    }
    if (document->log_size > index || index > document->max_log_size) {
        return ps_fail(PS_E_DENIED, 0,
                       "it was executed at a size of the log that its document "
                       "does not allow");
    }
    return wait_s == 0 || conditions_check_cooling_off(wait_s, waiting_since_s(replay, op),
                                                       now_s) == CONDITION_NONE
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it was executed before its cooling-off was over");
}

/* A document is executed once: its nonce is used then. */
static enum ps_err use_nonce(struct replay *replay, const struct operation_document *document)
{
    uint8_t *nonce = malloc(OPERATION_NONCE_LEN);
    enum ps_err err;

    if (nonce == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(nonce, document->nonce, OPERATION_NONCE_LEN);
    err = ps_map_add(replay->nonces, ps_bytes(nonce, OPERATION_NONCE_LEN), nonce);
    if (err != PS_OK) {
        free(nonce);
    }
    if (err == PS_E_CONFLICT) {
        return ps_fail(PS_E_DENIED, 0, "its document was executed before");
    }
    return err;
}

static void tell_note(const struct replay *replay, uint64_t index, const char *text)
{
    log_report_row(replay->sink.report, LOG_NOTE,
                   &(struct log_where){.check = "approvals", .tree = "events", .leaf = index}, "%s",
                   text);
}

/* Keys that a pattern reaches may be made at any time, and no leaf shows that there were none. */
static void tell_doubt(const struct replay *replay, const struct replayed *op, uint64_t index)
{
    const struct operation_document *document = waiting_document(op->waiting);

    if (!replay->sink.is_chosen || document->class == OPERATION_CLASS_A) {
        return;
    }
    if (has_doubt(replay, document)) {
        tell_note(replay, index,
                  "the leaves do not say of which class its key is: counted as one of class A");
    }
    if (strcmp(document->type->name, "grant.add") == 0) {
        tell_note(replay, index,
                  "whether its keys are of class A these leaves cannot show, but the whole log");
    }
}

enum ps_err replay_judge_intent(struct replay *replay, struct replayed *op, uint64_t index,
                                uint64_t now_s)
{
    struct quorum_result result = {.text = ""};

    tell_doubt(replay, op, index);
    PS_TRY(use_nonce(replay, waiting_document(op->waiting)));
    PS_TRY(check_rules(replay, waiting_document(op->waiting)));
    PS_TRY(judge(replay, op, now_s, &result));
    if (op->state != WAITING_APPROVED) {
        return ps_fail(PS_E_DENIED, 0, "it was executed and was not approved: %s", result.text);
    }
    PS_TRY(check_moment(replay, op, index, now_s));
    op->is_judged = true;
    return PS_OK;
}

enum ps_err replay_judge_own(const struct replay *replay, const struct replayed *op, uint64_t index,
                             uint64_t now_s)
{
    PS_TRY(check_appliance(replay, waiting_document(op->waiting)));
    return check_moment(replay, op, index, now_s);
}

enum ps_err replay_judge_genesis(struct replay *replay, struct replayed *op, uint64_t index,
                                 uint64_t now_s)
{
    struct quorum_result result = {.text = ""};

    PS_TRY(use_nonce(replay, waiting_document(op->waiting)));
    PS_TRY(judge(replay, op, now_s, &result));
    if (op->state != WAITING_APPROVED) {
        return ps_fail(PS_E_DENIED, 0, "the genesis was not signed by all of its people: %s",
                       result.text);
    }
    PS_TRY(check_moment(replay, op, index, now_s));
    op->is_judged = true;
    return PS_OK;
}
