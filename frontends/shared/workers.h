#ifndef FRONTENDS_SHARED_WORKERS_H
#define FRONTENDS_SHARED_WORKERS_H

#include "frontends/shared/mailbox.h"

/* A few threads that do what may block, so that the event loop never waits for it. */
struct workers;

#define WORKERS_MAX 64u

/* One piece of work; the caller's memory, from workers_do until `done`. */
struct job {
    struct mail mail;
    /* On one of the threads, with what is that thread's own; touches nothing but the job. */
    void (*work)(struct job *job, void *own);
    /* In the loop. The job is the caller's again. */
    void (*done)(struct job *job);
};

/*
 * threads: 1 to WORKERS_MAX
 * waiting: how many jobs may wait for a thread
 * own:     one for each thread; NULL: each has NULL
 * Errors:  PS_E_NO_MEMORY, PS_E_INTERNAL
 */
PS_MUST_USE enum ps_err workers_new(struct ps_loop *loop, size_t threads, size_t waiting,
                                    void *const *own, struct workers **ret_workers);

/* Errors: PS_E_BUSY: too many wait, or workers_stop was called; `done` is not called then. */
PS_MUST_USE enum ps_err workers_do(struct workers *workers, struct job *job);

/* Waits until what was asked for is worked, and ends the threads. */
void workers_stop(struct workers *workers);

/* As workers_stop; then calls `done` of all jobs for which it was not called yet. */
void workers_free(struct workers *workers);

#endif
