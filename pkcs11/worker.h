#ifndef PKCS11_WORKER_H
#define PKCS11_WORKER_H

#include "lib/base/loop.h"

/*
 * Threads that do work in order of arrival and hand the results back to the event loop in batches:
 * within 0.4 ms while more work is waiting, else at once.
 * A module that waits for the network keeps its thread waiting and nobody else.
 */
struct worker_pool;

/* The beginning of what is worked on; the rest is the caller's. */
struct worker_item {
    struct worker_item *next;
};

/* In a thread of the pool; `worker` counts from 0. */
typedef void worker_run_fn(void *context, unsigned worker, struct worker_item *item);

/* In the thread of the loop. */
typedef void worker_done_fn(void *context, struct worker_item *item);

/* Errors: PS_E_NO_MEMORY, PS_E_INTERNAL (no threads) */
PS_MUST_USE enum ps_err worker_pool_new(struct ps_loop *loop, unsigned count, worker_run_fn *run,
                                        worker_done_fn *done, void *context,
                                        struct worker_pool **ret_pool);

/* Waits for what is running; what is queued is dropped, so take it out first. */
void worker_pool_free(struct worker_pool *pool);
PS_DEFINE_CLEANUP(struct worker_pool, worker_pool_free)

/* The item is the pool's until `done` is called with it. */
void worker_pool_submit(struct worker_pool *pool, struct worker_item *item);

/* Takes out what no thread has begun with: a list, for which `done` is not called. */
struct worker_item *worker_pool_take_queued(struct worker_pool *pool);

/* How many were submitted and neither done nor taken out. */
size_t worker_pool_pending(const struct worker_pool *pool);

#endif
