#include "keystore/backup/aside.h"

#include "lib/base/hash.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct aside {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct aside_job job;
    bool is_given;    /* the thread has something to do, or does it */
    bool is_finished; /* and the loop was not told yet */
    bool is_ending;
    bool is_busy; /* as the loop sees it */
    int event_fd;
    struct ps_watch *watch;
    char name[16];
};

static void lock(struct aside *aside)
{
    const int failed = pthread_mutex_lock(&aside->mutex);

    assert(failed == 0);
}

static void unlock(struct aside *aside)
{
    const int failed = pthread_mutex_unlock(&aside->mutex);

    assert(failed == 0);
}

static void tell(const struct aside *aside)
{
    const uint64_t one = 1;
    const ssize_t written = write(aside->event_fd, &one, sizeof one);

    assert(written == (ssize_t)sizeof one);
}

static void *run(void *context)
{
    struct aside *aside = context;

    (void)pthread_setname_np(pthread_self(), aside->name);
    lock(aside);
    while (!aside->is_ending) {
        if (!aside->is_given) {
            (void)pthread_cond_wait(&aside->wake, &aside->mutex);
            continue;
        }
        unlock(aside);
        aside->job.work(aside->job.context);
        lock(aside);
        aside->is_given = false;
        aside->is_finished = true;
        tell(aside);
    }
    unlock(aside);
    ps_hash_end_thread();
    return NULL;
}

/* The event is watched for edges and never read: each write is one. */
static void on_event(void *context, uint32_t events)
{
    struct aside *aside = context;
    bool is_finished;

    (void)events;
    lock(aside);
    is_finished = aside->is_finished;
    aside->is_finished = false;
    unlock(aside);
    if (is_finished) {
        aside->is_busy = false;
        aside->job.done(aside->job.context); /* which may give the next */
    }
}

/* The thread takes no signals: they are the loop's. */
static enum ps_err start_thread(struct aside *aside)
{
    sigset_t all;
    sigset_t before;
    int failed;

    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return ps_fail(PS_E_INTERNAL, 0, "pthread_sigmask");
    }
    failed = pthread_create(&aside->thread, NULL, run, aside);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? PS_OK
                       : ps_fail(PS_E_NO_MEMORY, failed, "starting the thread %s", aside->name);
}

static void clear(struct aside *aside)
{
    ps_watch_free(aside->watch);
    if (aside->event_fd >= 0) {
        (void)close(aside->event_fd);
    }
    (void)pthread_mutex_destroy(&aside->mutex);
    (void)pthread_cond_destroy(&aside->wake);
    free(aside);
}

static enum ps_err start(struct aside *aside, struct ps_loop *loop)
{
    aside->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (aside->event_fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "eventfd");
    }
    PS_TRY(ps_watch_new(loop, aside->event_fd, (uint32_t)EPOLLIN | (uint32_t)EPOLLET, on_event,
                        aside, &aside->watch));
    return start_thread(aside);
}

enum ps_err aside_new(struct ps_loop *loop, const char *name, struct aside **ret_aside)
{
    struct aside *aside = calloc(1, sizeof *aside);
    enum ps_err err;

    if (aside == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)snprintf(aside->name, sizeof aside->name, "%s", name);
    (void)pthread_mutex_init(&aside->mutex, NULL);
    (void)pthread_cond_init(&aside->wake, NULL);
    err = start(aside, loop);
    if (err != PS_OK) {
        clear(aside);
        return err;
    }
    *ret_aside = aside;
    return PS_OK;
}

void aside_run(struct aside *aside, const struct aside_job *job)
{
    assert(!aside->is_busy);
    aside->is_busy = true;
    lock(aside);
    aside->job = *job;
    aside->is_given = true;
    (void)pthread_cond_signal(&aside->wake);
    unlock(aside);
}

bool aside_is_busy(const struct aside *aside)
{
    return aside->is_busy;
}

bool aside_free(struct aside *aside, unsigned patience_s)
{
    struct timespec until;

    if (aside == NULL) {
        return true;
    }
    lock(aside);
    aside->is_ending = true;
    (void)pthread_cond_signal(&aside->wake);
    unlock(aside);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)patience_s;
    if (pthread_timedjoin_np(aside->thread, NULL, &until) != 0) {
        ps_watch_free(aside->watch); /* the rest is the thread's, which is held up */
        aside->watch = NULL;
        return false;
    }
    clear(aside);
    return true;
}
