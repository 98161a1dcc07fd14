#include "keystore/log/internal.h"
#include "keystore/log/scan.h"
#include "keystore/log/shards.h"
#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_OCTETS (1024 * 1024)

/* Everything that is being opened; taken over by the log when all of it went well. */
struct opening {
    struct log *log;
    bool again;
    uint64_t keep; /* again: positions known to be durable */
    int top_fd;
    struct log_shard_node *shards;
    struct log_end end;
    struct ps_buf checkpoint;
    uint64_t checkpoint_size;
    uint64_t unread;
};

void open_free_shards(struct log_shard_node *shards)
{
    while (shards != NULL) {
        struct log_shard_node *next = shards->next;

        store_free(shards->store);
        free(shards);
        shards = next;
    }
}

void open_clear_end(struct log_end *end)
{
    store_free(end->store);
    free(end->edge);
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_clear(&end->cells[level]);
    }
    ps_buf_clear(&end->offsets);
    end->store = NULL;
    end->edge = NULL;
}

static void opening_clear(struct opening *opening)
{
    open_free_shards(opening->shards);
    open_clear_end(&opening->end);
    ps_buf_clear(&opening->checkpoint);
    if (opening->top_fd >= 0) {
        (void)close(opening->top_fd);
    }
}

static enum ps_err open_top(struct opening *opening)
{
    const struct log *log = opening->log;

    if (!opening->again || opening->keep == 0) {
        if (mkdir(log->directory, 0750) == 0) {
            PS_TRY(io_sync_parent(log->directory));
        } else if (errno != EEXIST) {
            return ps_fail_errno(PS_E_STORAGE, "%s: making it", log->directory);
        }
    }
    opening->top_fd = open(log->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opening->top_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", log->directory);
    }
    if (flock(opening->top_fd, LOCK_EX | LOCK_NB) != 0) {
        return ps_fail_errno(errno == EWOULDBLOCK ? PS_E_BUSY : PS_E_STORAGE,
                             "%s is in use by another process", log->directory);
    }
    return PS_OK;
}

/* Of a pruned shard: what its last checkpoint says. Who signed that is looked at by the caller. */
static enum ps_err describe_pruned(const struct opening *opening, const struct store *store,
                                   struct tree_info *ret_info)
{
    struct tree_info info = {.first = opening->end.first, .pruned = true};
    struct ps_bytes shard;
    struct head head;
    PS_BUF_AUTO note = {.max = HEAD_MAX + 1};

    PS_TRY(head_read(store->dir_fd, store->label, &note));
    PS_TRY(head_parse(ps_buf_bytes(&note), &head));
    PS_TRY(head_shard(&head, opening->log->name, true, &shard));
    if (!ps_bytes_equal_str(shard, store->name) || head.size == 0) {
        return ps_fail(PS_E_INPUT, 0, "%s/entries is missing, and its checkpoint is no shard's",
                       store->label);
    }
    memcpy(info.name, store->name, sizeof info.name);
    info.size = head.size;
    info.root = head.root;
    *ret_info = info;
    return PS_OK;
}

static enum ps_err describe_shard(const struct opening *opening, const struct store *store,
                                  struct tree_info *ret_info)
{
    struct tree tree = {.store = store, .first = opening->end.first};

    if (store->pruned) {
        return describe_pruned(opening, store, ret_info);
    }
    PS_TRY(shard_measure(store, &tree.size, &tree.octets));
    return tree_describe(&tree, ret_info);
}

/* Appends one complete shard to the list, of which `last` is the end. */
static enum ps_err add_shard(struct opening *opening, const char *name,
                             struct log_shard_node ***last)
{
    const struct log *log = opening->log;
    const struct store_place place = {log->writer->io, log->directory, log->name, name};
    struct log_shard_node *node = calloc(1, sizeof *node);

    if (node == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    **last = node;
    *last = &node->next;
    PS_TRY(store_open_complete(&place, &node->store));
    PS_TRY(describe_shard(opening, node->store, &node->info));
    opening->end.first += node->info.size;
    store_free(node->store);
    node->store = NULL;
    return PS_OK;
}

static enum ps_err open_shards(struct opening *opening, const struct shard_names *names,
                               char ret_present[TREE_NAME_MAX + 1])
{
    struct log_shard_node **last = &opening->shards;

    if (names->count == 0) {
        if (opening->again && opening->keep != 0) {
            return ps_fail(PS_E_STORAGE, 0, "%s: its shards were removed", opening->log->name);
        }
        return shard_next_name("", ps_clock_real_ns(), ret_present);
    }
    for (size_t i = 0; i + 1 < names->count; i++) {
        PS_TRY(add_shard(opening, names->items[i], &last));
    }
    memcpy(ret_present, names->items[names->count - 1], TREE_NAME_MAX + 1);
    return PS_OK;
}

static enum ps_err open_present(struct opening *opening)
{
    const struct log *log = opening->log;
    char name[TREE_NAME_MAX + 1] = "";
    const struct store_place place = {log->writer->io, log->directory, log->name, name};
    PS_CLEANUP(shards_clear) struct shard_names names = {0};

    if (log->sharded) {
        PS_TRY(shards_list(opening->top_fd, log->name, &names));
        PS_TRY(open_shards(opening, &names, name));
        opening->end.month_end_ns = shard_month_end_ns(name);
    }
    /* After a failure nothing is made anew where leaves are known to have been. */
    return store_open(&place, !opening->again || opening->keep == opening->end.first,
                      &opening->end.store);
}

/* After a failure: what is not known to be durable goes, whatever the page cache shows of it. */
static enum ps_err cut_unknown(const struct opening *opening)
{
    const struct log_end *old = &opening->log->end;
    const struct log_end *end = &opening->end;
    uint64_t found;
    uint64_t octets = 0;
    uint64_t size = 0;

    if (end->first == old->first) {
        octets = old->octets;
        size = old->edge->size;
    } else if (end->first != opening->keep) {
        return ps_fail(PS_E_INPUT, 0, "%s: its shards are not those of before", opening->log->name);
    }
    PS_TRY(store_length(end->store, STORE_ENTRIES, &found));
    if (found < octets) {
        return ps_fail(PS_E_INPUT, 0, "%s/entries has %llu octets, and %llu were durable",
                       end->store->label, (unsigned long long)found, (unsigned long long)octets);
    }
    return store_cut(end->store, size, octets);
}

static enum ps_err read_checkpoint(struct opening *opening, struct head *ret_head)
{
    const struct log *log = opening->log;
    const struct store *store = opening->end.store;
    struct ps_bytes shard;

    ps_buf_init(&opening->checkpoint, HEAD_MAX + 1);
    PS_TRY(head_read(store->dir_fd, store->label, &opening->checkpoint));
    if (opening->checkpoint.len == 0) {
        return PS_OK;
    }
    PS_TRY(head_parse(ps_buf_bytes(&opening->checkpoint), ret_head));
    PS_TRY(head_shard(ret_head, log->name, log->sharded, &shard));
    if (!ps_bytes_equal_str(shard, store->name)) {
        return ps_fail(PS_E_INPUT, 0, "%s/checkpoint is of another shard", store->label);
    }
    opening->checkpoint_size = ret_head->size;
    return PS_OK;
}

/*
 * Writes a piece of the record again, so that a sync really carries it to the disk: pages that an
 * earlier process failed to sync count as clean, though they were never written.
 */
static enum ps_err rewrite(const struct store *store, uint64_t from, uint64_t to)
{
    uint8_t piece[4096];

    while (from < to) {
        const size_t want = to - from < sizeof piece ? (size_t)(to - from) : sizeof piece;
        size_t got;

        PS_TRY(
            io_read(store->fds[STORE_ENTRIES], piece, want, from, store->label, "entries", &got));
        if (got != want) {
            return ps_fail(PS_E_STORAGE, 0, "%s/entries became shorter", store->label);
        }
        PS_TRY(io_write(store->io, store->fds[STORE_ENTRIES], ps_bytes(piece, got), from,
                        store->label, "entries"));
        from += got;
    }
    return io_sync(store->io, store->fds[STORE_ENTRIES], store->label, "entries");
}

/* From the bundle in which the checkpoint ends, which is near enough. */
static enum ps_err rewrite_tail(const struct opening *opening)
{
    const struct log_end *end = &opening->end;
    uint64_t from = end->octets;

    if (opening->checkpoint_size < end->edge->size) {
        PS_TRY(store_read_offset(end->store, opening->checkpoint_size / TILES_WIDTH, &from));
    }
    return rewrite(end->store, from, end->octets);
}

/* Where a scan may begin. */
static uint64_t first_to_read(const struct opening *opening)
{
    const struct log *log = opening->log;
    const uint64_t covered = opening->checkpoint_size;

    if (log->sharded) {
        return covered / SCAN_STEP * SCAN_STEP;
    }
    return (log->vouched < covered ? log->vouched : covered) / TILES_WIDTH * TILES_WIDTH;
}

/* What does not fit together where some is passed over is read whole: that names the place. */
static enum ps_err scan_from(struct opening *opening, struct scan_request *request)
{
    const enum ps_err err = scan_tree(request, opening->end.edge, &opening->end.octets);

    opening->unread = opening->log->sharded ? 0 : request->start;
    if (err != PS_E_INPUT || opening->unread == 0) {
        return err;
    }
    opening->unread = request->start = 0;
    return scan_tree(request, opening->end.edge, &opening->end.octets);
}

static enum ps_err scan(struct opening *opening)
{
    struct head head;
    struct scan_request request = {
        .store = opening->end.store,
        .limit = UINT64_MAX,
        .repair = true,
    };

    PS_TRY(read_checkpoint(opening, &head));
    if (opening->checkpoint.len != 0) {
        request.checkpoint = &head;
        request.start = first_to_read(opening);
    }
    PS_TRY(scan_from(opening, &request));
    opening->end.length = opening->end.octets; /* the repair has cut it there */
    opening->end.derived_upto = opening->end.edge->size;
    return opening->again ? PS_OK : rewrite_tail(opening);
}

/* The same leaves as before the failure, by their root. */
static enum ps_err compare_end(const struct opening *opening)
{
    const struct log_end *old = &opening->log->end;
    const struct log_end *end = &opening->end;
    const struct merkle_hash expected = tiles_edge_root(old->edge);
    struct merkle_hash found = tiles_edge_root(end->edge);

    if (end->first != old->first) {
        for (const struct log_shard_node *at = opening->shards; at != NULL; at = at->next) {
            found = at->info.root; /* of the last complete one, which was the present one */
        }
    }
    if (end->first + end->edge->size != opening->keep ||
        memcmp(&found, &expected, sizeof found) != 0) {
        return ps_fail(PS_E_INPUT, 0, "%s: the leaves are not those of before the failure",
                       end->store->label);
    }
    return PS_OK;
}

/* Whether there is room again. Where space cannot be reserved, the next write will tell. */
static enum ps_err probe_room(const struct log_end *end)
{
    if (fallocate(end->store->fds[STORE_ENTRIES], FALLOC_FL_KEEP_SIZE, (off_t)end->octets,
                  PROBE_OCTETS) != 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS) {
        return ps_fail_errno(PS_E_STORAGE, "%s/entries: reserving room", end->store->label);
    }
    return PS_OK;
}

/* Hands over; what the log had goes to `opening`, which is cleared by its owner. */
static void take_over(struct opening *opening)
{
    struct log *log = opening->log;
    const struct log_end end = log->end;
    const struct ps_buf checkpoint = log->checkpoint;
    struct log_shard_node *shards = log->shards;
    const int top_fd = log->top_fd;

    log->end = opening->end;
    log->checkpoint = opening->checkpoint;
    log->checkpoint_size = opening->checkpoint_size;
    log->unread = opening->unread;
    log->shards = opening->shards;
    log->top_fd = opening->top_fd;
    opening->end = end;
    opening->checkpoint = checkpoint;
    opening->shards = shards;
    opening->top_fd = top_fd;
}

static enum ps_err init_end(struct log_end *end)
{
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_init(&end->cells[level], (size_t)LOG_QUEUE_MAX * PS_SHA256_LEN);
    }
    ps_buf_init(&end->offsets, LOG_QUEUE_MAX);
    end->checked_ns = ps_clock_mono_ns();
    end->edge = calloc(1, sizeof *end->edge);
    return end->edge == NULL ? ps_fail(PS_E_NO_MEMORY, 0, "out of memory") : PS_OK;
}

enum ps_err open_files(struct log *log, bool again)
{
    PS_CLEANUP(opening_clear) struct opening opening = {.log = log, .again = again, .top_fd = -1};

    PS_TRY(init_end(&opening.end));
    if (again) {
        opening.keep = log->end.first + log->end.edge->size;
        /* The lock is the directory's that had this name then. */
        (void)flock(log->top_fd, LOCK_UN);
    }
    PS_TRY(open_top(&opening));
    PS_TRY(open_present(&opening));
    if (again) {
        PS_TRY(cut_unknown(&opening));
    }
    PS_TRY(scan(&opening));
    if (again) {
        PS_TRY(compare_end(&opening));
        PS_TRY(probe_room(&opening.end));
    }
    take_over(&opening);
    return PS_OK;
}
