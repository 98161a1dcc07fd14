#include "lib/ceremony/internal.h"
#include "lib/ceremony/log_shards.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One tree on its way into the layout of tlog-tiles. */
struct copy {
    struct log_files *files;
    int to_fd; /* of the tree's new directory */
    const char *label;
    uint64_t limit;            /* leaves to copy */
    struct shard_list *shards; /* of `events`: gets what its leaves say; else NULL */
    struct json *json;
    struct ps_buf note;
    struct checkpoint checkpoint;
    struct ps_buf bundle;
    struct ps_buf cells[TILES_LEVELS];
    struct tiles_edge edge;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void copy_free(struct copy *copy)
{
    if (copy == NULL) {
        return;
    }
    log_files_free(copy->files);
    json_free(copy->json);
    close_fd(&copy->to_fd);
    ps_buf_clear(&copy->note);
    ps_buf_clear(&copy->bundle);
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_clear(&copy->cells[level]);
    }
    free(copy);
}
PS_DEFINE_CLEANUP(struct copy, copy_free)

/* The directories above the last slash of a path. */
static enum ps_err make_parents(int dir_fd, const char *path)
{
    char part[128];

    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdirat(dir_fd, part, 0755) != 0 && errno != EEXIST) {
            return ps_fail_errno(PS_E_STORAGE, "%s: making it", part);
        }
    }
    return PS_OK;
}

static enum ps_err write_file(int dir_fd, const char *path, struct ps_bytes octets)
{
    PS_CLEANUP(close_fd)
    int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t done = 0;

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s: making it", path);
    }
    while (done < octets.len) {
        const ssize_t got = write(fd, octets.data + done, octets.len - done);

        if (got < 0 && errno != EINTR) {
            return ps_fail_errno(PS_E_STORAGE, "%s: writing", path);
        }
        done += got < 0 ? 0 : (size_t)got;
    }
    return PS_OK;
}

static enum ps_err write_tile(const struct copy *copy, unsigned level, uint64_t index,
                              unsigned width, struct ps_bytes octets)
{
    PS_BUF_AUTO path;

    ps_buf_init(&path, 128);
    tiles_put_path(level, index, width, &path);
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    /* Each thousand tiles begin a directory, and partial ones have their own. */
    if (index % 1000 == 0 || width != TILES_WIDTH) {
        PS_TRY(make_parents(copy->to_fd, (const char *)path.data));
    }
    return write_file(copy->to_fd, (const char *)path.data, octets);
}

/* Writes what is complete, or at the end what there is. */
static enum ps_err flush(struct copy *copy, bool at_end)
{
    const uint64_t size = copy->edge.size;

    if (copy->bundle.len != 0 && (at_end || size % TILES_WIDTH == 0)) {
        PS_TRY(write_tile(copy, TILES_ENTRIES, (size - 1) / TILES_WIDTH,
                          (unsigned)((size - 1) % TILES_WIDTH) + 1, ps_buf_bytes(&copy->bundle)));
        ps_buf_reset(&copy->bundle);
    }
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        struct ps_buf *cells = &copy->cells[level];
        const unsigned width = (unsigned)(cells->len / PS_SHA256_LEN);

        PS_TRY(ps_buf_status(cells));
        if (width != 0 && (at_end || width == TILES_WIDTH)) {
            const uint64_t last = tiles_count(size, level) - 1;

            PS_TRY(write_tile(copy, level, last / TILES_WIDTH, width, ps_buf_bytes(cells)));
            ps_buf_reset(cells);
        }
    }
    return PS_OK;
}

static enum ps_err check_root(const struct copy *copy)
{
    struct merkle_hash root;

    if (copy->note.len == 0 || copy->checkpoint.size != copy->edge.size) {
        return PS_OK;
    }
    root = tiles_edge_root(&copy->edge);
    if (memcmp(&root, &copy->checkpoint.root, sizeof root) != 0) {
        return ps_fail(PS_E_INPUT, 0, "%s: the leaves are not those of its checkpoint",
                       copy->label);
    }
    return PS_OK;
}

/* Remembers which shards are complete. What is no event is left to who verifies. */
static enum ps_err note_shard(struct copy *copy, struct ps_bytes leaf)
{
    struct log_event event;
    struct log_shard shard;

    if (copy->shards == NULL || log_event_read(copy->json, leaf, &event) != PS_OK ||
        !ps_bytes_equal_str(event.kind, "shard") || log_shard_read(event.data, &shard) != PS_OK) {
        return PS_OK;
    }
    return shard_list_add(copy->shards, &shard, copy->edge.size, NULL);
}

static enum ps_err copy_leaves(struct copy *copy)
{
    while (copy->edge.size < copy->limit) {
        enum log_step step;
        struct log_place place = {.offset = 0};
        struct ps_bytes leaf;

        PS_TRY(log_files_next(copy->files, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            return ps_fail(PS_E_INPUT, 0, "%s: no leaf at octet %llu", place.file,
                           (unsigned long long)place.offset);
        }
        ps_buf_put_u16(&copy->bundle, (uint16_t)leaf.len);
        ps_buf_put(&copy->bundle, leaf);
        PS_TRY(ps_buf_status(&copy->bundle));
        PS_TRY(note_shard(copy, leaf));
        tiles_edge_append(&copy->edge, merkle_leaf_hash(leaf), copy->cells);
        PS_TRY(flush(copy, false));
        PS_TRY(check_root(copy));
    }
    return flush(copy, true);
}

static struct copy *new_copy(const char *label)
{
    struct copy *copy = calloc(1, sizeof *copy);

    if (copy == NULL) {
        return NULL;
    }
    copy->to_fd = -1;
    copy->label = label;
    ps_buf_init(&copy->note, LOG_NOTE_MAX + 1);
    ps_buf_init(&copy->bundle, (size_t)TILES_WIDTH * (LOG_LEAF_MAX + 2));
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_init(&copy->cells[level], TILES_WIDTH * PS_SHA256_LEN);
    }
    return copy;
}

static enum ps_err open_source(struct copy *copy, int from_fd)
{
    PS_TRY(log_files_open(from_fd, copy->label, copy->label, &copy->files));
    if (log_files_exported(copy->files)) {
        return ps_fail(PS_E_INPUT, 0, "%s is an export already", copy->label);
    }
    PS_TRY(log_files_read_checkpoint(copy->files, &copy->note));
    return copy->note.len == 0 ? PS_OK
                               : checkpoint_peek(ps_buf_bytes(&copy->note), &copy->checkpoint);
}

static enum ps_err write_copy(struct copy *copy, int to_fd)
{
    PS_TRY(make_parents(to_fd, copy->label));
    if (strcmp(copy->label, ".") != 0 && mkdirat(to_fd, copy->label, 0755) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s: making it", copy->label);
    }
    copy->to_fd = openat(to_fd, copy->label, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy->to_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", copy->label);
    }
    PS_TRY(copy_leaves(copy));
    return copy->note.len == 0 ? PS_OK
                               : write_file(copy->to_fd, "checkpoint", ps_buf_bytes(&copy->note));
}

/*
 * A shard that `events` calls complete is exported whole, another one as far as its checkpoint
 * goes. So what the export of `events` says of shards is so in the export of the shards.
 */
static enum ps_err export_shard(int from_fd, const char *tree, int to_fd,
                                const struct shard_entry *complete)
{
    PS_CLEANUP(copy_free_cleanup) struct copy *copy = new_copy(tree);
    enum ps_err err;

    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = open_source(copy, from_fd);
    if (err == PS_E_NOT_FOUND && complete == NULL) {
        return PS_OK; /* of a log in use: its directory was made a moment ago, and is empty yet */
    }
    PS_TRY(err);
    if (complete == NULL && copy->note.len == 0) {
        return PS_OK;
    }
    copy->limit = complete == NULL ? copy->checkpoint.size : complete->size;
    return write_copy(copy, to_fd);
}

static enum ps_err export_shards(int from_fd, int to_fd, const struct shard_list *shards)
{
    PS_CLEANUP(shard_names_clear) struct shard_names names = {0};

    PS_TRY(shard_names_list(from_fd, "use", &names));
    for (size_t i = 0; i < names.count; i++) {
        char tree[32];

        (void)snprintf(tree, sizeof tree, "use/%s", names.items[i]);
        PS_TRY(export_shard(from_fd, tree, to_fd, shard_list_find(shards, names.items[i])));
    }
    return PS_OK;
}

static enum ps_err export_all(int from_fd, int to_fd)
{
    const bool whole = faccessat(from_fd, "events", F_OK, 0) == 0;
    PS_CLEANUP(shard_list_clear) struct shard_list shards = {0};
    PS_CLEANUP(copy_free_cleanup) struct copy *copy = new_copy(whole ? "events" : ".");

    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&copy->json));
    PS_TRY(open_source(copy, from_fd));
    if (copy->note.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "%s has no checkpoint", copy->label);
    }
    copy->limit = copy->checkpoint.size;
    copy->shards = whole ? &shards : NULL;
    PS_TRY(write_copy(copy, to_fd));
    return whole ? export_shards(from_fd, to_fd, &shards) : PS_OK;
}

enum ps_err log_export(const char *from, const char *to)
{
    PS_CLEANUP(close_fd) int from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    PS_CLEANUP(close_fd) int to_fd = -1;

    if (from_fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s", from);
    }
    if (mkdir(to, 0755) != 0) {
        return ps_fail_errno(errno == EEXIST ? PS_E_CONFLICT : PS_E_STORAGE, "%s: making it", to);
    }
    to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", to);
    }
    PS_TRY(export_all(from_fd, to_fd));
    return syncfs(to_fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s: syncing", to);
}
