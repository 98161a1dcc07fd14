#include "tests/bench/chain.h"
#include "tests/bench/module.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Written once before, as the appliance's record has it: a sync then waits for the disk alone. */
#define ROOM  (16u * 1024u * 1024u)
#define PIECE (1024u * 1024u)

struct batch {
    struct ps_buf records;
    uint32_t ids[CHAIN_CLIENTS_MAX];
    size_t count;
};

struct chain_log {
    int fd;
    int event_fd;
    size_t record_len;
    off_t at;
    struct chain_counts *counts;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t filled;
    struct batch *collected;
    struct batch *written;
    uint32_t durable[CHAIN_CLIENTS_MAX];
    size_t durable_count;
};

static void write_all(int fd, struct ps_bytes octets, off_t at)
{
    while (octets.len != 0) {
        const ssize_t done = pwrite(fd, octets.data, octets.len, at);

        must(done > 0 || errno == EINTR, "writing the record");
        octets = ps_bytes_from(octets, done > 0 ? (size_t)done : 0);
        at += done > 0 ? done : 0;
    }
}

int chain_record_open(const char *path)
{
    const int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    uint8_t *zeros = calloc(1, PIECE);

    must(fd >= 0 && zeros != NULL, "making the record");
    for (off_t at = 0; at < (off_t)ROOM; at += (off_t)PIECE) {
        write_all(fd, ps_bytes(zeros, PIECE), at);
    }
    must(fsync(fd) == 0, "syncing the record's room");
    free(zeros);
    return fd;
}

static struct batch *batch_new(void)
{
    struct batch *batch = calloc(1, sizeof *batch);

    must(batch != NULL, "memory for records");
    ps_buf_init(&batch->records, CHAIN_CLIENTS_MAX * CHAIN_RECORD_MAX);
    return batch;
}

static struct batch *next_batch(struct chain_log *log)
{
    struct batch *batch;

    (void)pthread_mutex_lock(&log->mutex);
    while (log->collected->count == 0) {
        (void)pthread_cond_wait(&log->filled, &log->mutex);
    }
    batch = log->collected;
    log->collected = log->written;
    log->written = batch;
    (void)pthread_mutex_unlock(&log->mutex);
    return batch;
}

static void publish(struct chain_log *log, struct batch *batch)
{
    const uint64_t one = 1;

    (void)pthread_mutex_lock(&log->mutex);
    must(log->durable_count + batch->count <= CHAIN_CLIENTS_MAX, "one request of a client");
    memcpy(log->durable + log->durable_count, batch->ids, batch->count * sizeof batch->ids[0]);
    log->durable_count += batch->count;
    (void)__atomic_add_fetch(&log->counts->records, batch->count, __ATOMIC_SEQ_CST);
    (void)__atomic_add_fetch(&log->counts->syncs, 1, __ATOMIC_SEQ_CST);
    (void)pthread_mutex_unlock(&log->mutex);
    batch->count = 0;
    ps_buf_reset(&batch->records);
    must(write(log->event_fd, &one, sizeof one) == (ssize_t)sizeof one, "telling of records");
}

static void *run(void *context)
{
    struct chain_log *log = context;

    for (;;) {
        struct batch *batch = next_batch(log);
        const struct ps_bytes octets = ps_buf_bytes(&batch->records);

        must(ps_buf_status(&batch->records) == PS_OK, "collecting records");
        if (log->at + (off_t)octets.len > (off_t)ROOM) {
            log->at = 0;
        }
        write_all(log->fd, octets, log->at);
        must(fdatasync(log->fd) == 0, "syncing the record");
        log->at += (off_t)octets.len;
        publish(log, batch);
    }
    return NULL;
}

struct chain_log *chain_log_new(int record_fd, size_t record_len, struct chain_counts *counts)
{
    struct chain_log *log = calloc(1, sizeof *log);
    pthread_t thread;

    must(log != NULL && record_len > CHAIN_SIGNATURE && record_len <= CHAIN_RECORD_MAX,
         "making a log");
    log->fd = record_fd;
    log->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    log->record_len = record_len;
    log->counts = counts;
    log->collected = batch_new();
    log->written = batch_new();
    must(log->event_fd >= 0 && pthread_mutex_init(&log->mutex, NULL) == 0 &&
             pthread_cond_init(&log->filled, NULL) == 0 &&
             pthread_create(&thread, NULL, run, log) == 0 && pthread_detach(thread) == 0,
         "starting the log's thread");
    return log;
}

int chain_log_fd(const struct chain_log *log)
{
    return log->event_fd;
}

void chain_log_add(struct chain_log *log, uint32_t id, struct ps_bytes signature)
{
    struct batch *batch;
    uint8_t *rest;

    (void)pthread_mutex_lock(&log->mutex);
    batch = log->collected;
    must(batch->count < CHAIN_CLIENTS_MAX, "one request of a client");
    batch->ids[batch->count++] = id;
    ps_buf_put(&batch->records, signature);
    rest = ps_buf_reserve(&batch->records, log->record_len - signature.len);
    must(rest != NULL, "collecting records");
    memset(rest, 'x', log->record_len - signature.len);
    ps_buf_commit(&batch->records, log->record_len - signature.len);
    (void)pthread_mutex_unlock(&log->mutex);
}

void chain_log_wake(struct chain_log *log)
{
    (void)pthread_cond_signal(&log->filled);
}

size_t chain_log_take(struct chain_log *log, uint32_t ids[CHAIN_CLIENTS_MAX])
{
    uint64_t times;
    size_t count;

    must(read(log->event_fd, &times, sizeof times) == (ssize_t)sizeof times || errno == EAGAIN,
         "hearing of records");
    (void)pthread_mutex_lock(&log->mutex);
    count = log->durable_count;
    memcpy(ids, log->durable, count * sizeof ids[0]);
    log->durable_count = 0;
    (void)pthread_mutex_unlock(&log->mutex);
    return count;
}
