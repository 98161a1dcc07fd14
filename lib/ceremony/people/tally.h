#ifndef CEREMONY_PEOPLE_TALLY_H
#define CEREMONY_PEOPLE_TALLY_H

#include "lib/ceremony/people/quorum.h"

/* Counting people behind signatures, for quorum.c and recovery.c. */

struct tally_request {
    const struct roster *roster;
    uint64_t now_s;
    const uint8_t *document; /* SHA-256 of its octets */
    const struct approval *approvals;
    size_t count;                  /* at most QUORUM_APPROVALS_MAX */
    const struct person *excluded; /* of the roster; NULL: nobody */
    const struct person *included; /* counts whatever the role, and before `excluded` */
    bool roles[ROSTER_ROLE_COUNT]; /* that count */
};

/* Of each role those who are valid now and not excluded: each person is one of three. */
struct tally {
    uint32_t approved[ROSTER_ROLE_COUNT];
    uint32_t rejected[ROSTER_ROLE_COUNT]; /* also who approved as well */
    uint32_t open[ROSTER_ROLE_COUNT];     /* said nothing yet */
    bool has_approved[ROSTER_PEOPLE_MAX]; /* by place in the roster */
    bool has_rejected[ROSTER_PEOPLE_MAX];
};

/* `ret_verdicts`: one for each approval; may be NULL. Errors: PS_E_LIMIT (too many approvals). */
PS_MUST_USE enum ps_err tally_count(const struct tally_request *request,
                                    enum quorum_verdict *ret_verdicts, struct tally *ret_tally);

#endif
