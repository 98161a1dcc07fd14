#ifndef CEREMONY_PEOPLE_RECOVERY_H
#define CEREMONY_PEOPLE_RECOVERY_H

#include "lib/ceremony/people/approval.h"

/*
 * The recovery people: named at genesis, they keep their keys off line and have one power, to
 * replace officers when too few are left. It begins 72 hours (or what the policy says) after enough
 * of them approved; until it is executed any one officer may veto.
 */
#define RECOVERY_APPROVALS_MAX 256u
#define RECOVERY_TEXT_MAX      300u

enum recovery_state {
    RECOVERY_READY,
    RECOVERY_WAITING_PEOPLE,
    RECOVERY_WAITING_WITNESS, /* no witness has cosigned a log that has the announcement */
    RECOVERY_WAITING_DELAY,
    RECOVERY_VETOED /* for good */
};

/*
 * approvals:    verified ones over the document; approvals by recovery people count as in
 *               quorum.h, a rejection by anyone who was an officer when it was verified is a veto
 * announced_s:  when it became durable in the log that enough of them approved; 0: not yet
 * is_witnessed: a witness cosigned a checkpoint that covers that leaf
 */
struct recovery_request {
    const struct roster *roster; /* of the moment */
    const struct policy *policy;
    uint64_t now_s;
    const uint8_t *document; /* SHA-256 of its octets */
    const struct approval *approvals;
    size_t count;
    uint64_t announced_s;
    bool is_witnessed;
};

struct recovery_result {
    enum recovery_state state;
    uint32_t people; /* counted */
    uint32_t people_missing;
    uint64_t ready_s; /* when the delay is over; 0 before the announcement */
    char text[RECOVERY_TEXT_MAX];
};

/* Errors: PS_E_LIMIT (too many approvals). What holds is in `state`. */
PS_MUST_USE enum ps_err recovery_evaluate(const struct recovery_request *request,
                                          struct recovery_result *ret_result);

/*
 * Their one power: nobody but officers differs between the two rosters.
 * Errors: PS_E_DENIED, the detail names who else would be changed.
 */
PS_MUST_USE enum ps_err recovery_check_change(const struct roster *present,
                                              const struct roster *next);

#endif
