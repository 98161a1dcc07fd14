#ifndef CEREMONY_LOG_SEEN_H
#define CEREMONY_LOG_SEEN_H

#include "lib/ceremony/log/key.h"

/*
 * A checkpoint that somebody keeps elsewhere, such as a witness, held against a copy of the log
 * while its leaves are read: a copy that was rewritten is found by it, and of one that was put back
 * or cut off it is known how much is missing.
 */
struct log_seen {
    struct ps_bytes note;         /* borrowed; empty: there is none */
    struct checkpoint checkpoint; /* borrows from it, and is not verified yet */
    bool is_met;                  /* the leaves have reached its size */
    bool is_ours;                 /* and their root was its root */
};

/* Errors: PS_E_INPUT (the note is no checkpoint). */
PS_MUST_USE enum ps_err log_seen_begin(struct ps_bytes note, struct log_seen *ret_seen);

/* Whether it is of so many leaves: before the first leaf and after each one. */
bool log_seen_wants(const struct log_seen *seen, uint64_t leaves);
/* Then, the root of these leaves. */
void log_seen_take(struct log_seen *seen, const struct merkle_hash *root);

struct log_seen_result {
    uint64_t size;     /* leaves that the log had then */
    uint64_t missing;  /* of them, those that the copy does not have */
    unsigned cosigned; /* by so many of the witnesses given */
    uint64_t time_s;   /* when the last of them did; 0: none */
};

/*
 * After the last leaf. key: of the log's `events`; witnesses: whose word counts, perhaps none.
 * Errors: PS_E_DENIED (not signed by the key, by too few witnesses, or of other leaves), PS_E_INPUT
 */
PS_MUST_USE enum ps_err log_seen_judge(const struct log_seen *seen, const struct note_key *key,
                                       const struct log_witnesses *witnesses, uint64_t leaves,
                                       struct log_seen_result *ret_result);

#endif
