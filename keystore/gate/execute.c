#include "keystore/answer.h"
#include "keystore/gate/internal.h"
#include "keystore/log/log.h"
#include "keystore/operations/internal.h"
#include "lib/ceremony/people/conditions.h"

#include <stdio.h>

/* From approved to executing: everything is looked at again, with the people of this moment. */

/* The nonce is known, since its draft is in the log, and unused, since no intent followed it. */
static enum condition check_conditions(const struct gate *gate,
                                       const struct operation_document *document,
                                       const struct moment *moment)
{
    const struct appliance *appliance = &gate->keeper->appliance;
    struct conditions_document wanted;
    struct conditions_present present = {
        .policy_epoch = appliance->policy_epoch,
        .log_origin = ps_bytes_str(appliance->origin),
        .log_size = moment->log_size,
        .nonce = CONDITIONS_NONCE_UNUSED,
        .now_s = moment->time_s,
    };
    struct merkle_hash root;

    conditions_take_document(document, &wanted);
    memcpy(present.appliance, appliance->identity_hash, PS_SHA256_LEN);
    memcpy(present.roster, appliance->roster_hash, PS_SHA256_LEN);
    memcpy(present.policy, appliance->policy_hash, PS_SHA256_LEN);
    if (document->log_size <= present.log_size &&
        log_root(gate->keeper->events, document->log_size, &root) == PS_OK) {
        present.log_root = &root;
    }
    return conditions_check(&wanted, &present);
}

static enum condition check_time(const struct operation_document *document, uint64_t now_s)
{
    if (now_s < document->not_before_s) {
        return CONDITION_NOT_YET;
    }
    return now_s < document->not_after_s ? CONDITION_NONE : CONDITION_EXPIRED;
}

struct moment moment_now(const struct gate *gate)
{
    const uint64_t now_ns = ps_clock_real_ns();

    return (struct moment){.time_ns = now_ns,
                           .time_s = now_ns / PS_NS_PER_S,
                           .log_size = log_tree_size(gate->keeper->events)};
}

enum condition entry_check_conditions(const struct gate *gate, const struct entry *entry,
                                      const struct moment *moment)
{
    const struct operation_document *document = waiting_document(entry->waiting);

    /* There is nothing yet that a genesis could contradict. */
    return entry->roster != NULL ? check_time(document, moment->time_s)
                                 : check_conditions(gate, document, moment);
}

enum condition entry_check_wait(const struct gate *gate, const struct entry *entry, uint64_t time_s)
{
    const uint64_t wait_s = entry_wait_s(gate, entry);

    return wait_s == 0
               ? CONDITION_NONE
               : conditions_check_cooling_off(wait_s, clock_waiting_since_s(gate, entry), time_s);
}

static void refuse_condition(const struct reply_to *to, enum condition condition,
                             const char *missing)
{
    char text[2 * QUORUM_TEXT_MAX];

    (void)snprintf(text, sizeof text, "%s%s%s", condition_info(condition)->sentence,
                   missing[0] == 0 ? "" : " ", missing);
    answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_REFUSED, .detail = text});
}

static bool may_execute(struct gate *gate, struct entry *entry, const struct moment *moment,
                        const struct reply_to *to)
{
    enum condition condition;

    if (!clock_lets_judge(gate, entry)) {
        clock_refuse(to);
        return false;
    }
    entry_judge(gate, entry, moment->time_s);
    if (entry->state != WAITING_APPROVED) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_WRONG_STATE,
                                                    .detail = entry->missing,
                                                    .state = waiting_state_name(entry->state)});
        return false;
    }
    condition = entry_check_conditions(gate, entry, moment);
    if (condition != CONDITION_NONE) {
        refuse_condition(to, condition, "");
        return false;
    }
    condition = entry_check_wait(gate, entry, moment->time_s);
    if (condition != CONDITION_NONE) {
        refuse_condition(to, condition, entry->missing);
        return false;
    }
    if (!entry_is_witnessed(gate, entry)) {
        answer_problem(to,
                       &(struct problem_answer){
                           .problem = PS_PROBLEM_REFUSED,
                           .detail = "too few witnesses have seen the log with the approvals of "
                                     "this recovery; `privyseal log witnesses` shows how far"});
        return false;
    }
    return true;
}

void entry_execute(struct gate *gate, struct entry *entry, const struct reply_to *to,
                   const struct msg_operation_step *message)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    const struct operation_type *type = operation_type_find(ps_bytes_str(document->type->name));
    struct moment moment = moment_now(gate);
    struct operation *op;

    /* A refusal whose leaf comes before the intent counts. */
    if (entry->arriving != NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_IN_FLIGHT,
                                                    .detail = "a signature is being recorded"});
        return;
    }
    /* Its result is on the way to the log: an intent after it would be of people who are none. */
    if (operations_change_people(gate->keeper->operations)) {
        answer_problem(
            to, &(struct problem_answer){.problem = PS_PROBLEM_IN_FLIGHT,
                                         .detail = "the people or the policy are being changed"});
        return;
    }
    if (!may_execute(gate, entry, &moment, to)) {
        return;
    }
    if (type == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_REFUSED,
                                                    .detail = "this program executes none of its "
                                                              "type: ask with the one that does"});
        return;
    }
    op = operation_new(gate->keeper->operations, type);
    if (op == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    op->to = *to;
    op->created_ns = moment.time_ns; /* of its intent: as of then it can be judged again */
    memcpy(op->id, waiting_id(entry->waiting), sizeof op->id);
    memcpy(op->caller, entry->caller, sizeof op->caller);
    ps_buf_put(&op->request_id, message->request_id);
    if (!op->type->before_genesis) {
        ps_buf_put(&op->subject, operation_document_subject(document));
    }
    entry_put_signatures(entry, &op->signatures);
    entry_take_row(gate, entry);
    op->row_revision = entry->row_revision;
    entry->is_executing = true;
    operation_begin_approved(op, document->octets);
}
