#include "keystore/answer.h"
#include "keystore/gate/internal.h"
#include "keystore/log/log.h"
#include "keystore/operations/internal.h"
#include "lib/ceremony/conditions.h"

/* From approved to executing: everything is looked at again, with the people of this moment. */

/* The nonce is known, since its draft is in the log, and unused, since no intent followed it. */
static enum condition check_conditions(const struct gate *gate,
                                       const struct operation_document *document)
{
    const struct appliance *appliance = &gate->keeper->appliance;
    struct conditions_document wanted;
    struct conditions_present present = {
        .policy_epoch = appliance->policy_epoch,
        .log_origin = ps_bytes_str(appliance->origin),
        .log_size = log_tree_size(gate->keeper->events),
        .nonce = CONDITIONS_NONCE_UNUSED,
        .now_s = real_now_s(),
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

static bool changes_people(const struct operation_document *document)
{
    return document->type->about == OPERATION_ABOUT_PERSON ||
           document->type->about == OPERATION_ABOUT_POLICY;
}

static enum condition check_time(const struct operation_document *document)
{
    const uint64_t now_s = real_now_s();

    if (now_s < document->not_before_s) {
        return CONDITION_NOT_YET;
    }
    return now_s < document->not_after_s ? CONDITION_NONE : CONDITION_EXPIRED;
}

static enum condition check_all(const struct gate *gate, const struct entry *entry)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    enum condition condition;

    if (entry->roster != NULL) {
        return check_time(document); /* there is nothing yet that a genesis could contradict */
    }
    condition = check_conditions(gate, document);
    if (condition == CONDITION_NONE && changes_people(document)) {
        condition = conditions_check_cooling_off(&gate->policy, entry->quorum_met_s, real_now_s());
    }
    return condition;
}

static bool may_execute(struct gate *gate, struct entry *entry, const struct reply_to *to)
{
    enum condition condition;

    entry_judge(gate, entry, real_now_s());
    if (entry->state != WAITING_APPROVED) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_WRONG_STATE,
                                                    .detail = entry->missing,
                                                    .state = waiting_state_name(entry->state)});
        return false;
    }
    condition = check_all(gate, entry);
    if (condition != CONDITION_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_REFUSED,
                                                    .detail = condition_info(condition)->sentence});
        return false;
    }
    return true;
}

void entry_execute(struct gate *gate, struct entry *entry, const struct reply_to *to,
                   const struct msg_operation_step *message)
{
    const struct operation_document *document = waiting_document(entry->waiting);
    struct operation *op;

    /* A refusal whose leaf comes before the intent counts. */
    if (entry->arriving != NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_IN_FLIGHT,
                                                    .detail = "a signature is being recorded"});
        return;
    }
    if (!may_execute(gate, entry, to)) {
        return;
    }
    op = operation_new(gate->keeper->operations,
                       operation_type_find(ps_bytes_str(document->type->name)));
    if (op == NULL) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_OVERLOADED});
        return;
    }
    op->to = *to;
    memcpy(op->id, waiting_id(entry->waiting), sizeof op->id);
    memcpy(op->caller, entry->caller, sizeof op->caller);
    ps_buf_put(&op->request_id, message->request_id);
    if (!op->type->before_genesis) {
        ps_buf_put(&op->subject, operation_document_subject(document));
    }
    entry_take_row(gate, entry);
    op->row_revision = entry->row_revision;
    entry->is_executing = true;
    operation_begin_approved(op, document->octets);
}
