#include "keystore/log/internal.h"
#include "keystore/log/room.h"
#include "keystore/log/scan.h"
#include "keystore/log/shards.h"
#include "lib/base/clock.h"
#include "lib/base/reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK_EVERY_NS PS_NS_PER_S
#define CELLS_KEEP     (256u * 1024u) /* octets; more is given back */
#define SECTOR         512u           /* the least that a disk writes whole */

static enum ps_err sync_derived(struct log_end *end)
{
    PS_TRY(store_sync_derived(end->store));
    end->derived_upto = end->edge->size;
    return PS_OK;
}

static bool cut_is_due(const struct log *log)
{
    const struct log_end *end = &log->end;

    return log->sharded && end->edge->size != 0 &&
           (end->edge->size >= log->shard_leaves || ps_clock_real_ns() >= end->month_end_ns);
}

static enum ps_err open_next(const struct log *log, const char *name, struct store **ret_store)
{
    const struct store_place place = {log->writer->io, log->directory, log->name, name};

    return store_open(&place, true, ret_store);
}

static struct log_shard_node *describe_end(const struct log_end *end)
{
    struct log_shard_node *node = calloc(1, sizeof *node);

    if (node == NULL) {
        return NULL;
    }
    memcpy(node->info.name, end->store->name, sizeof node->info.name);
    node->info.first = end->first;
    node->info.size = end->edge->size;
    node->info.root = tiles_edge_root(end->edge);
    node->store = end->store;
    return node;
}

/*
 * Completes the present shard and begins the next. Everything of the old one is durable before the
 * new directory exists: the existence of a later shard says that this one is whole.
 */
static enum ps_err cut(struct log *log)
{
    struct log_end *end = &log->end;
    char name[TREE_NAME_MAX + 1];
    struct store *next = NULL;
    struct log_shard_node *closed;

    if (shard_next_name(end->store->name, ps_clock_real_ns(), name) != PS_OK) {
        return PS_OK; /* the month has no number left: the shard grows on */
    }
    PS_TRY(room_cut(end->store, end->octets));
    end->length = end->octets;
    PS_TRY(sync_derived(end));
    PS_TRY(open_next(log, name, &next));
    closed = describe_end(end);
    if (closed == NULL) {
        store_free(next);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    end->first += end->edge->size;
    end->store = next;
    end->octets = 0;
    end->length = 0;
    end->derived_upto = 0;
    end->month_end_ns = shard_month_end_ns(name);
    tiles_edge_reset(end->edge);
    writer_publish_shard(log, closed);
    return PS_OK;
}

/* The leaves at the front of `batch` that still go into the present shard. */
static struct ps_bytes take_segment(const struct log *log, struct ps_bytes batch)
{
    struct ps_reader reader = ps_reader(batch);
    uint64_t room = log->shard_leaves - log->end.edge->size;

    if (!log->sharded || log->end.edge->size >= log->shard_leaves) {
        return batch;
    }
    for (; room != 0 && reader.left.len != 0; room--) {
        (void)ps_reader_take(&reader, ps_reader_u16(&reader));
    }
    return ps_bytes(batch.data, batch.len - reader.left.len);
}

/* Derived from leaves that are durable by now. */
static enum ps_err derive(struct log_end *end, struct ps_bytes segment)
{
    struct ps_reader reader = ps_reader(segment);
    const uint64_t before = end->edge->size;

    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_reset(&end->cells[level]);
    }
    ps_buf_reset(&end->offsets);
    while (reader.left.len != 0) {
        const uint64_t offset = end->octets;
        struct ps_bytes leaf;

        if (end->edge->size % TILES_WIDTH == 0) {
            ps_buf_put_u64(&end->offsets, offset);
        }
        leaf = ps_reader_take(&reader, ps_reader_u16(&reader));
        tiles_edge_append(end->edge, merkle_leaf_hash(leaf), end->cells);
        end->octets = offset + 2 + leaf.len;
    }
    PS_TRY(store_write_derived(end->store, before, end->cells, &end->offsets));
    if (end->cells[0].cap > CELLS_KEEP) {
        ps_buf_clear(&end->cells[0]);
    }
    return PS_OK;
}

static enum ps_err write_at_end(const struct log_end *end, struct ps_bytes octets)
{
    const struct store *store = end->store;

    PS_TRY(io_write(store->io, store->fds[STORE_ENTRIES], octets, end->octets, store->label,
                    "entries"));
    return io_sync(store->io, store->fds[STORE_ENTRIES], store->label, "entries");
}

/*
 * After a power cut the sectors of what was not synced yet have their leaves or zeros, each for
 * itself. Zeros are seen, except in a length of which the first octet stands alone in a sector: the
 * second one would be the length of a shorter leaf. So such an octet is synced before the rest.
 * (Further on in a segment the leaf before would have octets of zero too.)
 */
static enum ps_err write_leaves(const struct log_end *end, struct ps_bytes segment)
{
    if (end->octets % SECTOR == SECTOR - 1 && segment.data[0] != 0) {
        PS_TRY(write_at_end(end, ps_bytes(segment.data, 1)));
    }
    return write_at_end(end, segment);
}

static enum ps_err write_segment(struct log *log, struct ps_bytes segment)
{
    struct log_end *end = &log->end;
    struct store *store = end->store;
    const uint64_t before = end->edge->size;
    uint64_t start_ns;
    uint64_t end_ns;

    PS_TRY(room_make(store, end->octets, segment.len, end->length, &end->length));
    start_ns = ps_clock_mono_ns();
    /* Before, since writing behind a cut end would make the leaves that are gone a hole ... */
    PS_TRY(store_check_length(store, end->length));
    PS_TRY(write_leaves(end, segment));
    end_ns = ps_clock_mono_ns();
    /* ... and after, so that what went into a file that is not the log is never counted. */
    PS_TRY(store_check_record(store, end->length));
    if (end_ns - end->checked_ns >= CHECK_EVERY_NS) {
        PS_TRY(store_check_files(store));
        end->checked_ns = end_ns;
    }
    PS_TRY(derive(end, segment));
    writer_count_sync(log, segment.len + (end->edge->size - before) * PS_SHA256_LEN,
                      (end_ns - start_ns) / PS_NS_PER_US);
    return PS_OK;
}

static enum ps_err write_batch(struct log *log)
{
    struct ps_bytes left = ps_buf_bytes(&log->batch);

    while (left.len != 0) {
        struct ps_bytes segment;

        if (cut_is_due(log)) {
            PS_TRY(cut(log));
        }
        segment = take_segment(log, left);
        PS_TRY(write_segment(log, segment));
        left = ps_bytes_from(left, segment.len);
    }
    return PS_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static enum ps_err store_note(struct log *log, const struct log_note *note)
{
    struct log_end *end = &log->end;
    PS_CLEANUP(close_fd)
    int fd = openat(log->top_fd, note->tree[0] == '\0' ? "." : note->tree,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", log->name, note->tree);
    }
    if (strcmp(note->tree, end->store->name) == 0) {
        PS_TRY(store_check_files(end->store));
        /* See SCAN_STEP: a checkpoint promises that a scan may begin below it. */
        if (end->derived_upto / SCAN_STEP != end->edge->size / SCAN_STEP) {
            PS_TRY(sync_derived(end));
        }
    }
    return head_store(end->store->io, fd, log->name, ps_buf_bytes(&note->text));
}

enum ps_err turn_run(struct log *log, const struct log_note *notes)
{
    PS_TRY(write_batch(log));
    for (; notes != NULL; notes = notes->next) {
        PS_TRY(store_note(log, notes));
    }
    return PS_OK;
}
