#include "lib/ceremony/log/files.h"

#include "lib/base/reader.h"
#include "lib/ceremony/log/leaf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Holds the longest leaf and is a good size for one read. */
#define PIECE      (2u * LOG_LEAF_MAX)
#define OFFSET_LEN 8u

static const char *const derived_names[LOG_DERIVED_FILES] = {
    "offsets", "hashes.0", "hashes.1", "hashes.2", "hashes.3", "hashes.4",
};

struct log_files {
    int dir_fd;
    char label[64];
    bool exported;
    bool pruned;
    uint64_t expected;

    /* Own layout: lengths as they were at the start, those of derived files before the record's. */
    int derived[LOG_DERIVED_FILES];
    uint64_t lengths[LOG_DERIVED_FILES];

    /* The record, or a bundle: a window on it. */
    int fd;
    char name[96];   /* of the open file */
    uint64_t end;    /* its length */
    uint64_t offset; /* of data[at] */
    uint64_t leaf;   /* index of the next leaf */
    size_t at;
    size_t have;
    uint8_t data[PIECE];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

void log_files_free(struct log_files *files)
{
    if (files == NULL) {
        return;
    }
    close_fd(&files->fd);
    for (unsigned file = 0; file < LOG_DERIVED_FILES; file++) {
        close_fd(&files->derived[file]);
    }
    close_fd(&files->dir_fd);
    free(files);
}

bool log_files_pruned(const struct log_files *files)
{
    return files->pruned;
}

bool log_files_exported(const struct log_files *files)
{
    return files->exported;
}

const char *log_files_label(const struct log_files *files)
{
    return files->label;
}

static enum ps_err failed(const struct log_files *files, const char *name)
{
    return ps_fail_errno(PS_E_STORAGE, "%s/%s", files->label, name);
}

/* *ret_fd is -1 when there is no such file. */
static enum ps_err open_file(const struct log_files *files, const char *name, int *ret_fd,
                             uint64_t *ret_length)
{
    const int fd = openat(files->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;

    *ret_fd = -1;
    *ret_length = 0;
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? PS_OK : failed(files, name);
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        return ps_fail(PS_E_STORAGE, 0, "%s/%s is not a regular file", files->label, name);
    }
    *ret_fd = fd;
    *ret_length = (uint64_t)status.st_size;
    return PS_OK;
}

static enum ps_err read_at(const struct log_files *files, const char *name, int fd, void *to,
                           size_t len, uint64_t offset, size_t *ret_got)
{
    size_t done = 0;

    while (done < len) {
        const ssize_t got = pread(fd, (uint8_t *)to + done, len - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failed(files, name);
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_got = done;
    return PS_OK;
}

static enum ps_err open_own(struct log_files *files)
{
    for (unsigned file = 0; file < LOG_DERIVED_FILES; file++) {
        PS_TRY(open_file(files, derived_names[file], &files->derived[file], &files->lengths[file]));
    }
    (void)snprintf(files->name, sizeof files->name, "entries");
    return open_file(files, files->name, &files->fd, &files->end);
}

static enum ps_err open_layout(struct log_files *files, const char *tree)
{
    struct stat status;

    if (files->dir_fd < 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? ps_fail(PS_E_NOT_FOUND, 0, "no directory %s", tree)
                   : ps_fail_errno(PS_E_STORAGE, "%s", tree);
    }
    PS_TRY(open_own(files));
    if (files->fd >= 0) {
        return PS_OK;
    }
    files->exported = true;
    files->pruned = fstatat(files->dir_fd, "tile", &status, 0) != 0;
    if (files->pruned && fstatat(files->dir_fd, "checkpoint", &status, 0) != 0) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no tree in the directory %s", tree);
    }
    return PS_OK;
}

enum ps_err log_files_open(int top_fd, const char *tree, const char *label,
                           struct log_files **ret_files)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = calloc(1, sizeof *files);

    if (files == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    files->fd = -1;
    for (unsigned file = 0; file < LOG_DERIVED_FILES; file++) {
        files->derived[file] = -1;
    }
    (void)snprintf(files->label, sizeof files->label, "%s", label);
    files->dir_fd = openat(top_fd, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    PS_TRY(open_layout(files, tree));
    *ret_files = files;
    files = NULL;
    return PS_OK;
}

enum ps_err log_files_read_checkpoint(const struct log_files *files, struct ps_buf *out)
{
    return log_files_read_note(files, "checkpoint", out);
}

enum ps_err log_files_read_note(const struct log_files *files, const char *name, struct ps_buf *out)
{
    uint64_t length;
    uint8_t *to;
    size_t got;
    PS_CLEANUP(close_fd) int fd = -1;

    PS_TRY(open_file(files, name, &fd, &length));
    if (fd < 0) {
        return PS_OK;
    }
    to = ps_buf_reserve(out, LOG_NOTE_MAX + 1);
    if (to == NULL) {
        return ps_buf_status(out);
    }
    PS_TRY(read_at(files, name, fd, to, LOG_NOTE_MAX + 1, 0, &got));
    if (got > LOG_NOTE_MAX) {
        return ps_fail(PS_E_INPUT, 0, "longer than a checkpoint is");
    }
    ps_buf_commit(out, got);
    return PS_OK;
}

static bool is_witnessed(const char *name)
{
    const size_t prefix = strlen(LOG_WITNESSED_PREFIX);

    return strncmp(name, LOG_WITNESSED_PREFIX, prefix) == 0 && strlen(name) == prefix + 8 &&
           strspn(name + prefix, "0123456789abcdef") == 8;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static enum ps_err add_name(struct log_file_names *names, const char *name)
{
    if (!is_witnessed(name)) {
        return PS_OK;
    }
    if (names->count == LOG_FILE_NAMES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u files " LOG_WITNESSED_PREFIX "<id>",
                       LOG_FILE_NAMES_MAX);
    }
    (void)snprintf(names->items[names->count++], sizeof names->items[0], "%s", name);
    return PS_OK;
}

enum ps_err log_files_list_witnessed(const struct log_files *files,
                                     struct log_file_names *ret_names)
{
    const int fd = openat(files->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    enum ps_err err = PS_OK;

    *ret_names = (struct log_file_names){.count = 0};
    if (directory == NULL) {
        err = failed(files, ".");
        if (fd >= 0) {
            (void)close(fd);
        }
        return err;
    }
    while (err == PS_OK && (entry = readdir(directory)) != NULL) {
        err = add_name(ret_names, entry->d_name);
    }
    (void)closedir(directory);
    qsort(ret_names->items, ret_names->count, sizeof ret_names->items[0], by_name);
    return err;
}

void log_files_expect(struct log_files *files, uint64_t size)
{
    files->expected = size;
}

static void set_place(const struct log_files *files, const char *name, uint64_t offset,
                      struct log_place *ret_place)
{
    struct log_place place = {.offset = offset};

    (void)snprintf(place.file, sizeof place.file, "%s%s%s", files->label,
                   files->label[0] == '\0' ? "" : "/", name);
    *ret_place = place;
}

static unsigned width_of(uint64_t count, uint64_t tile)
{
    const uint64_t left = count - tile * TILES_WIDTH;

    return left < TILES_WIDTH ? (unsigned)left : TILES_WIDTH;
}

static enum ps_err path_of(unsigned level, uint64_t index, unsigned width, char out[96])
{
    PS_BUF_AUTO path;

    ps_buf_init(&path, 95);
    tiles_put_path(level, index, width, &path);
    PS_TRY(ps_buf_status(&path));
    memcpy(out, path.data, path.len);
    out[path.len] = '\0';
    return PS_OK;
}

/* Export: at the beginning of each bundle. *ret_step stays when the leaf may be read. */
static enum ps_err open_bundle(struct log_files *files, enum log_step *ret_step)
{
    const uint64_t bundle = files->leaf / TILES_WIDTH;

    if (files->offset != files->end) {
        *ret_step = LOG_STEP_SURPLUS;
        return PS_OK;
    }
    if (files->leaf >= files->expected) {
        *ret_step = LOG_STEP_END;
        return PS_OK;
    }
    close_fd(&files->fd);
    PS_TRY(path_of(TILES_ENTRIES, bundle, width_of(files->expected, bundle), files->name));
    PS_TRY(open_file(files, files->name, &files->fd, &files->end));
    files->offset = 0;
    files->at = 0;
    files->have = 0;
    if (files->fd < 0) {
        *ret_step = LOG_STEP_ABSENT;
    }
    return PS_OK;
}

/* Makes `count` octets readable, or all that there are. */
static enum ps_err fill(struct log_files *files, size_t count)
{
    const size_t have = files->have - files->at;
    const uint64_t next = files->offset + have;
    size_t want = PIECE - have;
    size_t got;

    if (have >= count) {
        return PS_OK;
    }
    memmove(files->data, files->data + files->at, have);
    files->at = 0;
    files->have = have;
    if (want > files->end - next) {
        want = (size_t)(files->end - next);
    }
    PS_TRY(read_at(files, files->name, files->fd, files->data + have, want, next, &got));
    files->have += got;
    return PS_OK;
}

/* The next octet of which anything is stored; before it are zeros. `end`: there is none. */
static uint64_t skip_hole(int fd, uint64_t at, uint64_t end)
{
    const off_t stored = lseek(fd, (off_t)at, SEEK_DATA);

    if (stored < 0) {
        return errno == ENXIO ? end : at; /* not every file system can say */
    }
    return (uint64_t)stored < end ? (uint64_t)stored : end;
}

/* Whether a file has nothing but zeros between two octets, or up to its end. */
static enum ps_err is_empty(const struct log_files *files, const char *name, int fd, uint64_t from,
                            uint64_t end, bool *ret_empty)
{
    uint8_t piece[4096];
    size_t got = 1;

    for (uint64_t at = skip_hole(fd, from, end); at < end && got != 0;
         at = skip_hole(fd, at + got, end)) {
        PS_TRY(read_at(files, name, fd, piece,
                       end - at < sizeof piece ? (size_t)(end - at) : sizeof piece, at, &got));
        for (size_t i = 0; i < got; i++) {
            if (piece[i] != 0) {
                *ret_empty = false;
                return PS_OK;
            }
        }
    }
    *ret_empty = true;
    return PS_OK;
}

/* A length of zero ends the leaves; what is behind it is room for more, or should not be there. */
static enum ps_err look_behind(const struct log_files *files, enum log_step *ret_step)
{
    bool empty = false;

    if (!files->exported) {
        PS_TRY(is_empty(files, files->name, files->fd, files->offset, files->end, &empty));
    }
    *ret_step = empty ? LOG_STEP_ROOM : LOG_STEP_NO_LEAF;
    return PS_OK;
}

static enum ps_err take_leaf(struct log_files *files, enum log_step *ret_step,
                             struct ps_bytes *ret_leaf)
{
    size_t len;

    PS_TRY(fill(files, 2));
    if (files->have == files->at) {
        *ret_step = files->exported ? LOG_STEP_UNFINISHED : LOG_STEP_END;
        return PS_OK;
    }
    if (files->have - files->at < 2) {
        const bool is_room = !files->exported && files->data[files->at] == 0;

        *ret_step = is_room ? LOG_STEP_ROOM : LOG_STEP_UNFINISHED;
        return PS_OK;
    }
    len = (size_t)files->data[files->at] << 8 | files->data[files->at + 1];
    if (len == 0) {
        return look_behind(files, ret_step);
    }
    if (len > LOG_LEAF_MAX) {
        *ret_step = LOG_STEP_NO_LEAF;
        return PS_OK;
    }
    PS_TRY(fill(files, 2 + len));
    if (files->have - files->at < 2 + len) {
        *ret_step = LOG_STEP_UNFINISHED;
        return PS_OK;
    }
    if (memchr(files->data + files->at + 2, 0, len) != NULL) {
        *ret_step = LOG_STEP_NO_LEAF;
        return PS_OK;
    }
    *ret_leaf = ps_bytes(files->data + files->at + 2, len);
    files->at += 2 + len;
    files->offset += 2 + len;
    files->leaf++;
    return PS_OK;
}

enum ps_err log_files_next(struct log_files *files, enum log_step *ret_step,
                           struct ps_bytes *ret_leaf, struct log_place *ret_place)
{
    enum log_step step = LOG_STEP_LEAF;

    if (files->exported && (files->leaf % TILES_WIDTH == 0 || files->leaf >= files->expected)) {
        PS_TRY(open_bundle(files, &step));
    }
    set_place(files, files->name, files->offset, ret_place);
    if (step == LOG_STEP_LEAF) {
        PS_TRY(take_leaf(files, &step, ret_leaf));
    }
    *ret_step = step;
    return PS_OK;
}

static enum ps_err read_own_tile(const struct log_files *files, unsigned level, uint64_t index,
                                 unsigned width, struct merkle_hash *ret_hashes, size_t *ret_got,
                                 struct log_place *ret_place)
{
    const char *name = derived_names[1 + level];
    const uint64_t from = index * TILES_WIDTH * PS_SHA256_LEN;

    set_place(files, name, from, ret_place);
    *ret_got = 0;
    return files->derived[1 + level] < 0
               ? PS_OK
               : read_at(files, name, files->derived[1 + level], ret_hashes,
                         width * sizeof ret_hashes[0], from, ret_got);
}

static enum ps_err read_exported_tile(const struct log_files *files, unsigned level, uint64_t index,
                                      unsigned width, struct merkle_hash *ret_hashes,
                                      size_t *ret_got, struct log_place *ret_place)
{
    char name[96];
    uint64_t length;
    PS_CLEANUP(close_fd) int fd = -1;

    PS_TRY(path_of(level, index, width, name));
    set_place(files, name, 0, ret_place);
    *ret_got = 0;
    PS_TRY(open_file(files, name, &fd, &length));
    if (fd < 0 || length != width * sizeof ret_hashes[0]) {
        return PS_OK;
    }
    return read_at(files, name, fd, ret_hashes, width * sizeof ret_hashes[0], 0, ret_got);
}

enum ps_err log_files_read_tile(const struct log_files *files, unsigned level, uint64_t index,
                                unsigned width, struct merkle_hash *ret_hashes, unsigned *ret_got,
                                struct log_place *ret_place)
{
    size_t got;

    if (files->exported) {
        PS_TRY(read_exported_tile(files, level, index, width, ret_hashes, &got, ret_place));
    } else {
        PS_TRY(read_own_tile(files, level, index, width, ret_hashes, &got, ret_place));
    }
    *ret_got = (unsigned)(got / sizeof ret_hashes[0]);
    return PS_OK;
}

enum ps_err log_files_read_offset(const struct log_files *files, uint64_t index, bool *ret_stored,
                                  uint64_t *ret_offset, struct log_place *ret_place)
{
    uint8_t octets[OFFSET_LEN];
    struct ps_reader reader = ps_reader(ps_bytes(octets, sizeof octets));
    size_t got = 0;

    set_place(files, derived_names[0], index * OFFSET_LEN, ret_place);
    if (files->derived[0] >= 0) {
        PS_TRY(read_at(files, derived_names[0], files->derived[0], octets, sizeof octets,
                       index * OFFSET_LEN, &got));
    }
    *ret_stored = got == sizeof octets;
    *ret_offset = ps_reader_u64(&reader);
    return PS_OK;
}

static enum ps_err has_tile(const struct log_files *files, uint64_t index, unsigned width,
                            bool *ret_has)
{
    char name[96];

    PS_TRY(path_of(0, index, width, name));
    *ret_has = faccessat(files->dir_fd, name, F_OK, 0) == 0;
    return PS_OK;
}

enum ps_err log_files_find_size(const struct log_files *files, uint64_t least, uint64_t *ret_size)
{
    uint64_t tile = least / TILES_WIDTH;
    bool has = files->exported;

    *ret_size = least;
    if (!files->exported) {
        return PS_OK;
    }
    for (; has; tile++) {
        PS_TRY(has_tile(files, tile, TILES_WIDTH, &has));
        if (has) {
            *ret_size = (tile + 1) * TILES_WIDTH;
        }
    }
    tile--;
    for (unsigned width = 1; width < TILES_WIDTH && !has; width++) {
        PS_TRY(has_tile(files, tile, width, &has));
        if (has && tile * TILES_WIDTH + width > *ret_size) {
            *ret_size = tile * TILES_WIDTH + width;
        }
    }
    return PS_OK;
}

enum ps_err log_files_seek(struct log_files *files, uint64_t index)
{
    struct log_place place;
    uint64_t offset = 0;
    bool stored = true;

    if (!files->exported) {
        PS_TRY(log_files_read_offset(files, index, &stored, &offset, &place));
        if (!stored || offset > files->end) {
            return ps_fail(PS_E_INPUT, 0, "%s does not say where bundle %llu begins", place.file,
                           (unsigned long long)index);
        }
        files->offset = offset;
    } else {
        files->offset = files->end; /* of no bundle: the next one is opened */
    }
    files->leaf = index * TILES_WIDTH;
    files->at = 0;
    files->have = 0;
    return PS_OK;
}

enum ps_err log_files_find_surplus(const struct log_files *files, unsigned file, uint64_t from,
                                   struct log_surplus *ret_surplus, struct log_place *ret_place)
{
    bool empty;

    set_place(files, derived_names[file], from, ret_place);
    PS_TRY(is_empty(files, derived_names[file], files->derived[file], from, files->lengths[file],
                    &empty));
    *ret_surplus = (struct log_surplus){.any = files->lengths[file] > from, .content = !empty};
    return PS_OK;
}
