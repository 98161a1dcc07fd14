#include "pkcs11/worker.h"

#include "lib/base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * While more work is waiting, results wait this long for others, so that the loop and those whom it
 * answers wake once for many.
 */
#define GATHER_NS (400 * PS_NS_PER_US)

/* First in, first out. */
struct queue {
    struct worker_item *first;
    struct worker_item **last;
};

struct worker {
    struct worker_pool *pool;
    unsigned number;
    pthread_t thread;
};

/* When the loop will look at what is finished. */
enum told { TOLD_NOTHING, TOLD_LATER, TOLD_NOW };

struct worker_pool {
    worker_run_fn *run;
    worker_done_fn *done;
    void *context;
    struct ps_watch *watch;
    int timer_fd;
    size_t pending; /* of the loop's thread, as all above */
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct queue waiting; /* under the lock, as all below */
    struct queue finished;
    unsigned idle;
    enum told told;
    bool stopping;
    unsigned count;
    struct worker workers[];
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_put(struct queue *queue, struct worker_item *item)
{
    item->next = NULL;
    *queue->last = item;
    queue->last = &item->next;
}

static struct worker_item *queue_take(struct queue *queue)
{
    struct worker_item *item = queue->first;

    queue->first = item->next;
    if (queue->first == NULL) {
        queue->last = &queue->first;
    }
    return item;
}

static void wake_loop(const struct worker_pool *pool, uint64_t in_ns)
{
    const struct itimerspec when = {.it_value.tv_nsec = (long)in_ns};

    (void)timerfd_settime(pool->timer_fd, 0, &when, NULL);
}

/* Under the lock. True when the loop is to be woken now, which is better done without the lock. */
static bool tell_loop(struct worker_pool *pool)
{
    if (pool->finished.first == NULL || pool->told == TOLD_NOW) {
        return false;
    }
    if (pool->waiting.first == NULL) {
        pool->told = TOLD_NOW;
        return true;
    }
    if (pool->told == TOLD_NOTHING) {
        pool->told = TOLD_LATER;
        wake_loop(pool, GATHER_NS);
    }
    return false;
}

/* Hands over the old item, if any, and returns the next, or NULL to end. */
static struct worker_item *exchange(struct worker_pool *pool, struct worker_item *item)
{
    (void)pthread_mutex_lock(&pool->lock);
    if (item != NULL) {
        queue_put(&pool->finished, item);
    }
    if (tell_loop(pool)) {
        (void)pthread_mutex_unlock(&pool->lock);
        wake_loop(pool, 1);
        (void)pthread_mutex_lock(&pool->lock);
    }
    while (pool->waiting.first == NULL && !pool->stopping) {
        pool->idle++;
        (void)pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    item = pool->stopping ? NULL : queue_take(&pool->waiting);
    (void)pthread_mutex_unlock(&pool->lock);
    return item;
}

static void *work(void *context)
{
    const struct worker *worker = context;
    struct worker_pool *pool = worker->pool;
    struct worker_item *item = NULL;

    while ((item = exchange(pool, item)) != NULL) {
        pool->run(pool->context, worker->number, item);
    }
    return NULL;
}

static void on_finished(void *context, uint32_t events)
{
    struct worker_pool *pool = context;
    struct worker_item *item;
    uint64_t count;

    (void)events;
    (void)!read(pool->timer_fd, &count, sizeof count);
    (void)pthread_mutex_lock(&pool->lock);
    item = pool->finished.first;
    queue_init(&pool->finished);
    pool->told = TOLD_NOTHING;
    (void)pthread_mutex_unlock(&pool->lock);
    while (item != NULL) {
        struct worker_item *next = item->next;

        pool->pending--;
        pool->done(pool->context, item);
        item = next;
    }
}

/* Signals are for the thread of the loop. */
static enum ps_err start_threads(struct worker_pool *pool, unsigned count)
{
    sigset_t all;
    sigset_t before;
    int error = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->count < count && error == 0) {
        struct worker *worker = &pool->workers[pool->count];

        worker->pool = pool;
        worker->number = pool->count;
        error = pthread_create(&worker->thread, NULL, work, worker);
        pool->count += error == 0 ? 1 : 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? PS_OK : ps_fail(PS_E_INTERNAL, error, "cannot start a thread");
}

enum ps_err worker_pool_new(struct ps_loop *loop, unsigned count, worker_run_fn *run,
                            worker_done_fn *done, void *context, struct worker_pool **ret_pool)
{
    PS_CLEANUP(worker_pool_free_cleanup)
    struct worker_pool *pool = calloc(1, sizeof *pool + count * sizeof pool->workers[0]);

    if (pool == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    pool->run = run;
    pool->done = done;
    pool->context = context;
    queue_init(&pool->waiting);
    queue_init(&pool->finished);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->work, NULL);
    pool->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (pool->timer_fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "timerfd_create");
    }
    PS_TRY(ps_watch_new(loop, pool->timer_fd, EPOLLIN, on_finished, pool, &pool->watch));
    PS_TRY(start_threads(pool, count));
    *ret_pool = pool;
    pool = NULL;
    return PS_OK;
}

void worker_pool_free(struct worker_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++) {
        (void)pthread_join(pool->workers[i].thread, NULL);
    }
    ps_watch_free(pool->watch);
    if (pool->timer_fd >= 0) {
        (void)close(pool->timer_fd);
    }
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_cond_destroy(&pool->work);
    free(pool);
}

void worker_pool_submit(struct worker_pool *pool, struct worker_item *item)
{
    bool wake;

    pool->pending++;
    (void)pthread_mutex_lock(&pool->lock);
    queue_put(&pool->waiting, item);
    wake = pool->idle != 0;
    (void)pthread_mutex_unlock(&pool->lock);
    if (wake) {
        (void)pthread_cond_signal(&pool->work);
    }
}

struct worker_item *worker_pool_take_queued(struct worker_pool *pool)
{
    struct worker_item *first;

    (void)pthread_mutex_lock(&pool->lock);
    first = pool->waiting.first;
    queue_init(&pool->waiting);
    (void)pthread_mutex_unlock(&pool->lock);
    for (const struct worker_item *item = first; item != NULL; item = item->next) {
        pool->pending--;
    }
    return first;
}

size_t worker_pool_pending(const struct worker_pool *pool)
{
    return pool->pending;
}
