#ifndef CEREMONY_PEOPLE_CONDITIONS_H
#define CEREMONY_PEOPLE_CONDITIONS_H

#include "lib/base/hash.h"
#include "lib/ceremony/people/policy.h"
#include "lib/formats/tlog/merkle.h"

/*
 * What has to hold for a document besides its approvals: that it was made for this appliance as it
 * is now, and is still good. Judged at approval and again at execution.
 */
#define CONDITIONS_TOKENS_MAX 8u

/* What the document says, as parsed from the octets that were signed. */
struct conditions_document {
    uint8_t appliance[PS_SHA256_LEN];
    uint8_t roster[PS_SHA256_LEN];
    uint8_t policy[PS_SHA256_LEN];
    uint64_t policy_epoch;
    struct ps_bytes log_origin;
    uint64_t log_size;
    struct merkle_hash log_root;
    uint64_t max_log_size;
    uint64_t not_before_s; /* seconds since 1970 */
    uint64_t not_after_s;
    struct ps_bytes token_serials[CONDITIONS_TOKENS_MAX]; /* of the tokens it touches */
    size_t token_count;
};

struct operation_document;

/*
 * All members but the tokens, whose serials stand in `params` as its type says. The texts borrow
 * from the document.
 */
void conditions_take_document(const struct operation_document *document,
                              struct conditions_document *ret_conditions);

/* What the appliance keeps of the nonces it gave out. */
enum conditions_nonce {
    CONDITIONS_NONCE_UNKNOWN,
    CONDITIONS_NONCE_UNUSED,
    CONDITIONS_NONCE_USED /* an intent with it is in the log */
};

/* What is so now. */
struct conditions_present {
    uint8_t appliance[PS_SHA256_LEN];
    uint8_t roster[PS_SHA256_LEN];
    uint8_t policy[PS_SHA256_LEN];
    uint64_t policy_epoch;
    struct ps_bytes log_origin;
    uint64_t log_size;
    const struct merkle_hash *log_root; /* of the first document.log_size leaves of `events`; NULL:
                                           there are not as many, or nobody knows */
    enum conditions_nonce nonce;        /* of the document's */
    struct ps_bytes token_serials[CONDITIONS_TOKENS_MAX]; /* same order as the document's */
    size_t token_count;
    uint64_t now_s;
};

/* Sorted as they are looked at. */
enum condition {
    CONDITION_NONE,
    CONDITION_APPLIANCE,
    CONDITION_NONCE_UNKNOWN,
    CONDITION_NONCE_USED,
    CONDITION_POLICY_EPOCH,
    CONDITION_POLICY,
    CONDITION_ROSTER,
    CONDITION_TOKEN,
    CONDITION_LOG_ORIGIN,
    CONDITION_LOG_SHORT,
    CONDITION_LOG_ROOT,
    CONDITION_LOG_GROWN,
    CONDITION_NOT_YET,
    CONDITION_EXPIRED,
    CONDITION_COOLING_OFF,
    CONDITION_COUNT
};

struct condition_info {
    const char *code;     /* "log-grown" */
    const char *sentence; /* what is wrong and what to do */
};

/* The first that does not hold; CONDITION_NONE when all do. Never CONDITION_COOLING_OFF. */
enum condition conditions_check(const struct conditions_document *document,
                                const struct conditions_present *present);

/*
 * Of changes of roster and policy, at execution: whether so much time has passed since quorum was
 * met. wait_s: of people_change.h. quorum_met_s: when that became durable in the log.
 */
enum condition conditions_check_cooling_off(uint64_t wait_s, uint64_t quorum_met_s, uint64_t now_s);

/* NULL when there is no such condition, and for CONDITION_NONE. */
const struct condition_info *condition_info(enum condition condition);

#endif
