#include "keystore/log/internal.h"
#include "lib/base/clock.h"
#include "lib/base/turns.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A batch as large as this was an exception; its memory is given back. */
#define BATCH_KEEP (1024u * 1024u)

/*
 * A sync costs the processor as much as some signatures (three requests to the disk, 50 us or more
 * each), whatever it carries. So a turn waits until one leaf is there for every GATHER_SHARE that
 * are still on their way, but not longer than GATHER_NS after the last turn began. Leaves of a
 * backlog alone wait for as many as are on their way, and for GATHER_BACKLOG_NS. When fewer are on
 * their way than that, or leaves come seldom, each goes out at once.
 */
#define GATHER_SHARE      2u
#define GATHER_NS         PS_NS_PER_MS
#define GATHER_BACKLOG_NS (8u * PS_NS_PER_MS)
#define GATHER_OCTETS     (256u * 1024u)

static void lock(struct log_writer *writer)
{
    const int failed = pthread_mutex_lock(&writer->mutex);

    assert(failed == 0);
}

static void unlock(struct log_writer *writer)
{
    const int failed = pthread_mutex_unlock(&writer->mutex);

    assert(failed == 0);
}

/*
 * The event is watched for edges and never read: each write is one, and its counter of 64 bits
 * does not overflow.
 */
static void signal_loop(const struct log_writer *writer)
{
    const uint64_t one = 1;
    const ssize_t written = write(writer->event_fd, &one, sizeof one);

    assert(written == (ssize_t)sizeof one);
}

/* With the mutex. root: of what the writer holds now; NULL for a log with shards. */
static void publish(struct log *log, const struct merkle_hash *root)
{
    if (root != NULL) {
        log->durable_root = *root;
    }
    log->durable = (struct tree){
        .store = log->end.store,
        .first = log->end.first,
        .size = log->end.edge->size,
        .octets = log->end.octets,
    };
}

void writer_publish_shard(struct log *log, struct log_shard_node *closed)
{
    struct log_shard_node **at = &log->closed;

    lock(log->writer);
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = closed;
    publish(log, NULL);
    unlock(log->writer);
}

void writer_count_sync(struct log *log, uint64_t octets, uint64_t micros)
{
    const uint64_t second = ps_clock_mono_ns() / PS_NS_PER_S;
    const size_t slot = second % LOG_RATE_SLOTS;

    lock(log->writer);
    log->sync_us = micros;
    if (log->rate_second[slot] != second) {
        log->rate_second[slot] = second;
        log->rate_octets[slot] = 0;
    }
    log->rate_octets[slot] += octets;
    unlock(log->writer);
}

void writer_free_notes(struct log_note *notes)
{
    while (notes != NULL) {
        struct log_note *next = notes->next;

        ps_buf_clear(&notes->text);
        free(notes);
        notes = next;
    }
}

/* With the mutex. */
static void fail(struct log *log)
{
    log->failed = true;
    log->failure = *ps_detail();
    ps_buf_clear(&log->queued);
    log->queued_leaves = 0;
    writer_free_notes(log->notes);
    log->notes = NULL;
}

static bool has_work(const struct log *log)
{
    return !log->failed && (log->queued.len != 0 || log->notes != NULL);
}

/* With the mutex. The one after `last`, so that a busy log does not keep another waiting. */
static struct log *next_with_work(const struct log_writer *writer, const struct log *last)
{
    struct log *log = last == NULL || last->next == NULL ? writer->logs : last->next;

    for (const struct log *first = log; log != NULL;) {
        if (has_work(log)) {
            return log;
        }
        log = log->next == NULL ? writer->logs : log->next;
        if (log == first) {
            return NULL;
        }
    }
    return NULL;
}

/* With the mutex. Whether the turn begins before its time. */
static bool is_gathered(const struct log_writer *writer, const struct log *log)
{
    const uint64_t share = log->is_backlog ? 1 : GATHER_SHARE;

    return log->queued_leaves == 0 || log->queued_leaves >= log->expected / share ||
           log->queued.len >= GATHER_OCTETS || next_with_work(writer, log) != log;
}

/* With the mutex, which it gives up meanwhile. */
static void gather(struct log_writer *writer, const struct log *log)
{
    while (!is_gathered(writer, log) && !writer->waiting && !writer->stopping) {
        const uint64_t until_ns = log->turn_ns + (log->is_backlog ? GATHER_BACKLOG_NS : GATHER_NS);
        const struct timespec until = {.tv_sec = (time_t)(until_ns / PS_NS_PER_S),
                                       .tv_nsec = (long)(until_ns % PS_NS_PER_S)};

        if (ps_clock_mono_ns() >= until_ns) {
            break;
        }
        writer->gathering = log;
        writer->is_patient = log->is_backlog;
        (void)pthread_cond_timedwait(&writer->wake, &writer->mutex, &until);
        writer->gathering = NULL;
    }
}

/* With the mutex. */
static void take_queue(struct log *log)
{
    const struct ps_buf queued = log->queued;

    log->turn_ns = ps_clock_mono_ns();
    log->queued = log->batch;
    log->batch = queued;
    log->queued_leaves = 0;
    log->is_backlog = true;
    log->working = true;
}

/* One turn for one log. With the mutex, which it gives up meanwhile. */
static void serve(struct log_writer *writer, struct log *log)
{
    struct merkle_hash root = {.octets = {0}};
    struct log_note *notes;
    enum ps_err err;
    bool is_signalled;

    gather(writer, log);
    take_queue(log);
    notes = log->notes;
    log->notes = NULL;
    unlock(writer);
    err = turn_run(log, notes);
    if (!log->sharded) {
        root = tiles_edge_root(log->end.edge);
    }
    writer_free_notes(notes);
    ps_buf_reset(&log->batch);
    if (log->batch.cap > BATCH_KEEP) {
        ps_buf_clear(&log->batch);
    }
    lock(writer);
    log->working = false;
    if (err == PS_OK) {
        publish(log, log->sharded ? NULL : &root);
    } else {
        fail(log);
    }
    is_signalled = writer->signalled;
    writer->signalled = true;
    if (!is_signalled) {
        /* Whoever is woken wants the mutex. */
        unlock(writer);
        signal_loop(writer);
        lock(writer);
    }
    if (writer->waiting) {
        (void)pthread_cond_broadcast(&writer->done);
    }
}

static void *run(void *context)
{
    struct log_writer *writer = context;
    struct log *log = NULL;

    (void)pthread_setname_np(pthread_self(), "log");
    ps_turns_settle(PS_TURNS_NOW);
    lock(writer);
    for (;;) {
        struct log *next = next_with_work(writer, log);

        if (next != NULL) {
            log = next;
            serve(writer, log);
        } else if (writer->stopping) {
            break;
        } else {
            (void)pthread_cond_wait(&writer->wake, &writer->mutex);
        }
    }
    unlock(writer);
    ps_hash_end_thread();
    return NULL;
}

void writer_wake(void *context)
{
    struct log_writer *writer = context;
    const struct log *log;
    bool is_due;

    lock(writer);
    log = writer->gathering;
    is_due = log == NULL || is_gathered(writer, log) || writer->is_patient != log->is_backlog;
    unlock(writer);
    if (is_due) {
        (void)pthread_cond_signal(&writer->wake);
    }
}

void writer_wait(struct log_writer *writer)
{
    writer->waiting = true;
    (void)pthread_cond_signal(&writer->wake);
    (void)pthread_cond_wait(&writer->done, &writer->mutex);
    writer->waiting = false;
}

static void on_event(void *context, uint32_t events)
{
    struct log_writer *writer = context;

    (void)events;
    lock(writer);
    writer->signalled = false;
    unlock(writer);
    for (struct log *log = writer->logs; log != NULL; log = log->next) {
        log_take(log);
        log_tell(log);
    }
}

/* The thread takes no signals: they are the loop's. */
static enum ps_err start_thread(struct log_writer *writer)
{
    sigset_t all;
    sigset_t before;
    int failed;

    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return ps_fail(PS_E_INTERNAL, 0, "pthread_sigmask");
    }
    failed = pthread_create(&writer->thread, NULL, run, writer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        return ps_fail(PS_E_NO_MEMORY, failed, "starting the log's thread");
    }
    writer->has_thread = true;
    return PS_OK;
}

PS_DEFINE_CLEANUP(struct log_writer, log_writer_free)

static void init_waiting(struct log_writer *writer)
{
    pthread_condattr_t monotonic;

    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&writer->mutex, NULL);
    (void)pthread_cond_init(&writer->wake, &monotonic);
    (void)pthread_cond_init(&writer->done, NULL);
    (void)pthread_condattr_destroy(&monotonic);
}

enum ps_err log_writer_new(struct ps_loop *loop, const struct log_handler *handler, void *context,
                           struct log_writer **ret_writer)
{
    PS_CLEANUP(log_writer_free_cleanup) struct log_writer *writer = calloc(1, sizeof *writer);

    if (writer == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    writer->event_fd = -1;
    writer->loop = loop;
    writer->handler = *handler;
    writer->context = context;
    writer->io = &log_io_system;
    init_waiting(writer);
    writer->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (writer->event_fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "eventfd");
    }
    PS_TRY(ps_watch_new(loop, writer->event_fd, (uint32_t)EPOLLIN | (uint32_t)EPOLLET, on_event,
                        writer, &writer->watch));
    PS_TRY(ps_defer_new(loop, writer_wake, writer, &writer->wake_defer));
    PS_TRY(start_thread(writer));
    *ret_writer = writer;
    writer = NULL;
    return PS_OK;
}

void log_writer_set_io(struct log_writer *writer, const struct log_io *io)
{
    assert(writer->logs == NULL);
    writer->io = io;
}

void log_writer_free(struct log_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->has_thread) {
        lock(writer);
        writer->stopping = true;
        (void)pthread_cond_signal(&writer->wake);
        unlock(writer);
        (void)pthread_join(writer->thread, NULL);
    }
    while (writer->logs != NULL) {
        struct log *next = writer->logs->next;

        log_free(writer->logs);
        writer->logs = next;
    }
    ps_watch_free(writer->watch);
    ps_defer_free(writer->wake_defer);
    if (writer->event_fd >= 0) {
        (void)close(writer->event_fd);
    }
    (void)pthread_mutex_destroy(&writer->mutex);
    (void)pthread_cond_destroy(&writer->wake);
    (void)pthread_cond_destroy(&writer->done);
    free(writer);
}
