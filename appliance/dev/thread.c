#include "appliance/dev/internal.h"

#include "lib/system/file.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

struct job {
    struct dev *dev;
    int done_fd;
    bool is_done;
    enum ps_err err;
    char detail[sizeof((struct ps_detail *)0)->text]; /* details belong to their thread */
};

static void *run(void *context)
{
    struct job *job = context;

    job->err = dev_set_up(job->dev);
    (void)snprintf(job->detail, sizeof job->detail, "%s", ps_detail()->text);
    (void)eventfd_write(job->done_fd, 1);
    return NULL;
}

static void on_done(void *context, uint32_t events)
{
    struct job *job = context;

    (void)events;
    job->is_done = true;
}

static enum ps_err wait_for(struct job *job)
{
    PS_CLEANUP(ps_watch_free_cleanup) struct ps_watch *watch = NULL;
    struct dev *dev = job->dev;

    PS_TRY(ps_watch_new(dev->loop, job->done_fd, EPOLLIN, on_done, job, &watch));
    while (!job->is_done && !dev->interrupted && dev->pid != 0) {
        PS_TRY(ps_loop_turn(dev->loop, -1));
    }
    return PS_OK;
}

static enum ps_err result_of(const struct job *job)
{
    if (job->dev->interrupted) {
        return ps_fail(PS_E_STATE, 0, "interrupted");
    }
    if (job->dev->pid == 0) {
        return ps_fail(PS_E_STATE, 0, "privyseald ended by itself");
    }
    return job->err == PS_OK ? PS_OK : ps_fail(job->err, 0, "%s", job->detail);
}

enum ps_err dev_run_set_up(struct dev *dev)
{
    PS_CLEANUP(file_close_cleanup) int done_fd = eventfd(0, EFD_CLOEXEC);
    struct job job = {.dev = dev, .done_fd = done_fd};
    pthread_t thread;
    enum ps_err err;

    if (done_fd < 0 || pthread_create(&thread, NULL, run, &job) != 0) {
        return ps_fail(PS_E_NO_MEMORY, 0, "cannot start a thread");
    }
    err = wait_for(&job);
    if (!job.is_done) {
        atomic_store(&dev->leaving, true);
        dev_ask_to_stop(dev);
    }
    (void)pthread_join(thread, NULL);
    return err == PS_OK ? result_of(&job) : err;
}
