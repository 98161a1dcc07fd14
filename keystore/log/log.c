#include "keystore/log/log.h"
#include "keystore/log/walk.h"

#include "keystore/log/internal.h"
#include "keystore/log/room.h"
#include "keystore/log/scan.h"
#include "keystore/log/shards.h"
#include "keystore/log/walk.h"
#include "lib/base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The mutex also of a log that is only read. */
static void lock(const struct log *log)
{
    const int failed = pthread_mutex_lock(&log->writer->mutex);

    assert(failed == 0);
}

static void unlock(const struct log *log)
{
    const int failed = pthread_mutex_unlock(&log->writer->mutex);

    assert(failed == 0);
}

/* At rest there is no room. What cannot be cut, or is not ours, is looked at by log_open. */
static void cut_room(struct log *log)
{
    struct log_end *end = &log->end;

    if (end->store == NULL || log->failed || end->length == end->octets) {
        return;
    }
    if (store_check_record(end->store, end->length) == PS_OK &&
        room_check(end->store, end->octets, end->length) == PS_OK &&
        room_cut(end->store, end->octets) == PS_OK) {
        end->length = end->octets;
    }
}

void log_free(struct log *log)
{
    if (log == NULL) {
        return;
    }
    cut_room(log);
    open_clear_end(&log->end);
    store_free(log->found);
    open_free_shards(log->shards);
    open_free_shards(log->closed);
    writer_free_notes(log->notes);
    ps_buf_clear(&log->queued);
    ps_buf_clear(&log->batch);
    ps_buf_clear(&log->checkpoint);
    if (log->top_fd >= 0) {
        (void)close(log->top_fd);
    }
    free(log->directory);
    free(log->name);
    free(log);
}
PS_DEFINE_CLEANUP(struct log, log_free)

/* NULL without memory. */
static struct log *new_log(struct log_writer *writer, const struct log_config *config)
{
    struct log *log = calloc(1, sizeof *log);

    if (log == NULL) {
        return NULL;
    }
    log->top_fd = -1;
    log->writer = writer;
    log->sharded = config->sharded;
    log->shard_leaves = config->shard_leaves == 0 ? 1 : config->shard_leaves;
    log->vouched = config->sharded ? 0 : config->vouched;
    log->directory = strdup(config->directory);
    log->name = strdup(config->name);
    ps_buf_init(&log->queued, LOG_QUEUE_MAX);
    ps_buf_init(&log->batch, LOG_QUEUE_MAX);
    ps_buf_init(&log->checkpoint, HEAD_MAX + 1);
    if (log->directory == NULL || log->name == NULL) {
        log_free(log);
        return NULL;
    }
    return log;
}

/* With the mutex: counts from what is in the files. */
static void start_from_end(struct log *log)
{
    log->durable = (struct tree){
        .store = log->end.store,
        .first = log->end.first,
        .size = log->end.edge->size,
        .octets = log->end.octets,
    };
    log->durable_root = tiles_edge_root(log->end.edge);
    log->present = log->durable;
    log->present.places = &log->places;
    log->present_root = log->durable_root;
    log->appended = log->durable.first + log->durable.size;
    log->told = log->appended;
    writer_free_notes(log->notes);
    log->notes = NULL;
    log->failed = false;
    log->told_failed = false;
}

enum ps_err log_open(struct log_writer *writer, const struct log_config *config,
                     struct log **ret_log)
{
    PS_CLEANUP(log_free_cleanup) struct log *log = new_log(writer, config);

    if (log == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(open_files(log, false));
    lock(log);
    start_from_end(log);
    log->told_shards = log_shard_count(log);
    log->next = writer->logs;
    writer->logs = log;
    unlock(log);
    *ret_log = log;
    log = NULL;
    return PS_OK;
}

enum ps_err log_reopen(struct log *log)
{
    if (!log_has_failed(log)) {
        return PS_OK;
    }
    /* Who waits for a leaf hears of it before another one gets the same position. */
    log_take(log);
    log_tell(log);
    PS_TRY(open_files(log, true));
    store_free(log->found);
    log->found = NULL;
    lock(log);
    start_from_end(log);
    unlock(log);
    return PS_OK;
}

/* With the mutex. */
static enum ps_err failed_before(const struct log *log)
{
    return ps_fail(PS_E_STORAGE, log->failure.code, "the log failed: %.200s", log->failure.text);
}

static enum ps_err queue_leaf(struct log *log, struct ps_bytes entry, bool is_backlog)
{
    uint8_t *to;

    if (log->failed) {
        return failed_before(log);
    }
    to = ps_buf_reserve(&log->queued, 2 + entry.len);
    if (to == NULL) {
        const enum ps_err err = log->queued.err == PS_E_LIMIT ? PS_E_BUSY : log->queued.err;

        log->queued.err = PS_OK; /* what is queued already still goes out */
        return ps_fail(err, 0, "more waits for the disk than may wait");
    }
    to[0] = (uint8_t)(entry.len >> 8);
    to[1] = (uint8_t)entry.len;
    memcpy(to + 2, entry.data, entry.len);
    ps_buf_commit(&log->queued, 2 + entry.len);
    log->queued_leaves++;
    log->is_backlog = log->is_backlog && is_backlog;
    return PS_OK;
}

void log_set_expected(struct log *log, uint64_t leaves)
{
    lock(log);
    log->expected = leaves;
    unlock(log);
}

static enum ps_err append(struct log *log, struct ps_bytes entry, bool is_backlog,
                          uint64_t *ret_index)
{
    enum ps_err err;

    if (entry.len == 0 || entry.len > LOG_ENTRY_MAX || memchr(entry.data, 0, entry.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "a leaf has 1 to %u octets, none of them zero",
                       LOG_ENTRY_MAX);
    }
    lock(log);
    err = queue_leaf(log, entry, is_backlog);
    unlock(log);
    PS_TRY(err);
    *ret_index = log->appended++;
    /* At the end of the loop's turn: the more leaves, the fewer syncs. */
    ps_defer_arm(log->writer->wake_defer);
    return PS_OK;
}

enum ps_err log_append(struct log *log, struct ps_bytes entry, uint64_t *ret_index)
{
    return append(log, entry, false, ret_index);
}

enum ps_err log_append_backlog(struct log *log, struct ps_bytes entry, uint64_t *ret_index)
{
    return append(log, entry, true, ret_index);
}

void log_take(struct log *log)
{
    struct log_shard_node **last = &log->shards;
    struct log_shard_node *closed;

    lock(log);
    closed = log->closed;
    log->closed = NULL;
    log->present = log->durable;
    log->present.places = &log->places;
    log->present_root = log->durable_root;
    if (log->failed) {
        log->appended = log->durable.first + log->durable.size;
    }
    unlock(log);
    if (closed == NULL) {
        return;
    }
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = closed;
    for (; closed != NULL; closed = closed->next) {
        store_free(closed->store);
        closed->store = NULL;
    }
    ps_buf_reset(&log->checkpoint);
    log->checkpoint_size = 0;
}

static void tell_shards(struct log *log)
{
    const struct log_writer *writer = log->writer;
    struct tree_info info;

    while (log_shard_info(log, log->told_shards, &info) == PS_OK) {
        log->told_shards++;
        if (writer->handler.on_shard != NULL) {
            writer->handler.on_shard(writer->context, log, &info);
        }
    }
}

void log_tell(struct log *log)
{
    const struct log_writer *writer = log->writer;

    if (log->told < log_durable(log)) {
        log->told = log_durable(log);
        writer->handler.on_durable(writer->context, log);
    }
    if (log->told_shards < log_shard_count(log)) {
        tell_shards(log);
    }
    if (log_has_failed(log) && !log->told_failed) {
        log->told_failed = true;
        writer->handler.on_failed(writer->context, log);
    }
}

enum ps_err log_sync(struct log *log)
{
    enum ps_err err = PS_OK;

    lock(log);
    while (!log->failed && (log->working || log->queued.len != 0 || log->notes != NULL)) {
        writer_wait(log->writer);
    }
    if (log->failed) {
        err = failed_before(log);
    }
    unlock(log);
    log_take(log);
    return err;
}

uint64_t log_size(const struct log *log)
{
    return log->appended;
}

uint64_t log_durable(const struct log *log)
{
    return log->present.first + log->present.size;
}

bool log_has_failed(const struct log *log)
{
    bool failed;

    lock(log);
    failed = log->failed;
    unlock(log);
    return failed;
}

struct ps_detail log_failure(const struct log *log)
{
    struct ps_detail failure = {.err = PS_OK};

    lock(log);
    if (log->failed) {
        failure = log->failure;
    }
    unlock(log);
    return failure;
}

uint64_t log_sync_micros(const struct log *log)
{
    uint64_t micros;

    lock(log);
    micros = log->sync_us;
    unlock(log);
    return micros;
}

void log_space(const struct log *log, uint64_t *ret_free, uint64_t *ret_per_minute)
{
    const uint64_t second = ps_clock_mono_ns() / PS_NS_PER_S;
    struct statvfs status;
    uint64_t octets = 0;

    lock(log);
    for (size_t i = 0; i < LOG_RATE_SLOTS; i++) {
        if (second - log->rate_second[i] < LOG_RATE_SLOTS) {
            octets += log->rate_octets[i];
        }
    }
    unlock(log);
    *ret_per_minute = octets;
    /* What cannot be measured counts as full. */
    *ret_free = fstatvfs(log->top_fd, &status) == 0 ? status.f_bavail * status.f_frsize : 0;
}

uint64_t log_unread(const struct log *log)
{
    return log->unread;
}

enum ps_err log_check(struct log *log)
{
    struct scan_request request = {.store = log->present.store};
    struct tiles_edge *edge;
    struct merkle_hash expected;
    struct merkle_hash found;
    uint64_t octets;
    uint64_t length;
    enum ps_err err;

    PS_TRY(log_sync(log));
    /* Nothing is queued and only this thread queues: the end stands still. */
    request.store = log->present.store;
    request.limit = log->present.size;
    lock(log);
    expected = tiles_edge_root(log->end.edge);
    length = log->end.length;
    unlock(log);
    edge = calloc(1, sizeof *edge);
    if (edge == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = scan_tree(&request, edge, &octets);
    found = tiles_edge_root(edge);
    if (err == PS_OK &&
        (edge->size != request.limit || memcmp(&found, &expected, sizeof found) != 0)) {
        err = ps_fail(PS_E_INPUT, 0, "%s/entries is not what was recorded", request.store->label);
    }
    free(edge);
    return err == PS_OK ? room_check(request.store, octets, length) : err;
}
