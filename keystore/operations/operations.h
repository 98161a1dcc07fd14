#ifndef KEYSTORE_OPERATIONS_OPERATIONS_H
#define KEYSTORE_OPERATIONS_OPERATIONS_H

#include "keystore/internal.h"

/*
 * Changes: every one is an operation (ceremonies.md). An operation has a document that says what
 * will be done; an intent leaf before anything is done; a result leaf that carries the rows it
 * made. Under the rehearsal policy nobody has to approve, and an operation is executed as soon as
 * it was asked for.
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

/* True between a result leaf and its rows. */
bool operations_is_committing(const struct operations *operations);
size_t operations_count(const struct operations *operations); /* not ended */

/* --- After a crash --- */

/* An intent leaf without a result: its operation is settled by looking in the token. */
PS_MUST_USE enum ps_err operations_take_intent(struct operations *operations, struct ps_bytes data);
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
