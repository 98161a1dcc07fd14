#ifndef CEREMONY_PEOPLE_QUORUM_H
#define CEREMONY_PEOPLE_QUORUM_H

#include "lib/ceremony/people/approval.h"

/*
 * Whether enough people of the right roles approved a document. Everything is judged by the roster,
 * the policy and the time that are given: at execution those of that moment, so that someone who
 * was removed, suspended or has expired meanwhile, or whose key was replaced, does not count.
 */
#define QUORUM_APPROVALS_MAX 256u /* signatures looked at for one document */
#define QUORUM_TEXT_MAX      400u

enum quorum_state {
    QUORUM_MET,
    QUORUM_WAITING,    /* `text` says who is missing */
    QUORUM_REJECTED,   /* so many refused that those who are left are too few */
    QUORUM_UNREACHABLE /* too few people are valid now, whoever approves */
};

/* What became of one signature. */
enum quorum_verdict {
    QUORUM_COUNTED,
    QUORUM_COUNTED_REJECTION,
    QUORUM_OTHER_KIND,     /* a request or a statement */
    QUORUM_OTHER_DOCUMENT, /* over other octets */
    QUORUM_NOT_A_PERSON,   /* not, or no longer, in the roster */
    QUORUM_OTHER_KEY,      /* by a key the person has no longer */
    QUORUM_NOT_VALID,      /* suspended, not yet or no longer valid */
    QUORUM_OTHER_ROLE,     /* a role that this class does not ask for */
    QUORUM_REQUESTER,      /* the requester, where the policy does not count them */
    QUORUM_REPEATED,       /* a person who is counted already */
    QUORUM_WITHDRAWN,      /* an approval by a person who refused as well */
    QUORUM_VERDICT_COUNT
};

/*
 * class:     the highest of the operation's and of every key it touches
 * requester: name of a person; has to be one of the roster and valid now. Empty: the appliance
 *            itself, only for POLICY_NOBODY.
 * canceller: of a cancellation, who asked for the operation that it ends: this person's approval
 *            alone is enough, whatever the role. Else empty. Only with POLICY_C.
 * document:  SHA-256 of its octets
 * approvals: verified ones, of any kind and in any order
 */
struct quorum_request {
    const struct roster *roster;
    const struct policy *policy;
    uint64_t now_s;
    enum policy_class class;
    struct ps_bytes requester;
    struct ps_bytes canceller;
    const uint8_t *document;
    const struct approval *approvals;
    size_t count;
};

struct quorum_result {
    enum quorum_state state;
    uint32_t officers; /* counted */
    uint32_t auditors;
    uint32_t officers_missing; /* 0 and 0 when met */
    uint32_t auditors_missing;
    enum quorum_verdict verdicts[QUORUM_APPROVALS_MAX]; /* in the order of `approvals` */
    char text[QUORUM_TEXT_MAX]; /* "one auditor more, not the requester (alice)" */
};

/*
 * Errors: PS_E_LIMIT (too many approvals), PS_E_DENIED (the requester is not a person of the roster
 *         or not valid now), PS_E_INPUT (no such class, or no class for a canceller). PS_OK does
 *         not mean that quorum is met: `state` does.
 */
PS_MUST_USE enum ps_err quorum_evaluate(const struct quorum_request *request,
                                        struct quorum_result *ret_result);

/*
 * Genesis: every person of the roster that it makes approves. Class, requester and policy are not
 * looked at; `text` names who is missing.
 */
PS_MUST_USE enum ps_err quorum_evaluate_all(const struct quorum_request *request,
                                            struct quorum_result *ret_result);

/*
 * Whether each key that `next` has and the request's roster has not, or not for that person, signed
 * a statement over the document: nobody is enrolled with a key that is not theirs. The statements
 * were verified with `next` as roster; of the request only roster, document and approvals count.
 * Errors: PS_E_DENIED (the detail names the person and the key's fingerprint), PS_E_LIMIT.
 */
PS_MUST_USE enum ps_err quorum_check_new_keys(const struct quorum_request *request,
                                              const struct roster *next);

/* "counted", "by a key that the person has no longer", ... */
const char *quorum_verdict_text(enum quorum_verdict verdict);

#endif
