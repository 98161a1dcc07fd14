#include "pkcs11/module/store_copy.h"

#include "lib/base/buf.h"
#include "lib/base/line.h"
#include "pkcs11/module/store_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_OCTETS_MAX = 65536 };

/* What is done in the directory of one token. */
typedef enum ps_err visit_fn(int directory, const char *file, void *context);

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void close_stream(DIR **stream)
{
    if (*stream != NULL) {
        (void)closedir(*stream);
    }
}

static enum ps_err failed(const char *what)
{
    return ps_fail_errno(PS_E_STORAGE, "%s of a token's file", what);
}

/* A file that is not there is as an empty one. */
static enum ps_err read_file(int directory, const char *name, struct ps_buf *out)
{
    PS_CLEANUP(close_fd)
    const int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    uint8_t octets[4096];
    ssize_t got;

    if (fd < 0) {
        return errno == ENOENT ? PS_OK : failed("reading");
    }
    while ((got = read(fd, octets, sizeof octets)) != 0) {
        if (got > 0) {
            ps_buf_put(out, ps_bytes(octets, (size_t)got));
        } else if (errno != EINTR) {
            return failed("reading");
        }
        PS_TRY(ps_buf_status(out));
    }
    return PS_OK;
}

static enum ps_err write_octets(int fd, struct ps_bytes octets)
{
    while (octets.len != 0) {
        const ssize_t put = write(fd, octets.data, octets.len);

        if (put < 0 && errno != EINTR) {
            return failed("writing a copy");
        }
        octets.data += put > 0 ? put : 0;
        octets.len -= put > 0 ? (size_t)put : 0;
    }
    return fsync(fd) == 0 ? PS_OK : failed("syncing a copy");
}

/* Whole or not at all, whatever happens meanwhile. */
static enum ps_err replace_file(int directory, const char *name, struct ps_bytes octets)
{
    PS_CLEANUP(close_fd) int fd = -1;
    char fresh[NAME_MAX + 1];

    (void)snprintf(fresh, sizeof fresh, "%.200s.new", name);
    fd = openat(directory, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed("making a copy");
    }
    PS_TRY(write_octets(fd, octets));
    if (renameat(directory, fresh, directory, name) != 0) {
        return failed("renaming a copy");
    }
    return fsync(directory) == 0 ? PS_OK : failed("syncing the directory");
}

static void name_copy(const char *file, char ret_name[NAME_MAX + 1])
{
    (void)snprintf(ret_name, NAME_MAX + 1, "%.200s.kept", file);
}

static enum ps_err keep(int directory, const char *file, void *context)
{
    char copy[NAME_MAX + 1];
    PS_BUF_AUTO now = {.max = FILE_OCTETS_MAX};
    PS_BUF_AUTO kept = {.max = FILE_OCTETS_MAX};

    name_copy(file, copy);
    PS_TRY(read_file(directory, file, &now));
    PS_TRY(read_file(directory, copy, &kept));
    if (now.len == 0 || ps_bytes_equal(ps_buf_bytes(&now), ps_buf_bytes(&kept))) {
        return PS_OK;
    }
    if (!store_lock_is_held(*(const int *)context)) {
        return ps_fail(PS_E_BUSY, 0, "a token's file may be half written: another process has it");
    }
    return replace_file(directory, copy, ps_buf_bytes(&now));
}

static bool is_empty(int directory, const char *file)
{
    struct stat info;

    return fstatat(directory, file, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           info.st_size == 0;
}

static enum ps_err find_empty(int directory, const char *file, void *context)
{
    *(bool *)context = *(bool *)context || is_empty(directory, file);
    return PS_OK;
}

static enum ps_err mend(int directory, const char *file, void *context)
{
    char copy[NAME_MAX + 1];
    PS_BUF_AUTO kept = {.max = FILE_OCTETS_MAX};

    (void)context;
    name_copy(file, copy);
    if (!is_empty(directory, file)) {
        return PS_OK;
    }
    PS_TRY(read_file(directory, copy, &kept));
    if (kept.len == 0) {
        return PS_OK;
    }
    PS_TRY(replace_file(directory, file, ps_buf_bytes(&kept)));
    ps_line(PS_WARNING, "store_mended", PS_STR("file", file));
    return PS_OK;
}

static enum ps_err visit_entry(int parent, const char *name, const char *file, visit_fn *visit,
                               void *context)
{
    PS_CLEANUP(close_fd)
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? PS_OK : failed("looking");
    }
    return visit(fd, file, context);
}

/* A store that is away has nothing to copy and nothing to mend. */
static enum ps_err visit_tokens(struct ps_bytes directory, const char *file, visit_fn *visit,
                                void *context)
{
    PS_CLEANUP(close_stream) DIR *stream = NULL;
    const struct dirent *entry;
    char path[PATH_MAX];

    if (directory.len == 0 || file[0] == 0) {
        return PS_OK;
    }
    if (directory.len >= sizeof path) {
        return ps_fail(PS_E_LIMIT, 0, "the path of a token's directory is too long");
    }
    memcpy(path, directory.data, directory.len);
    path[directory.len] = 0;
    stream = opendir(path);
    if (stream == NULL) {
        return errno == ENOENT ? PS_OK : failed("looking");
    }
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.') {
            PS_TRY(visit_entry(dirfd(stream), entry->d_name, file, visit, context));
        }
    }
    return PS_OK;
}

enum ps_err store_copy_keep(struct ps_bytes directory, const char *file, int lock)
{
    return visit_tokens(directory, file, keep, &lock);
}

enum ps_err store_copy_mend(struct ps_bytes directory, const char *file)
{
    bool found = false;

    PS_TRY(visit_tokens(directory, file, find_empty, &found));
    if (found) {
        /* It may be another process that writes it just now: with the lock, it is not. */
        PS_CLEANUP(store_lock_drop) const int lock = store_lock_take(directory, true);

        /* What it writes there would be lost with the file that it has open. */
        if (!store_lock_is_held(lock)) {
            return ps_fail(PS_E_BUSY, 0, "a token's file is empty, and another process has it");
        }
        PS_TRY(visit_tokens(directory, file, mend, NULL));
    }
    return PS_OK;
}
