#ifndef CEREMONY_REPLAY_REPLAY_H
#define CEREMONY_REPLAY_REPLAY_H

#include "lib/ceremony/log/leaf.h"
#include "lib/ceremony/log/report.h"
#include "lib/ceremony/waiting.h"

/*
 * Who decided, told once more from leaves of `events` alone: beginning with the genesis, each
 * signature is verified, each operation judged as the appliance judged it (waiting.h) with the
 * roster and the policy of then, and each change of these two followed. So nobody has to be
 * believed but who signed the genesis.
 *
 * It takes a whole log, or those leaves of one that belong to some operations, if everything that
 * changed people or policy before them is there: a document names the hashes of the roster and of
 * the policy that it was made under, so that a change which was left out is noticed.
 */
struct replay;

/* Under which family of keys one was made. */
struct replay_family {
    struct ps_bytes prefix; /* empty: it is no key of a family, or not rightly one */
    uint64_t approved;      /* the leaf by which people had approved the family */
    uint64_t made;          /* which of its keys this is, from 1 */
    uint64_t maximum;
};

/* An operation that has come to its end. Borrowed until the callback returns. */
struct replay_operation {
    const struct waiting *waiting; /* its document, and who signed it */
    const struct log_event *end;   /* the leaf: of kind result, ended or genesis */
    uint64_t leaf;                 /* its index */
    struct ps_bytes caller;        /* the client; empty: the appliance by itself */
    struct ps_bytes outcome;       /* done, not-done, cancelled, expired, rejected */
    struct json_value effects;     /* of an array; doc NULL: none */
    struct json_value calls;       /* the same: which calls of PKCS#11 it made */
    uint64_t begun_ns;             /* of its intent; 0: there was none */
    bool is_judged;                /* people approved it, and nothing was wrong with that */
    struct replay_family family;   /* of the key that a client made without people */
};

struct replay_sink {
    struct log_report *report; /* FAIL for what nobody had approved */
    /*
     * Some leaves of a log, which somebody chose. Then an operation with a key counts as one with a
     * key of class A unless a leaf before it says of which class that is: who leaves out the making
     * of a key could else have fewer people counted.
     */
    bool is_chosen;
    void *context;
    /* May be NULL. Errors of it end the replay. */
    enum ps_err (*on_operation)(void *context, const struct replay_operation *operation);
};

PS_MUST_USE enum ps_err replay_new(const struct replay_sink *sink, struct replay **ret_replay);
void replay_free(struct replay *replay);
PS_DEFINE_CLEANUP(struct replay, replay_free)

/*
 * Takes the next leaf of those that there are, in their order. What is wrong is told to the report.
 * Errors: PS_E_NO_MEMORY, those of the callback.
 */
PS_MUST_USE enum ps_err replay_take(struct replay *replay, uint64_t index,
                                    const struct log_event *event);

/*
 * The verifier key of the log that these leaves lead to: the genesis', or the one that people
 * approved when the appliance was restored. Empty before the genesis.
 */
struct ps_bytes replay_log_key(const struct replay *replay);

/* As they are after the leaves so far; NULL before the genesis. */
const struct roster *replay_roster(const struct replay *replay);
const struct policy *replay_policy(const struct replay *replay);

#endif
