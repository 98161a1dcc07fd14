#ifndef CEREMONY_PEOPLE_PEOPLE_CHANGE_H
#define CEREMONY_PEOPLE_PEOPLE_CHANGE_H

#include "lib/ceremony/operation/types.h"
#include "lib/ceremony/people/policy.h"
#include "lib/ceremony/people/roster.h"

/*
 * Operations that change who decides: what their documents make of the roster and the policy,
 * whether that may be, and how long it waits. The keeper judges by this when one is asked for and
 * again when it is executed.
 */
struct people_change {
    const struct operation_type_info *type;
    struct json_value params; /* of the type's schema */
};

/* Against what it is judged: of this moment. */
struct people_present {
    const struct roster *roster;
    const struct policy *policy;
    bool is_practice;
    uint64_t now_s; /* seconds since 1970 */
};

/* Whether operations of this type change the roster or the policy. */
bool people_change_has_type(const struct operation_type_info *type);

/* Whether the recovery people approve it (recovery.h) and not officers and auditors. */
bool people_change_is_recovery(const struct people_change *change);

/*
 * The roster as the operation would leave it; of a change of the policy a copy.
 * Errors: of the functions of roster.h; PS_E_STATE (suspended already, or not), PS_E_INPUT (no such
 *         operation).
 */
PS_MUST_USE enum ps_err people_change_roster(const struct people_change *change,
                                             const struct roster *present,
                                             struct roster **ret_next);

/* The policy as it would leave it; for changes of the roster a copy. Errors: of policy_read. */
PS_MUST_USE enum ps_err people_change_policy(const struct people_change *change,
                                             const struct policy *present, struct policy *ret_next);

/*
 * Whether it may be: nobody is locked out by it (lockout.h), the policy is one and the next one
 * (policy.h), who comes is not past their end, recovery changes officers only and there are people
 * for it.
 * Errors: those of the two above; PS_E_DENIED with a sentence for people.
 */
PS_MUST_USE enum ps_err people_change_check(const struct people_change *change,
                                            const struct people_present *present);

/*
 * How long it waits after its quorum was met, in seconds: changes of class A for the policy's
 * cooling-off, and recovery for its delay if that is longer. A suspension, of class B, takes effect
 * at once: it is made in haste, and only takes away.
 */
uint64_t people_change_wait_s(const struct people_change *change, const struct policy *policy);

/*
 * How long its document has to hold so that it can be executed after that wait: a day more, and
 * another one for the recovery people, whose keys are far away.
 */
uint64_t people_change_valid_s(const struct people_change *change, const struct policy *policy);

#endif
