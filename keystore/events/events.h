#ifndef KEYSTORE_EVENTS_EVENTS_H
#define KEYSTORE_EVENTS_EVENTS_H

#include "keystore/internal.h"

/*
 * Writing to the log `events`. Before genesis there is none: leaf 0 is that of genesis, and what
 * happens earlier is said in log lines only.
 */

/*
 * Appends an event; `fn` (may be NULL) is called once it is durable, or will never be.
 * Errors: PS_E_STATE (no genesis yet, or the leaf is too long), the log's.
 */
PS_MUST_USE enum ps_err events_record(struct keeper *keeper, const struct event_leaf *leaf,
                                      held_fn *fn, void *context);

/*
 * What runs, with its hashes: in each life of the keeper once. In the one of the genesis that is
 * right behind it, before anything else of the appliance is known. As events_record.
 */
PS_MUST_USE enum ps_err events_record_start(struct keeper *keeper, held_fn *fn, void *context);

/*
 * Something an operator has to look at: a leaf `alarm` and a log line. The same code about the same
 * thing at most once a minute, and about eight things; how many were left out stands in the next
 * one of that code.
 *
 * code:  a literal, e.g. "wrong-signature"
 * about: name of the key, token, ... concerned; or empty
 */
void events_alarm(struct keeper *keeper, const char *code, struct ps_bytes about,
                  const char *detail);

/* The appliance's state as a leaf, at most one in ten seconds. */
void events_note_state(struct keeper *keeper);

/* Refusals become leaves at a bounded rate: a burst of 10, then one in 30 seconds. */
struct refusal {
    struct ps_bytes client; /* name; empty: not registered */
    const struct msg_caller *caller;
    struct ps_bytes request_id;
    const char *operation;
    struct ps_bytes key; /* as asked for, or empty */
    enum ps_problem problem;
};
PS_MUST_USE enum ps_err refusals_new(struct refusals **ret_refusals);
void refusals_free(struct refusals *refusals);
void refusals_note(struct keeper *keeper, const struct refusal *refusal);

#endif
