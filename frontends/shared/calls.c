#include "frontends/shared/calls.h"

#include <assert.h>
#include <stdlib.h>

struct calls {
    struct workers *workers;
    void *clients[WORKERS_MAX]; /* struct privyseal *, one for each thread */
    size_t count;
};

static void work(struct job *job, void *own)
{
    struct call *call = (struct call *)(void *)job;

    call->work(call, own);
}

static void done(struct job *job)
{
    struct call *call = (struct call *)(void *)job;

    call->done(call);
}

static enum ps_err open_clients(struct calls *calls, const struct privyseal_options *options,
                                size_t threads)
{
    for (; calls->count < threads; calls->count++) {
        struct privyseal *client = NULL;
        const enum privyseal_result result = privyseal_open(options, &client);

        calls->clients[calls->count] = client;
        if (result != PRIVYSEAL_OK) {
            calls->count++;
            return ps_fail(result == PRIVYSEAL_USAGE ? PS_E_INPUT : PS_E_NO_MEMORY, 0,
                           "a client of the appliance cannot be made: %s",
                           privyseal_result_name(result));
        }
    }
    return PS_OK;
}

enum ps_err calls_new(struct ps_loop *loop, const struct privyseal_options *options, size_t threads,
                      size_t waiting, struct calls **ret_calls)
{
    struct calls *calls = calloc(1, sizeof *calls);
    enum ps_err err;

    assert(threads >= 1 && threads <= WORKERS_MAX);
    if (calls == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = open_clients(calls, options, threads);
    if (err == PS_OK) {
        err = workers_new(loop, threads, waiting, calls->clients, &calls->workers);
    }
    if (err != PS_OK) {
        calls_free(calls);
        return err;
    }
    *ret_calls = calls;
    return PS_OK;
}

void calls_free(struct calls *calls)
{
    if (calls == NULL) {
        return;
    }
    workers_free(calls->workers);
    for (size_t i = 0; i < calls->count; i++) {
        privyseal_close(calls->clients[i]);
    }
    free(calls);
}

enum ps_err calls_make(struct calls *calls, struct call *call)
{
    call->job = (struct job){.work = work, .done = done};
    return workers_do(calls->workers, &call->job);
}
