#ifndef KEYSTORE_OPERATIONS_CALLS_H
#define KEYSTORE_OPERATIONS_CALLS_H

#include "keystore/operations/operation.h"

/*
 * Which calls an operation made in tokens, for its leaf and for the transcript of its ceremony.
 * What token processes say of them is told and judges nothing.
 */
#define CALLS_OCTETS_MAX 4096u /* in a leaf; what is more is counted */

/* Notes those of an answer to a request of the operation; of any answer, whatever came of it. */
void operation_note_calls(struct operation *op, const struct token_answer *answer);

/* Leaves all of them out but for their number: for a leaf that has no room. */
void operation_leave_calls_out(struct operation *op);

/* They stand in a leaf: those that follow are of the next one. */
void operation_forget_calls(struct operation *op);

/* The member `calls` of a leaf, when there were any. */
void operation_put_calls(const struct operation *op, struct writer *json);

#endif
