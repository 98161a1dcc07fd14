#ifndef KEYSTORE_GATE_GATE_H
#define KEYSTORE_GATE_GATE_H

#include "keystore/gate/recall.h"
#include "keystore/internal.h"
#include "keystore/writer.h"
#include "lib/ceremony/policy.h"
#include "lib/ceremony/roster.h"

/*
 * The gate: where there is a roster, an operation that somebody asked for waits until so many of
 * its people have signed its document as the policy says (ceremonies.md). What they sign is in
 * `events` before it counts; before genesis, where there is no log, it is in memory until the first
 * leaf carries it.
 *
 * Leaves: `draft` {document, operation}: a nonce is known from here on. `signature` {kind,
 * operation, person, signature}. Then `intent`, or `ended` {operation, outcome}: `expired`,
 * `rejected` or `cancelled`.
 */
struct gate;
struct operation;

PS_MUST_USE enum ps_err gate_new(struct keeper *keeper, struct gate **ret_gate);
void gate_free(struct gate *gate);
PS_DEFINE_CLEANUP(struct gate, gate_free)

/*
 * People and policy from the rows of the catalog, at start and when one of them changes; sets the
 * hashes that documents carry. Errors: PS_E_INPUT (rows that are none), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err gate_load(struct gate *gate);

/* At start, after gate_load: what was waiting when the appliance stopped. */
PS_MUST_USE enum ps_err gate_recall(struct gate *gate, const struct recall *recall);

/* Whether the operation, which has its document, has to wait. */
bool gate_holds(const struct gate *gate, const struct operation *op);

/* Lets it wait: answers and frees it, now or when its leaf is durable. */
void gate_put_in(struct gate *gate, struct operation *op);

/*
 * A step of an operation that waits; answered exactly once. False: no such operation waits.
 * The caller may take steps of operations.
 */
PS_MUST_USE bool gate_step(struct gate *gate, const struct reply_to *to,
                           const struct msg_operation_step *message);

/* Its intent is durable, or genesis is done: it waits no more. */
void gate_executed(struct gate *gate, const char *id);
/* It came to an end before that, so that it can be executed still. */
void gate_not_executed(struct gate *gate, const char *id);

/* Signatures of an operation that waits, as an array of objects; for the first leaf. */
void gate_put_signatures(const struct gate *gate, const char *id, struct writer *json);

/* Called once a second: ends what has expired. */
void gate_tick(struct gate *gate);

#endif
