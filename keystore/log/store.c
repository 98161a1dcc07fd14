#include "keystore/log/store.h"

#include "lib/base/reader.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DIRECTORY_MODE 0750
#define FILE_MODE      0640
#define OFFSET_LEN     8u
/*
 * No times: the kernel gives the next write a fine-grained time of its own to whoever looked at the
 * last one, and then the inode is written with each sync (ext4: 70 us of 210).
 */
#define ASKED (STATX_TYPE | STATX_INO | STATX_SIZE)

static const char *const file_names[STORE_FILES] = {
    "entries", "offsets", "hashes.0", "hashes.1", "hashes.2", "hashes.3", "hashes.4",
};

const char *store_file_name(unsigned file)
{
    assert(file < STORE_FILES);
    return file_names[file];
}

uint64_t store_bundles(uint64_t size)
{
    return (size + TILES_WIDTH - 1) / TILES_WIDTH;
}

static char *join(const char *first, const char *second)
{
    char *text = NULL;

    if (asprintf(&text, "%s%s%s", first, second[0] == '\0' ? "" : "/", second) < 0) {
        return NULL;
    }
    return text;
}

static enum ps_err new_store(const struct store_place *place, struct store **ret_store)
{
    PS_CLEANUP(store_free_cleanup) struct store *store = calloc(1, sizeof *store);

    if (store == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    store->io = place->io;
    store->dir_fd = -1;
    for (unsigned file = 0; file < STORE_FILES; file++) {
        store->fds[file] = -1;
    }
    assert(strlen(place->name) <= TREE_NAME_MAX);
    memcpy(store->name, place->name, strlen(place->name));
    store->path = join(place->directory, place->name);
    store->label = join(place->log, place->name);
    if (store->path == NULL || store->label == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_store = store;
    store = NULL;
    return PS_OK;
}

void store_free(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (unsigned file = 0; file < STORE_FILES; file++) {
        if (store->fds[file] >= 0) {
            (void)close(store->fds[file]);
        }
    }
    if (store->dir_fd >= 0) {
        (void)close(store->dir_fd);
    }
    free(store->path);
    free(store->label);
    free(store);
}

static enum ps_err open_directory(struct store *store, bool create)
{
    if (create && mkdir(store->path, DIRECTORY_MODE) == 0) {
        PS_TRY(io_sync_parent(store->path));
    } else if (create && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "%s: making it", store->path);
    }
    store->dir_fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->dir_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", store->path);
    }
    return PS_OK;
}

static struct file_id id_of(const struct statx *status)
{
    return (struct file_id){.device = makedev(status->stx_dev_major, status->stx_dev_minor),
                            .inode = status->stx_ino};
}

/* `use`: O_RDONLY, O_RDWR, or that with O_CREAT. */
static enum ps_err open_file(struct store *store, unsigned file, int use)
{
    const char *name = file_names[file];
    struct statx status;
    int fd = openat(store->dir_fd, name, use | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, FILE_MODE);

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", store->label, name);
    }
    store->fds[file] = fd;
    if (statx(fd, "", AT_EMPTY_PATH, ASKED, &status) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", store->label, name);
    }
    if (!S_ISREG(status.stx_mode)) {
        return ps_fail(PS_E_INPUT, 0, "%s/%s: not a regular file", store->label, name);
    }
    store->ids[file] = id_of(&status);
    return PS_OK;
}

/* True when the record may be made: nothing else says that there was a tree. */
static bool is_new(const struct store *store)
{
    static const char *const traces[] = {"checkpoint", "offsets", "hashes.0"};
    struct stat status;

    for (size_t i = 0; i < PS_COUNT_OF(traces); i++) {
        if (fstatat(store->dir_fd, traces[i], &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_size != 0) {
            return false;
        }
    }
    return true;
}

enum ps_err store_open(const struct store_place *place, bool create, struct store **ret_store)
{
    PS_CLEANUP(store_free_cleanup) struct store *store = NULL;
    bool made = false;

    PS_TRY(new_store(place, &store));
    PS_TRY(open_directory(store, create));
    if (create && faccessat(store->dir_fd, "entries", F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        if (!is_new(store)) {
            return ps_fail(PS_E_INPUT, 0, "%s/entries is missing, and there was a tree",
                           store->label);
        }
        made = true;
    }
    for (unsigned file = 0; file < STORE_FILES; file++) {
        /* What follows from the record is made anew; the record itself only in a new tree. */
        const bool may_make = file == STORE_ENTRIES ? made : create;

        PS_TRY(open_file(store, file, O_RDWR | (may_make ? O_CREAT : 0)));
    }
    if (create && fsync(store->dir_fd) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s: syncing", store->label);
    }
    *ret_store = store;
    store = NULL;
    return PS_OK;
}

/* The checkpoint says what was there; without it nothing explains that the record is gone. */
static bool was_pruned(const struct store *store)
{
    struct stat status;

    return fstatat(store->dir_fd, file_names[STORE_ENTRIES], &status, AT_SYMLINK_NOFOLLOW) != 0 &&
           errno == ENOENT &&
           fstatat(store->dir_fd, "checkpoint", &status, AT_SYMLINK_NOFOLLOW) == 0;
}

enum ps_err store_open_complete(const struct store_place *place, struct store **ret_store)
{
    PS_CLEANUP(store_free_cleanup) struct store *store = NULL;

    PS_TRY(new_store(place, &store));
    PS_TRY(open_directory(store, false));
    store->pruned = was_pruned(store);
    for (unsigned file = 0; file < STORE_FILES && !store->pruned; file++) {
        PS_TRY(open_file(store, file, O_RDONLY));
    }
    *ret_store = store;
    store = NULL;
    return PS_OK;
}

static enum ps_err remove_file(const struct store *store, unsigned file)
{
    if (unlinkat(store->dir_fd, file_names[file], 0) != 0 && errno != ENOENT) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s: removing it", store->label, file_names[file]);
    }
    return PS_OK;
}

enum ps_err store_prune(const struct store *store)
{
    for (unsigned file = 0; file < STORE_FILES; file++) {
        PS_TRY(remove_file(store, file));
        if ((file == STORE_ENTRIES || file + 1 == STORE_FILES) && fsync(store->dir_fd) != 0) {
            return ps_fail_errno(PS_E_STORAGE, "%s: syncing", store->label);
        }
    }
    return PS_OK;
}

static enum ps_err is_gone(const struct store *store)
{
    return ps_fail(PS_E_NOT_FOUND, 0, "%s was pruned: its leaves are in its archive", store->label);
}

enum ps_err store_length(const struct store *store, unsigned file, uint64_t *ret_octets)
{
    struct statx status;

    if (statx(store->fds[file], "", AT_EMPTY_PATH, ASKED, &status) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", store->label, file_names[file]);
    }
    *ret_octets = status.stx_size;
    return PS_OK;
}

/* By the whole path: moving a directory above away is noticed too. */
static enum ps_err check_file(const struct store *store, unsigned file, uint64_t *ret_octets)
{
    const size_t directory_len = strlen(store->path);
    const size_t name_size = strlen(file_names[file]) + 1;
    char path[4096];
    struct statx status;
    struct file_id id;

    if (directory_len + 1 + name_size > sizeof path) {
        return ps_fail(PS_E_STORAGE, 0, "%s: path too long", store->label);
    }
    memcpy(path, store->path, directory_len);
    path[directory_len] = '/';
    memcpy(path + directory_len + 1, file_names[file], name_size);
    if (statx(AT_FDCWD, path, 0, ASKED, &status) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s was removed", store->label, file_names[file]);
    }
    id = id_of(&status);
    if (id.device != store->ids[file].device || id.inode != store->ids[file].inode) {
        return ps_fail(PS_E_STORAGE, 0, "%s/%s was replaced", store->label, file_names[file]);
    }
    *ret_octets = status.stx_size;
    return PS_OK;
}

static enum ps_err compare_length(const struct store *store, uint64_t found, uint64_t octets)
{
    if (found != octets) {
        return ps_fail(PS_E_STORAGE, 0, "%s/entries has %llu octets instead of %llu", store->label,
                       (unsigned long long)found, (unsigned long long)octets);
    }
    return PS_OK;
}

enum ps_err store_check_length(const struct store *store, uint64_t octets)
{
    uint64_t found;

    PS_TRY(store_length(store, STORE_ENTRIES, &found));
    return compare_length(store, found, octets);
}

enum ps_err store_check_record(const struct store *store, uint64_t octets)
{
    uint64_t found;

    PS_TRY(check_file(store, STORE_ENTRIES, &found));
    return compare_length(store, found, octets);
}

enum ps_err store_check_files(const struct store *store)
{
    for (unsigned file = 0; file < STORE_FILES; file++) {
        uint64_t octets;

        PS_TRY(check_file(store, file, &octets));
    }
    return PS_OK;
}

enum ps_err store_sync_derived(const struct store *store)
{
    for (unsigned file = STORE_OFFSETS; file < STORE_FILES; file++) {
        PS_TRY(io_sync(store->io, store->fds[file], store->label, file_names[file]));
    }
    return PS_OK;
}

uint64_t store_expected_length(unsigned file, uint64_t size)
{
    assert(file != STORE_ENTRIES && file < STORE_FILES);
    return file == STORE_OFFSETS ? store_bundles(size) * OFFSET_LEN
                                 : tiles_count(size, file - STORE_HASHES) * PS_SHA256_LEN;
}

enum ps_err store_cut(const struct store *store, uint64_t size, uint64_t octets)
{
    for (unsigned file = 0; file < STORE_FILES; file++) {
        const uint64_t length = file == STORE_ENTRIES ? octets : store_expected_length(file, size);
        uint64_t found;

        PS_TRY(store_length(store, file, &found));
        if (found > length && ftruncate(store->fds[file], (off_t)length) != 0) {
            return ps_fail_errno(PS_E_STORAGE, "%s/%s: cutting", store->label, file_names[file]);
        }
        PS_TRY(io_sync(store->io, store->fds[file], store->label, file_names[file]));
    }
    return PS_OK;
}

enum ps_err store_read_hashes(const struct store *store, unsigned level, uint64_t from,
                              unsigned count, struct merkle_hash *ret_hashes)
{
    const size_t len = count * sizeof ret_hashes[0];
    size_t got;

    if (store->pruned) {
        return is_gone(store);
    }
    PS_TRY(io_read(store->fds[STORE_HASHES + level], ret_hashes, len, from * PS_SHA256_LEN,
                   store->label, file_names[STORE_HASHES + level], &got));
    if (got != len) {
        return ps_fail(PS_E_STORAGE, 0, "%s/hashes.%u ends before hash %llu", store->label, level,
                       (unsigned long long)(from + got / PS_SHA256_LEN));
    }
    return PS_OK;
}

enum ps_err store_read_offset(const struct store *store, uint64_t index, uint64_t *ret_offset)
{
    uint8_t octets[OFFSET_LEN];
    struct ps_reader reader = ps_reader(ps_bytes(octets, sizeof octets));
    size_t got;

    if (store->pruned) {
        return is_gone(store);
    }
    PS_TRY(io_read(store->fds[STORE_OFFSETS], octets, sizeof octets, index * OFFSET_LEN,
                   store->label, "offsets", &got));
    if (got != sizeof octets) {
        return ps_fail(PS_E_STORAGE, 0, "%s/offsets ends before bundle %llu", store->label,
                       (unsigned long long)index);
    }
    *ret_offset = ps_reader_u64(&reader);
    return PS_OK;
}

enum ps_err store_write_derived(const struct store *store, uint64_t size,
                                const struct ps_buf cells[TILES_LEVELS],
                                const struct ps_buf *offsets)
{
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        PS_TRY(ps_buf_status(&cells[level]));
        PS_TRY(io_write(store->io, store->fds[STORE_HASHES + level], ps_buf_bytes(&cells[level]),
                        tiles_count(size, level) * PS_SHA256_LEN, store->label,
                        file_names[STORE_HASHES + level]));
    }
    PS_TRY(ps_buf_status(offsets));
    return io_write(store->io, store->fds[STORE_OFFSETS], ps_buf_bytes(offsets),
                    store_bundles(size) * OFFSET_LEN, store->label, "offsets");
}
