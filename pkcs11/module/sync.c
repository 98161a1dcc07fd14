#include "pkcs11/module/sync.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 8, ENTRIES_MAX = 1000000 };

struct walk {
    long since_s;
    size_t entries;
    unsigned depth;
};

static enum ps_err sync_directory(int fd, struct walk *walk);

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

static enum ps_err sync_file(int parent, const char *name)
{
    PS_CLEANUP(close_fd)
    const int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        /* A lock file may be gone again by now. */
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot open a token's file");
    }
    return fsync(fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot sync a token's file");
}

static enum ps_err sync_entry(int parent, const char *name, struct walk *walk)
{
    struct stat info;

    if (++walk->entries > ENTRIES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a token's directory with over %d entries", ENTRIES_MAX);
    }
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? PS_OK
                               : ps_fail_errno(PS_E_STORAGE, "cannot look at a token's file");
    }
    if (S_ISDIR(info.st_mode)) {
        PS_CLEANUP(close_fd)
        const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0) {
            return errno == ENOENT ? PS_OK
                                   : ps_fail_errno(PS_E_STORAGE, "cannot open a token's directory");
        }
        return sync_directory(fd, walk);
    }
    if (S_ISREG(info.st_mode) && info.st_ctim.tv_sec >= walk->since_s) {
        return sync_file(parent, name);
    }
    return PS_OK;
}

static enum ps_err sync_entries(DIR *stream, int fd, struct walk *walk)
{
    const struct dirent *entry;

    for (errno = 0; (entry = readdir(stream)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            PS_TRY(sync_entry(fd, entry->d_name, walk));
        }
    }
    return errno == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot read a token's directory");
}

/* The files first, then the directory that names them. */
static enum ps_err sync_directory(int fd, struct walk *walk)
{
    PS_CLEANUP(close_stream) DIR *stream = NULL;
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    enum ps_err err;

    if (copy < 0 || (stream = fdopendir(copy)) == NULL) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return ps_fail_errno(PS_E_STORAGE, "cannot read a token's directory");
    }
    if (walk->depth == DEPTH_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a token's directory is over %d deep", DEPTH_MAX);
    }
    walk->depth++;
    err = sync_entries(stream, fd, walk);
    walk->depth--;
    PS_TRY(err);
    return fsync(fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot sync a token's directory");
}

enum ps_err sync_tree(struct ps_bytes directory, long since_s)
{
    struct walk walk = {.since_s = since_s};
    char path[PATH_MAX];
    PS_CLEANUP(close_fd) int fd = -1;

    if (directory.len == 0) {
        return PS_OK;
    }
    if (directory.len >= sizeof path) {
        return ps_fail(PS_E_LIMIT, 0, "the path of a token's directory is too long");
    }
    memcpy(path, directory.data, directory.len);
    path[directory.len] = 0;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open the token's directory");
    }
    return sync_directory(fd, &walk);
}
