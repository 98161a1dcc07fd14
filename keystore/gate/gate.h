#ifndef KEYSTORE_GATE_GATE_H
#define KEYSTORE_GATE_GATE_H

#include "keystore/events/past.h"
#include "keystore/gate/recall.h"
#include "keystore/internal.h"
#include "keystore/writer.h"
#include "lib/ceremony/people/policy.h"
#include "lib/ceremony/people/roster.h"

/*
 * The gate: an operation that somebody asked for waits until so many people of the roster have
 * signed its document as the policy says (ceremonies.md). What they sign is in
 * `events` before it counts; before genesis, where there is no log, it is in memory until the first
 * leaf carries it. Who changes people or the policy waits after that, and a person who
 * comes signs a statement with each new key.
 *
 * Leaves: `draft` {document, operation}: a nonce is known from here on. `signature` {kind,
 * operation, person, signature}. Then `intent`, or `ended` {by, operation, outcome}: `expired`,
 * `rejected` or `cancelled`; `by` is the operation that ended it, if one did.
 */
struct gate;
struct entry;
struct operation;

PS_MUST_USE enum ps_err gate_new(struct keeper *keeper, struct gate **ret_gate);
void gate_free(struct gate *gate);
PS_DEFINE_CLEANUP(struct gate, gate_free)

/*
 * People and policy from the rows of the catalog, at start and when one of them changes; sets the
 * hashes that documents carry. Errors: PS_E_INPUT (rows that are none), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err gate_load(struct gate *gate);

/* After that, when people or policy have changed: shows what has become of all that waits. */
void gate_judge_all(struct gate *gate);

/* Of this moment, until the next gate_load; without people before genesis. */
const struct roster *gate_roster(const struct gate *gate);
const struct policy *gate_policy(const struct gate *gate);

/* At start, after gate_load: what was waiting when the appliance stopped. */
PS_MUST_USE enum ps_err gate_recall(struct gate *gate, const struct recall *recall);

/*
 * At a start, of an intent for which nobody signed: whether people had approved it, as of its leaf,
 * by what the log has of it before. People, policy and keys are those of then.
 * Errors: PS_E_DENIED, PS_E_INPUT: why not; PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err gate_judge_intent(struct gate *gate, const struct recall *recall,
                                          const struct past_intent *intent);

/* Whether the operation, which has its document, has to wait. */
bool gate_holds(const struct operation *op);

/* Lets it wait: answers and frees it, now or when its leaf is durable. */
void gate_put_in(struct gate *gate, struct operation *op);

/* Of an operation that is freed before it waits. */
void gate_free_draft(struct entry *draft);

/*
 * A step of an operation that waits; answered exactly once. False: no such operation waits.
 * The caller may take steps of operations. client: its name; empty before genesis.
 */
PS_MUST_USE bool gate_step(struct gate *gate, const struct reply_to *to,
                           const struct msg_operation_step *message, struct ps_bytes client);

/*
 * An operation that waits, to be ended by another one, which people have approved.
 * gate_find_waiting: the hash of its document. gate_end_waiting: writes its leaf `ended`, which
 * names `by`; `fn` hears whether that is durable.
 * Errors: PS_E_NOT_FOUND, PS_E_STATE (it is being executed or ended, or it is a genesis), the log's
 */
typedef void gate_ended_fn(void *context, bool is_ended);
PS_MUST_USE enum ps_err gate_find_waiting(const struct gate *gate, struct ps_bytes id,
                                          uint8_t ret_hash[PS_SHA256_LEN]);
/* Of each one that people were asked for: its id, its type, and the params it will have. */
typedef void gate_waits_fn(const void *context, const char *id, struct ps_bytes type,
                           struct json_value params);
void gate_each_waits(const struct gate *gate, gate_waits_fn *fn, const void *context);
/* Whether it is one about this person of the roster. */
bool gate_is_about(const struct gate *gate, struct ps_bytes id, struct ps_bytes person);
PS_MUST_USE enum ps_err gate_end_waiting(struct gate *gate, struct ps_bytes id, const char *by,
                                         gate_ended_fn *fn, void *context);

/* Its intent is durable, or genesis is done: it waits no more. */
void gate_executed(struct gate *gate, const char *id);
/* It came to an end before that, so that it can be executed still. */
void gate_not_executed(struct gate *gate, const char *id);

/*
 * The state of one whose intent is on its way to the log, where it would be again after a crash
 * ("approved"). NULL: of any other; a genesis has no intent.
 */
const char *gate_state_before_intent(const struct gate *gate, struct ps_bytes id);

/* Signatures of an operation that waits, as an array of objects; for the first leaf. */
void gate_put_signatures(const struct gate *gate, const char *id, struct writer *json);

/*
 * Members of an operation that waits, into an object that is open in `out`: who is missing, what
 * does not hold of it (`condition`), and what became of each signature. False: it does not wait.
 */
bool gate_put_waiting(struct gate *gate, struct ps_bytes id, struct writer *json,
                      struct ps_buf *out);

/* Called once a second: ends what has expired. */
void gate_tick(struct gate *gate);

#endif
