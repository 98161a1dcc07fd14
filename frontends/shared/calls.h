#ifndef FRONTENDS_SHARED_CALLS_H
#define FRONTENDS_SHARED_CALLS_H

#include "api/client/privyseal.h"
#include "frontends/shared/workers.h"

/*
 * Calls of the appliance, made by a few threads so that the event loop never waits for one. Each
 * thread has a connection of its own, which is kept open.
 */
struct calls;

/* One call; the caller's memory, from calls_make until `done`. */
struct call {
    struct job job; /* of calls_make */
    /* On one of the threads; touches nothing but the call. */
    void (*work)(struct call *call, struct privyseal *client);
    /* In the loop. The call is the caller's again. */
    void (*done)(struct call *call);
};

/*
 * options: copied; its texts stay valid
 * threads: 1 to WORKERS_MAX
 * waiting: how many calls may wait for a thread
 * Errors: PS_E_NO_MEMORY, PS_E_INPUT (options name no appliance), PS_E_INTERNAL
 */
PS_MUST_USE enum ps_err calls_new(struct ps_loop *loop, const struct privyseal_options *options,
                                  size_t threads, size_t waiting, struct calls **ret_calls);

/* Waits for calls that are being made; none may be without its `done`, but those are made now. */
void calls_free(struct calls *calls);

/* Errors: PS_E_BUSY: too many wait; `done` is not called then. */
PS_MUST_USE enum ps_err calls_make(struct calls *calls, struct call *call);

#endif
