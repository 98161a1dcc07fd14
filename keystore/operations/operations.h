#ifndef KEYSTORE_OPERATIONS_OPERATIONS_H
#define KEYSTORE_OPERATIONS_OPERATIONS_H

#include "keystore/events/past.h"
#include "keystore/gate/recall.h"
#include "keystore/internal.h"

/*
 * Changes: every one is an operation (ceremonies.md). An operation has a document that says what
 * will be done, and waits for people (keystore/gate/); an intent leaf before anything is done; a
 * result leaf that carries the rows it made.
 *
 * Order: intent leaf, durable, checkpoint, execute, read back, verify in software, result leaf,
 * durable, rows and idempotent answer in one transaction, answer.
 */
PS_MUST_USE enum ps_err operations_new(struct keeper *keeper, struct operations **ret_operations);
void operations_free(struct operations *operations);
PS_DEFINE_CLEANUP(struct operations, operations_free)

/* Answered exactly once, now or when it is done. */
void operations_change(struct operations *operations, const struct reply_to *to,
                       const struct msg_change *message);
void operations_step(struct operations *operations, const struct reply_to *to,
                     const struct msg_operation_step *message);

/* "37 of 100 made", of one that makes many things and is being executed; else false. */
bool operations_put_progress(const struct operations *operations, struct ps_bytes id,
                             struct ps_buf *out);

/* Asks for the end of an operation that waits: a draft of `operation.cancel`, for the gate. */
void operation_cancel_ask(struct operations *operations, const struct reply_to *to,
                          const struct msg_operation_step *message, struct ps_bytes client);

/* True between a result leaf and its rows. */
bool operations_is_committing(const struct operations *operations);
/* True while the result of a change of people or policy is on its way to the log. */
bool operations_change_people(const struct operations *operations);
size_t operations_count(const struct operations *operations); /* not ended */

/* One that is being executed has locked this ("key" and its name, ...). */
bool operations_has_locked(const struct operations *operations, const char *kind,
                           struct ps_bytes name);
/*
 * One that is being executed makes, or has made, an object with this id (CKA_ID); or a restored
 * appliance would go on with it.
 */
bool operations_has_reserved(const struct operations *operations, struct ps_bytes object_id);
/* The token of this number (tokens_at) holds nothing that a crash left behind. */
bool operations_has_swept(const struct operations *operations, size_t number);

/* --- After a crash --- */

/*
 * At a start, of leaves that no signed checkpoint covers, while the keeper's memory is what the log
 * before them says (retrace.h): whether the operation may have been begun; and whether it did what
 * it was to do, which is in memory then. Errors: PS_E_DENIED, PS_E_INPUT: it says what is wrong.
 */
PS_MUST_USE enum ps_err operations_judge_intent(struct operations *operations,
                                                const struct recall *recall,
                                                const struct past_intent *intent);
PS_MUST_USE enum ps_err operations_retrace(struct operations *operations,
                                           const struct past_intent *intent,
                                           const struct past_result *result);

/*
 * The token is asked whether it has the keys that such a result names. operations_is_proving is
 * true until it has shown each of them, or the log says that it has not.
 */
void operations_prove(struct operations *operations);
/* Before the keys themselves are forgotten; nothing is being asked. */
void operations_forget_unproven(struct operations *operations);
/* Each one that waits, for people or for more, and that the token's security officer has a part in;
 * one that is just being executed may come twice. */
typedef void so_pin_wanted_fn(void *context, const char *id, const char *type);
void operations_each_want_so_pin(const struct operations *operations, const struct token *token,
                                 so_pin_wanted_fn *fn, void *context);

bool operations_is_proving(const struct operations *operations);
/* A token that is there has been asked, and has not answered. */
bool operations_asks_for_proof(const struct operations *operations);

/*
 * An intent leaf without a result: its operation is settled by looking in the token. has_ended: a
 * leaf after it says that it ended another operation, as it was to do.
 */
PS_MUST_USE enum ps_err operations_take_intent(struct operations *operations, struct ps_bytes data,
                                               bool has_ended);
/* A result whose rows were brought up: bookkeeping that stood in the same transaction. */
PS_MUST_USE enum ps_err operations_restore_result(struct operations *operations,
                                                  struct ps_bytes data);
/* Begins settling, and sweeps what generation left in the token; goes on when the token is there.
 */
void operations_settle(struct operations *operations);

/* Called once a second: rotation and expiry that are due, what is to be tried again. */
void operations_tick(struct operations *operations);

/* A token's state changed. */
void operations_token_changed(struct operations *operations, struct token *token);

/* The table of types, for documents and tests. */
struct operation_type_view {
    const char *name;
    char class; /* 'A', 'B' or 'C'; see ceremonies.md */
    const char *grant;
};
bool operations_type_at(size_t index, struct operation_type_view *ret_view);

#endif
