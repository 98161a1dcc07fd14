#include "keystore/answer.h"
#include "keystore/gate/internal.h"
#include "keystore/state/check.h"

bool clock_lets_judge(const struct gate *gate, const struct entry *entry)
{
    return check_clock_is_good(gate->keeper->check) ||
           gate_class_of(gate->keeper->keys, waiting_document(entry->waiting)) == POLICY_C;
}

uint64_t clock_waiting_since_s(const struct gate *gate, const struct entry *entry)
{
    const uint64_t doubted_s = check_clock_doubted_s(gate->keeper->check);

    return doubted_s > entry->quorum_met_s ? doubted_s : entry->quorum_met_s;
}

bool clock_has_expired(const struct gate *gate, const struct entry *entry)
{
    return check_clock_is_good(gate->keeper->check) &&
           real_now_s() >= waiting_document(entry->waiting)->not_after_s;
}

void clock_refuse(const struct reply_to *to)
{
    answer_problem(to, &(struct problem_answer){
                           .problem = PS_PROBLEM_CLOCK_UNSETTLED,
                           .detail = "the clock stepped or is behind the log; what people sign "
                                     "counts again when it has been steady for five minutes"});
}
