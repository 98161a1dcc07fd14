#ifndef CEREMONY_PEOPLE_LOCKOUT_H
#define CEREMONY_PEOPLE_LOCKOUT_H

#include "lib/ceremony/people/policy.h"
#include "lib/ceremony/people/roster.h"

/*
 * Nobody locked out: a roster and a policy in which losing any one person, or those whose time ends
 * within 30 days, leaves a class without quorum. One officer more than a class counts is needed
 * where the requester does not count: auditors may ask, but are not relied on for it. Nor is anyone
 * whose only keys are hardware keys of another application than the policy's. The recovery
 * people, where there are any, are held to the same. With the default policy 4 officers and 2
 * auditors pass, one less of either does not.
 */
#define LOCKOUT_EXPIRY_S (30u * 86400u)

enum lockout_cause {
    LOCKOUT_NONE,
    LOCKOUT_TOO_FEW, /* without anybody being lost */
    LOCKOUT_LOSS,    /* of `person` */
    LOCKOUT_EXPIRY   /* of `person`, the last one to matter */
};

struct lockout {
    enum lockout_cause cause;
    enum policy_class class; /* POLICY_NOBODY: the recovery people */
    char person[PS_NAME_MAX + 1];
};

/*
 * The causes are looked for in the order above, each in every class before the next: who takes
 * somebody out in haste (a suspension) may go on at anything but LOCKOUT_TOO_FEW.
 * `ret_lockout` may be NULL and is set also when it is refused.
 * Errors: PS_E_DENIED, the detail names class and person and says what is needed.
 */
PS_MUST_USE enum ps_err lockout_check(const struct roster *roster, const struct policy *policy,
                                      uint64_t now_s, struct lockout *ret_lockout);

/*
 * The same of a change of the roster. One by which, from now until 30 days on, nobody who could
 * sign is missed in any role passes whatever is still wanting: else a roster that has become too
 * small, by suspensions or as times end, could not be mended person by person. Errors: PS_E_DENIED,
 * as above.
 */
PS_MUST_USE enum ps_err lockout_check_change(const struct roster *present,
                                             const struct roster *next, const struct policy *policy,
                                             uint64_t now_s);

#endif
