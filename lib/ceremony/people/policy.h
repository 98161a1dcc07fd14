#ifndef CEREMONY_PEOPLE_POLICY_H
#define CEREMONY_PEOPLE_POLICY_H

#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

/*
 * The policy: how many people of which role each class of operations needs.
 *
 * Its document, in RFC 8785 form (here the defaults, cut into lines):
 *
 *   {"classes":{"A":{"auditors":"1","officers":"2","requester":"excluded"},
 *               "B":{"auditors":"0","officers":"2","requester":"excluded"},
 *               "C":{"auditors":"0","officers":"1","requester":"counted"},
 *               "U":{"auditors":"0","officers":"2","requester":"counted"}},
 *    "cooling_off_s":"86400","epoch":"1","recovery":{"delay_s":"259200","threshold":"2"},
 *    "sk":{"application":"ssh:","presence":true,"verification":true},"v":"1"}
 */
#define POLICY_OCTETS_MAX      4096u
#define POLICY_APPLICATION_MAX 64u
#define POLICY_PEOPLE_MAX      64u /* largest threshold */

/* In rising order: the class that counts is the highest of an operation's and its keys'. */
enum policy_class {
    POLICY_NOBODY, /* what an approved policy or profile does by itself */
    POLICY_C,      /* only ever less capability */
    POLICY_U,      /* unlocking, which touches no key */
    POLICY_B,
    POLICY_A,
    POLICY_CLASS_COUNT
};

struct policy_rule {
    uint32_t officers;
    uint32_t auditors;
    bool requester_counts;
};

struct policy {
    struct policy_rule rules[POLICY_CLASS_COUNT]; /* POLICY_NOBODY: zeros */
    uint64_t epoch;                               /* from 1, one more with each change */
    uint32_t cooling_off_s;                       /* of roster and policy changes */
    uint32_t recovery_threshold;                  /* people of role recovery */
    uint32_t recovery_delay_s;
    char sk_application[POLICY_APPLICATION_MAX + 1]; /* of sk- keys, as FIDO's relying party */
    bool sk_presence;                                /* sk- signatures need a touch */
    bool sk_verification;                            /* and a PIN or a finger */
};

/* The table of ceremonies.md, with epoch 1. */
void policy_set_defaults(struct policy *ret_policy);

/*
 * Reads a policy's document; policy_parse requires its canonical octets, policy_read leaves that to
 * the document that the value is part of.
 * Errors: PS_E_INPUT (the detail names the member), PS_E_LIMIT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err policy_parse(struct ps_bytes text, struct policy *ret_policy);
PS_MUST_USE enum ps_err policy_read(struct json_value value, struct policy *ret_policy);

/* Appends the document. Errors are the buffer's. */
void policy_put(const struct policy *policy, struct ps_buf *out);

/* SHA-256 of the document: `policy.hash` of operation documents. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err policy_hash(const struct policy *policy, uint8_t ret_hash[PS_SHA256_LEN]);

/*
 * What no policy may be below: nobody alone in A, B and U, an officer in each class, A never easier
 * than B nor B than C, two people of recovery, a touch for sk- signatures; and except on a
 * practice appliance a cooling-off and a recovery delay of at least the two below.
 * policy_check_next: also that the epoch is the present one's successor. Errors: PS_E_DENIED, the
 * detail says which rule.
 */
#define POLICY_COOLING_OFF_MIN_S    3600u
#define POLICY_RECOVERY_DELAY_MIN_S (72u * 3600u)
PS_MUST_USE enum ps_err policy_check(const struct policy *policy, bool is_practice);
PS_MUST_USE enum ps_err policy_check_next(const struct policy *present, const struct policy *next,
                                          bool is_practice);

/* "A", "B", "C", "U"; "-" for POLICY_NOBODY. By name: POLICY_CLASS_COUNT when there is none. */
const char *policy_class_name(enum policy_class class);
enum policy_class policy_class_by_name(struct ps_bytes name);

enum policy_class policy_class_highest(enum policy_class a, enum policy_class b);

#endif
