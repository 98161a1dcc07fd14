#include "keystore/backup/mirror_files.h"

#include "keystore/log/io.h"
#include "lib/ceremony/log/files.h"
#include "lib/formats/tlog/note.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE    "events"
#define ENTRIES "entries"
#define NOTE    "checkpoint"
#define PART    "checkpoint.part"

struct mirror_files {
    int top_fd;
    int dir_fd; /* of TREE; locked */
    int fd;     /* of ENTRIES */
    uint64_t end;
    uint64_t signed_end; /* of what the checkpoint covers, as it was found */
};

void mirror_files_free(struct mirror_files *files)
{
    if (files == NULL) {
        return;
    }
    if (files->fd >= 0) {
        (void)close(files->fd);
    }
    if (files->dir_fd >= 0) {
        (void)close(files->dir_fd);
    }
    if (files->top_fd >= 0) {
        (void)close(files->top_fd);
    }
    free(files);
}

/* The keeper's own log is locked by itself: a mirror there would write into what it mirrors. */
static enum ps_err open_tree(struct mirror_files *files)
{
    if (mkdirat(files->top_fd, TREE, 0700) == 0) {
        PS_TRY(io_sync(&log_io_system, files->top_fd, "mirror", TREE)); /* its name */
    } else if (errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make `" TREE "` in it");
    }
    files->dir_fd = openat(files->top_fd, TREE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (files->dir_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open `" TREE "` in it");
    }
    if (flock(files->dir_fd, LOCK_EX | LOCK_NB) != 0) {
        return ps_fail_errno(PS_E_BUSY, "somebody has it open");
    }
    if (faccessat(files->dir_fd, "tile", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return ps_fail(PS_E_CONFLICT, 0,
                       "there is a copy in it that `log fetch` or `log export` has made: name a "
                       "directory of its own");
    }
    return PS_OK;
}

static enum ps_err open_entries(struct mirror_files *files)
{
    struct stat status;

    files->fd = openat(files->dir_fd, ENTRIES, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (files->fd < 0 || fstat(files->fd, &status) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open `" TREE "/" ENTRIES "` in it");
    }
    return S_ISREG(status.st_mode)
               ? PS_OK
               : ps_fail(PS_E_STORAGE, 0, "`" TREE "/" ENTRIES "` in it is no file");
}

/* --- What is there --- */

struct reading {
    struct log_files *log;
    struct ps_buf note;
    struct checkpoint checkpoint; /* of no leaves, if there is none */
    struct merkle_edge edge;
};

static void clear_reading(struct reading *reading)
{
    log_files_free(reading->log);
    ps_buf_clear(&reading->note);
}

static enum ps_err read_note(struct reading *reading)
{
    reading->checkpoint = (struct checkpoint){.root = merkle_empty_root()};
    PS_TRY(log_files_read_checkpoint(reading->log, &reading->note));
    return reading->note.len == 0
               ? PS_OK
               : checkpoint_peek(ps_buf_bytes(&reading->note), &reading->checkpoint);
}

static enum ps_err fail_damaged(uint64_t at)
{
    return ps_fail(PS_E_INPUT, 0,
                   "it is damaged at or before entry %" PRIu64
                   ": its leaves are not those of its checkpoint. Move it away: it is made anew",
                   at);
}

static enum ps_err read_leaves(struct mirror_files *files, struct reading *reading)
{
    struct log_place place;
    struct ps_bytes leaf;
    enum log_step step;
    struct merkle_hash root = merkle_empty_root();

    for (;;) {
        if (reading->edge.size == reading->checkpoint.size) {
            root = merkle_edge_root(&reading->edge);
            files->signed_end = files->end;
        }
        PS_TRY(log_files_next(reading->log, &step, &leaf, &place));
        if (step != LOG_STEP_LEAF) {
            break;
        }
        merkle_edge_append(&reading->edge, merkle_leaf_hash(leaf));
        files->end = place.offset + 2 + leaf.len;
    }
    if (reading->edge.size < reading->checkpoint.size ||
        memcmp(&root, &reading->checkpoint.root, sizeof root) != 0) {
        return fail_damaged(reading->edge.size < reading->checkpoint.size
                                ? reading->edge.size
                                : reading->checkpoint.size);
    }
    return PS_OK;
}

static enum ps_err read_tree(struct mirror_files *files, struct mirror_found *ret_found)
{
    PS_CLEANUP(clear_reading) struct reading reading = {.note = {.max = LOG_NOTE_MAX + 1}};

    PS_TRY(log_files_open(files->top_fd, TREE, TREE, &reading.log));
    PS_TRY(read_note(&reading));
    PS_TRY(read_leaves(files, &reading));
    *ret_found = (struct mirror_found){.leaves = reading.edge.size,
                                       .root = merkle_edge_root(&reading.edge),
                                       .signed_leaves = reading.checkpoint.size,
                                       .signed_root = reading.checkpoint.root};
    return PS_OK;
}

/* What is behind the last whole leaf: a piece of one, or room that the keeper's own log has. */
static enum ps_err cut_at(struct mirror_files *files, uint64_t end)
{
    if (ftruncate(files->fd, (off_t)end) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot cut `" TREE "/" ENTRIES "` of it");
    }
    files->end = end;
    return PS_OK;
}

enum ps_err mirror_files_open(const char *directory, struct mirror_files **ret_files,
                              struct mirror_found *ret_found)
{
    PS_CLEANUP(mirror_files_free_cleanup) struct mirror_files *files = calloc(1, sizeof *files);

    if (files == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    files->dir_fd = -1;
    files->fd = -1;
    files->top_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->top_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open it");
    }
    PS_TRY(open_tree(files));
    PS_TRY(open_entries(files));
    PS_TRY(read_tree(files, ret_found));
    *ret_files = files;
    files = NULL;
    return PS_OK;
}

enum ps_err mirror_files_cut(struct mirror_files *files)
{
    return cut_at(files, files->signed_end);
}

/* --- More of it --- */

enum ps_err mirror_files_append(struct mirror_files *files, struct ps_bytes leaves)
{
    PS_TRY(cut_at(files, files->end));
    PS_TRY(io_write(&log_io_system, files->fd, leaves, files->end, "mirror", ENTRIES));
    PS_TRY(io_sync(&log_io_system, files->fd, "mirror", ENTRIES));
    files->end += leaves.len;
    return PS_OK;
}

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static enum ps_err write_part(const struct mirror_files *files, struct ps_bytes note)
{
    PS_CLEANUP(close_fd)
    int fd =
        openat(files->dir_fd, PART, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot write its checkpoint");
    }
    PS_TRY(io_write(&log_io_system, fd, note, 0, "mirror", PART));
    return io_sync(&log_io_system, fd, "mirror", PART);
}

enum ps_err mirror_files_sign(struct mirror_files *files, struct ps_bytes note)
{
    PS_TRY(write_part(files, note));
    if (renameat(files->dir_fd, PART, files->dir_fd, NOTE) != 0 || fsync(files->dir_fd) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot write its checkpoint");
    }
    return PS_OK;
}
