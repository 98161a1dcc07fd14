#include "frontends/shared/workers.h"

#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct worker {
    struct workers *workers;
    void *own;
    pthread_t thread;
};

struct workers {
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct mail *first; /* jobs that wait */
    struct mail *last;
    size_t waiting;
    size_t waiting_max;
    bool stopping;
    struct mailbox *done;
    struct worker of[WORKERS_MAX];
    size_t threads;
};

/* A job begins with its mail. */
static struct job *job_of(struct mail *mail)
{
    return (struct job *)(void *)mail;
}

static struct job *wait_for_job(struct workers *workers)
{
    struct mail *mail;

    (void)pthread_mutex_lock(&workers->mutex);
    while (workers->first == NULL && !workers->stopping) {
        (void)pthread_cond_wait(&workers->work, &workers->mutex);
    }
    mail = workers->first;
    if (mail != NULL) {
        workers->first = mail->next;
        workers->last = mail->next == NULL ? NULL : workers->last;
        workers->waiting--;
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return mail == NULL ? NULL : job_of(mail);
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct job *job;

    while ((job = wait_for_job(worker->workers)) != NULL) {
        job->work(job, worker->own);
        mailbox_post(worker->workers->done, &job->mail);
    }
    ps_hash_end_thread();
    json_end_thread();
    return NULL;
}

static void on_done(void *context, struct mail *mail)
{
    struct job *job = job_of(mail);

    (void)context;
    job->done(job);
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

static enum ps_err start(struct workers *workers, struct ps_loop *loop, size_t threads,
                         void *const *own)
{
    PS_TRY(mailbox_new(loop, on_done, NULL, &workers->done));
    for (; workers->threads < threads; workers->threads++) {
        struct worker *worker = &workers->of[workers->threads];

        worker->workers = workers;
        worker->own = own == NULL ? NULL : own[workers->threads];
        PS_TRY(start_thread(worker));
    }
    return PS_OK;
}

enum ps_err workers_new(struct ps_loop *loop, size_t threads, size_t waiting, void *const *own,
                        struct workers **ret_workers)
{
    struct workers *workers = calloc(1, sizeof *workers);
    enum ps_err err;

    assert(threads >= 1 && threads <= WORKERS_MAX);
    if (workers == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    (void)pthread_mutex_init(&workers->mutex, NULL);
    (void)pthread_cond_init(&workers->work, NULL);
    workers->waiting_max = waiting;
    err = start(workers, loop, threads, own);
    if (err != PS_OK) {
        workers_free(workers);
        return err;
    }
    *ret_workers = workers;
    return PS_OK;
}

void workers_stop(struct workers *workers)
{
    (void)pthread_mutex_lock(&workers->mutex);
    workers->stopping = true;
    (void)pthread_cond_broadcast(&workers->work);
    (void)pthread_mutex_unlock(&workers->mutex);
    for (size_t i = 0; i < workers->threads; i++) {
        (void)pthread_join(workers->of[i].thread, NULL);
    }
    workers->threads = 0;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL) {
        return;
    }
    workers_stop(workers);
    mailbox_free(workers->done);
    (void)pthread_cond_destroy(&workers->work);
    (void)pthread_mutex_destroy(&workers->mutex);
    free(workers);
}

enum ps_err workers_do(struct workers *workers, struct job *job)
{
    bool taken;

    job->mail.next = NULL;
    (void)pthread_mutex_lock(&workers->mutex);
    taken = workers->waiting < workers->waiting_max && !workers->stopping;
    if (taken) {
        if (workers->last != NULL) {
            workers->last->next = &job->mail;
        } else {
            workers->first = &job->mail;
        }
        workers->last = &job->mail;
        workers->waiting++;
        (void)pthread_cond_signal(&workers->work);
    }
    (void)pthread_mutex_unlock(&workers->mutex);
    return taken ? PS_OK : ps_fail(PS_E_BUSY, 0, "too much waits for a thread");
}
