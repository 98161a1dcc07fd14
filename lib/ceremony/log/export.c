#include "lib/base/encode.h"
#include "lib/ceremony/internal.h"
#include "lib/ceremony/log/archive.h"
#include "lib/ceremony/log/shards.h"
#include "lib/ceremony/log/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is exported, and where to. */
struct exporting {
    int from_fd;
    int to_fd;
    struct ps_bytes only;    /* an archive has `events` and this shard; empty: all */
    bool found;              /* it is there */
    struct ps_buf *manifest; /* gets a line for each file; NULL: none is wanted */
};

/* One tree on its way into the layout of tlog-tiles. */
struct copy {
    const struct exporting *exporting;
    struct log_files *files;
    int to_fd; /* of the tree's new directory */
    const char *label;
    uint64_t limit;            /* leaves to copy */
    struct shard_list *shards; /* of `events`: gets what its leaves say; else NULL */
    struct json *json;
    struct ps_buf note;
    struct checkpoint checkpoint;
    struct log_witnessed witnessed;
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
    log_witnessed_clear(&copy->witnessed);
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

/* As sha256sum(1) prints it. */
static void note_file(const struct copy *copy, const char *path, struct ps_bytes octets)
{
    const bool is_whole = strcmp(copy->label, ".") == 0;
    uint8_t hash[PS_SHA256_LEN];

    if (copy->exporting->manifest == NULL) {
        return;
    }
    ps_sha256(octets, hash);
    ps_buf_put_hex(copy->exporting->manifest, ps_bytes(hash, sizeof hash));
    ps_buf_printf(copy->exporting->manifest, "  %s%s%s\n", is_whole ? "" : copy->label,
                  is_whole ? "" : "/", path);
}

static enum ps_err write_octets(int dir_fd, const char *path, struct ps_bytes octets)
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

static enum ps_err write_file(const struct copy *copy, const char *path, struct ps_bytes octets)
{
    note_file(copy, path, octets);
    return write_octets(copy->to_fd, path, octets);
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
    return write_file(copy, (const char *)path.data, octets);
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

static struct copy *new_copy(const struct exporting *exporting, const char *label)
{
    struct copy *copy = calloc(1, sizeof *copy);

    if (copy == NULL) {
        return NULL;
    }
    copy->exporting = exporting;
    copy->to_fd = -1;
    copy->label = label;
    ps_buf_init(&copy->note, LOG_NOTE_MAX + 1);
    ps_buf_init(&copy->bundle, (size_t)TILES_WIDTH * (LOG_LEAF_MAX + 2));
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_init(&copy->cells[level], TILES_WIDTH * PS_SHA256_LEN);
    }
    return copy;
}

static enum ps_err open_source(struct copy *copy)
{
    PS_TRY(log_files_open(copy->exporting->from_fd, copy->label, copy->label, &copy->files));
    if (log_files_exported(copy->files) && !log_files_pruned(copy->files)) {
        return ps_fail(PS_E_INPUT, 0, "%s is an export already", copy->label);
    }
    PS_TRY(log_witnessed_read(copy->files, &copy->witnessed)); /* before what is newer */
    PS_TRY(log_files_read_checkpoint(copy->files, &copy->note));
    return copy->note.len == 0 ? PS_OK
                               : checkpoint_peek(ps_buf_bytes(&copy->note), &copy->checkpoint);
}

/* All that witnesses have seen: one of more than is copied proves that the log was put back. */
static enum ps_err copy_witnessed(const struct copy *copy)
{
    for (size_t i = 0; i < copy->witnessed.count; i++) {
        const struct log_witnessed_note *note = &copy->witnessed.notes[i];

        if (note->seen.note.len != 0) {
            PS_TRY(write_file(copy, note->file, note->seen.note));
        }
    }
    return PS_OK;
}

static enum ps_err write_copy(struct copy *copy)
{
    const int to_fd = copy->exporting->to_fd;

    PS_TRY(make_parents(to_fd, copy->label));
    if (strcmp(copy->label, ".") != 0 && mkdirat(to_fd, copy->label, 0755) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s: making it", copy->label);
    }
    copy->to_fd = openat(to_fd, copy->label, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy->to_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", copy->label);
    }
    if (!log_files_pruned(copy->files) || copy->checkpoint.size != copy->limit) {
        PS_TRY(copy_leaves(copy));
    }
    PS_TRY(copy_witnessed(copy));
    return copy->note.len == 0 ? PS_OK : write_file(copy, "checkpoint", ps_buf_bytes(&copy->note));
}

/* What is archived proves each of its leaves: its own checkpoint covers all of them. */
static enum ps_err check_archived(const struct copy *copy, const struct shard_entry *complete)
{
    if (complete == NULL) {
        return ps_fail(
            PS_E_STATE, 0,
            "%s is not complete, or no checkpoint of events says so yet: only a complete "
            "shard can be archived",
            copy->label);
    }
    if (log_files_pruned(copy->files)) {
        return ps_fail(PS_E_STATE, 0, "%s was pruned: its leaves are in its archive", copy->label);
    }
    if (copy->note.len == 0 || copy->checkpoint.size != complete->size) {
        return ps_fail(PS_E_STATE, 0,
                       "the last checkpoint of %s is not signed yet: try again in a moment",
                       copy->label);
    }
    return PS_OK;
}

/*
 * A shard that `events` calls complete is exported whole, another one as far as its checkpoint
 * goes. So what the export of `events` says of shards is so in the export of the shards.
 */
static enum ps_err export_shard(struct exporting *exporting, const char *tree,
                                const struct shard_entry *complete)
{
    PS_CLEANUP(copy_free_cleanup) struct copy *copy = new_copy(exporting, tree);
    enum ps_err err;

    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = open_source(copy);
    if (err == PS_E_NOT_FOUND && complete == NULL) {
        return PS_OK; /* of a log in use: its directory was made a moment ago, and is empty yet */
    }
    PS_TRY(err);
    if (exporting->only.len != 0) {
        PS_TRY(check_archived(copy, complete));
    }
    if (complete == NULL && copy->note.len == 0) {
        return PS_OK;
    }
    exporting->found = true;
    copy->limit = complete == NULL ? copy->checkpoint.size : complete->size;
    return write_copy(copy);
}

static enum ps_err export_shards(struct exporting *exporting, const struct shard_list *shards)
{
    PS_CLEANUP(shard_names_clear) struct shard_names names = {0};

    PS_TRY(shard_names_list(exporting->from_fd, "use", &names));
    for (size_t i = 0; i < names.count; i++) {
        char tree[32];

        if (exporting->only.len != 0 && !ps_bytes_equal_str(exporting->only, names.items[i])) {
            continue;
        }
        (void)snprintf(tree, sizeof tree, "use/%s", names.items[i]);
        PS_TRY(export_shard(exporting, tree, shard_list_find(shards, names.items[i])));
    }
    return PS_OK;
}

static enum ps_err export_all(struct exporting *exporting)
{
    const bool whole = faccessat(exporting->from_fd, "events", F_OK, 0) == 0;
    PS_CLEANUP(shard_list_clear) struct shard_list shards = {0};
    PS_CLEANUP(copy_free_cleanup) struct copy *copy = new_copy(exporting, whole ? "events" : ".");

    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(json_new(&copy->json));
    PS_TRY(open_source(copy));
    if (copy->note.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "%s has no checkpoint", copy->label);
    }
    copy->limit = copy->checkpoint.size;
    copy->shards = whole ? &shards : NULL;
    PS_TRY(write_copy(copy));
    return whole ? export_shards(exporting, &shards) : PS_OK;
}

static enum ps_err open_from(const char *from, struct exporting *exporting)
{
    exporting->from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (exporting->from_fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s", from);
    }
    return PS_OK;
}

static enum ps_err open_to(const char *to, struct exporting *exporting)
{
    exporting->to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return exporting->to_fd >= 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", to);
}

static void exporting_clear(struct exporting *exporting)
{
    close_fd(&exporting->from_fd);
    close_fd(&exporting->to_fd);
}

static enum ps_err sync_all(const struct exporting *exporting, const char *to)
{
    return syncfs(exporting->to_fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s: syncing", to);
}

enum ps_err log_export(const char *from, const char *to)
{
    PS_CLEANUP(exporting_clear) struct exporting exporting = {.from_fd = -1, .to_fd = -1};

    PS_TRY(open_from(from, &exporting));
    if (mkdir(to, 0755) != 0) {
        return ps_fail_errno(errno == EEXIST ? PS_E_CONFLICT : PS_E_STORAGE, "%s: making it", to);
    }
    PS_TRY(open_to(to, &exporting));
    PS_TRY(export_all(&exporting));
    return sync_all(&exporting, to);
}

/* --- Archives --- */

/* What is not whole has another name, and goes with it. */
struct part {
    char path[PATH_MAX]; /* "": it is whole, or was never made */
};

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

static void part_clear(struct part *part)
{
    if (part->path[0] != 0) {
        (void)nftw(part->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static enum ps_err make_part(const char *to, struct part *part)
{
    struct stat info;
    int len;

    if (lstat(to, &info) == 0) {
        return ps_fail(PS_E_CONFLICT, 0, "%s exists already", to);
    }
    len = snprintf(part->path, sizeof part->path, "%s.part-XXXXXX", to);
    if (len < 0 || (size_t)len >= sizeof part->path || mkdtemp(part->path) == NULL) {
        part->path[0] = 0;
        return ps_fail_errno(PS_E_STORAGE, "%s: making it", to);
    }
    return chmod(part->path, 0755) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s: making it", to);
}

static enum ps_err finish_part(const struct exporting *exporting, struct part *part, const char *to)
{
    PS_TRY(sync_all(exporting, part->path));
    if (rename(part->path, to) != 0) {
        return ps_fail_errno(errno == EEXIST || errno == ENOTEMPTY ? PS_E_CONFLICT : PS_E_STORAGE,
                             "%s: giving it its name", to);
    }
    part->path[0] = 0;
    return sync_all(exporting, to); /* its name too */
}

enum ps_err log_archive(const char *from, struct ps_bytes shard, const char *to)
{
    PS_CLEANUP(part_clear) struct part part = {.path = ""};
    PS_BUF_AUTO manifest = {.max = LOG_MANIFEST_MAX};
    PS_CLEANUP(exporting_clear)
    struct exporting exporting = {.from_fd = -1, .to_fd = -1, .only = shard, .manifest = &manifest};

    if (!log_shard_name_valid(shard)) {
        return ps_fail(PS_E_INPUT, 0, "a shard is named as in 2026-11-0001");
    }
    PS_TRY(open_from(from, &exporting));
    PS_TRY(make_part(to, &part));
    PS_TRY(open_to(part.path, &exporting));
    PS_TRY(export_all(&exporting));
    if (!exporting.found) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no shard use/%.*s", PS_BYTES_FMT(shard));
    }
    PS_TRY(ps_buf_status(&manifest));
    PS_TRY(write_octets(exporting.to_fd, LOG_MANIFEST, ps_buf_bytes(&manifest)));
    return finish_part(&exporting, &part, to);
}
