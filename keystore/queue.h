#ifndef KEYSTORE_QUEUE_H
#define KEYSTORE_QUEUE_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * Requests that wait for one token, or for the keeper itself, in one line per client and class,
 * served by deficit round robin (Shreedhar, Varghese 1995) weighted with what a request costs: a
 * client with a thousand RSA signatures takes turns with one that wants a single ES256.
 */
struct queue;

/* What a line may spend in one turn; below the dearest cost, so that such a one takes some turns.
 */
#define QUEUE_QUANTUM 10u

/* Embedded in what waits, as its first member. */
struct queue_item {
    struct queue_item *next;
    uint64_t client;     /* a number that stands for the client */
    uint64_t arrived_ns; /* monotonic */
    uint32_t cost;       /* ES256 is 1 */
    uint8_t class;       /* of mechanism (enum ps_scheme), or of request */
};

/* `max`: of waiting items in all; one line takes at most half of it. */
PS_MUST_USE enum ps_err queue_new(size_t max, struct queue **ret_queue);
void queue_free(struct queue *queue); /* empty by then */
PS_DEFINE_CLEANUP(struct queue, queue_free)

/* At the end of its line. Errors: PS_E_LIMIT (queue or line is full), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err queue_push(struct queue *queue, struct queue_item *item);

/* At the front of its line, whatever the limits: what was taken once and must be tried again. */
PS_MUST_USE enum ps_err queue_return(struct queue *queue, struct queue_item *item);

/* The next item whose turn it is; NULL when none waits. */
struct queue_item *queue_pop(struct queue *queue);

/* Takes out, line by line, an item that arrived before `before_ns`; NULL when there is none. */
struct queue_item *queue_pop_expired(struct queue *queue, uint64_t before_ns);

size_t queue_count(const struct queue *queue);

/*
 * Whether many wait, and nobody was seen for a while who had few among them: whose latency would
 * grow if the token were given more at a time.
 */
bool queue_is_backlog(const struct queue *queue, uint64_t now_ns);

/* What the next item costs; 0 when none waits. Moves the turn on as queue_pop does. */
uint32_t queue_peek_cost(struct queue *queue);

#endif
