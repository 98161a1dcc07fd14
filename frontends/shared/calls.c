#include "frontends/shared/calls.h"

#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 64u

struct queue {
    struct call *first;
    struct call *last;
    size_t count;
};

struct worker {
    struct calls *calls;
    struct privyseal *client;
    pthread_t thread;
};

struct calls {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct queue waiting;
    struct queue done;
    size_t waiting_max;
    bool stopping;
    int fd; /* says that `done` is not empty */
    struct ps_watch *watch;
    struct worker workers[THREADS_MAX];
    size_t clients;
    size_t threads;
};

static void append(struct queue *queue, struct call *call)
{
    call->next = NULL;
    if (queue->last != NULL) {
        queue->last->next = call;
    } else {
        queue->first = call;
    }
    queue->last = call;
    queue->count++;
}

static struct call *take(struct queue *queue)
{
    struct call *call = queue->first;

    if (call != NULL) {
        queue->first = call->next;
        queue->last = queue->first == NULL ? NULL : queue->last;
        queue->count--;
    }
    return call;
}

static struct call *wait_for_call(struct calls *calls)
{
    struct call *call;

    (void)pthread_mutex_lock(&calls->mutex);
    while ((call = take(&calls->waiting)) == NULL && !calls->stopping) {
        (void)pthread_cond_wait(&calls->work, &calls->mutex);
    }
    (void)pthread_mutex_unlock(&calls->mutex);
    return call;
}

static void hand_back(struct calls *calls, struct call *call)
{
    const uint64_t one = 1;
    ssize_t written;

    (void)pthread_mutex_lock(&calls->mutex);
    append(&calls->done, call);
    (void)pthread_mutex_unlock(&calls->mutex);
    /* It fails only when it says already that there is something. */
    written = write(calls->fd, &one, sizeof one);
    (void)written;
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct call *call;

    while ((call = wait_for_call(worker->calls)) != NULL) {
        call->work(call, worker->client);
        hand_back(worker->calls, call);
    }
    ps_hash_end_thread();
    json_end_thread();
    return NULL;
}

static void finish(struct calls *calls)
{
    struct call *call;

    do {
        (void)pthread_mutex_lock(&calls->mutex);
        call = take(&calls->done);
        (void)pthread_mutex_unlock(&calls->mutex);
        if (call != NULL) {
            call->done(call);
        }
    } while (call != NULL);
}

static void on_done(void *context, uint32_t events)
{
    struct calls *calls = context;
    uint64_t count;
    const ssize_t got = read(calls->fd, &count, sizeof count);

    (void)events;
    (void)got;
    finish(calls);
}

/* Signals are the loop's matter: the threads block all of them. */
static enum ps_err start_thread(struct worker *worker)
{
    sigset_t all;
    sigset_t before;
    int result;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&worker->thread, NULL, work, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result == 0 ? PS_OK : ps_fail(PS_E_INTERNAL, result, "cannot start a thread");
}

static enum ps_err open_clients(struct calls *calls, const struct privyseal_options *options,
                                size_t threads)
{
    for (; calls->clients < threads; calls->clients++) {
        struct worker *worker = &calls->workers[calls->clients];
        const enum privyseal_result result = privyseal_open(options, &worker->client);

        worker->calls = calls;
        if (result != PRIVYSEAL_OK) {
            return ps_fail(result == PRIVYSEAL_USAGE ? PS_E_INPUT : PS_E_NO_MEMORY, 0,
                           "a client of the appliance cannot be made: %s",
                           privyseal_result_name(result));
        }
    }
    return PS_OK;
}

static enum ps_err start(struct calls *calls, struct ps_loop *loop,
                         const struct privyseal_options *options, size_t threads)
{
    calls->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (calls->fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "eventfd");
    }
    PS_TRY(ps_watch_new(loop, calls->fd, EPOLLIN, on_done, calls, &calls->watch));
    PS_TRY(open_clients(calls, options, threads));
    for (; calls->threads < threads; calls->threads++) {
        PS_TRY(start_thread(&calls->workers[calls->threads]));
    }
    return PS_OK;
}

enum ps_err calls_new(struct ps_loop *loop, const struct privyseal_options *options, size_t threads,
                      size_t waiting, struct calls **ret_calls)
{
    struct calls *calls = calloc(1, sizeof *calls);
    enum ps_err err;

    assert(threads >= 1 && threads <= THREADS_MAX);
    if (calls == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)pthread_mutex_init(&calls->mutex, NULL);
    (void)pthread_cond_init(&calls->work, NULL);
    calls->fd = -1;
    calls->waiting_max = waiting;
    err = start(calls, loop, options, threads);
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
    (void)pthread_mutex_lock(&calls->mutex);
    calls->stopping = true;
    (void)pthread_cond_broadcast(&calls->work);
    (void)pthread_mutex_unlock(&calls->mutex);
    for (size_t i = 0; i < calls->threads; i++) {
        (void)pthread_join(calls->workers[i].thread, NULL);
    }
    finish(calls);
    for (size_t i = 0; i < calls->clients; i++) {
        privyseal_close(calls->workers[i].client);
    }
    ps_watch_free(calls->watch);
    if (calls->fd >= 0) {
        (void)close(calls->fd);
    }
    (void)pthread_cond_destroy(&calls->work);
    (void)pthread_mutex_destroy(&calls->mutex);
    free(calls);
}

enum ps_err calls_make(struct calls *calls, struct call *call)
{
    bool full;

    (void)pthread_mutex_lock(&calls->mutex);
    full = calls->waiting.count >= calls->waiting_max;
    if (!full) {
        append(&calls->waiting, call);
        (void)pthread_cond_signal(&calls->work);
    }
    (void)pthread_mutex_unlock(&calls->mutex);
    return full ? ps_fail(PS_E_BUSY, 0, "too many calls of the appliance wait") : PS_OK;
}
