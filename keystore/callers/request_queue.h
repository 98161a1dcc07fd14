#ifndef KEYSTORE_CALLERS_REQUEST_QUEUE_H
#define KEYSTORE_CALLERS_REQUEST_QUEUE_H

#include "keystore/internal.h"

/*
 * Requests that the keeper answers by itself and that take its time, such as lists. They wait in
 * one line per client and type of message, and one of them is done in each turn of the loop, after
 * all that has come for signatures: however many there are, a signature waits for one at most
 * between two of its steps.
 */
struct request_queue;

typedef void request_fn(struct keeper *keeper, const struct reply_to *to, const void *message);

struct request_type {
    const struct ipc_message *info;
    request_fn *fn;
    bool waits; /* its struct begins with the caller; else it is done as it comes */
};

PS_MUST_USE enum ps_err request_queue_new(struct keeper *keeper, struct request_queue **ret_queue);
void request_queue_free(struct request_queue *queue); /* what waits is not answered */
PS_DEFINE_CLEANUP(struct request_queue, request_queue_free)

/*
 * A copy of the message waits. It is answered in every case: by type->fn, or as overloaded when
 * there is no room, or when it has waited for longer than a request waits for a token.
 *
 * type:  stays; one of fewer than 256
 */
void request_queue_add(struct request_queue *queue, const struct reply_to *to,
                       const struct request_type *type, const void *message);

/*
 * While type->fn runs: it has not answered, since there is more to do than fits between the steps
 * of a signature. It is called again with the same message, in a later turn.
 *
 * state:  for request_queue_take_state then; taken over
 * clear:  frees it when nobody waits any more
 */
void request_queue_go_on(struct request_queue *queue, void *state, void (*clear)(void *state));

/* While type->fn runs: what it gave when it was called before; NULL: it is called for the first
 * time, or the state was taken. */
void *request_queue_take_state(struct request_queue *queue);
bool request_queue_is_first(const struct request_queue *queue);

size_t request_queue_count(const struct request_queue *queue);

#endif
