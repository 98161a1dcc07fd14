#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 65536u

void file_close_cleanup(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

int file_take(int *fd)
{
    const int taken = *fd;

    *fd = -1;
    return taken;
}

static enum ps_err class_of_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return PS_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return PS_E_DENIED;
    default:
        return PS_E_STORAGE;
    }
}

/* Opening must not hang on a pipe or device that somebody put there. */
static enum ps_err open_regular(const char *path, int *ret_fd, struct stat *ret_stat)
{
    PS_CLEANUP(file_close_cleanup)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        const enum ps_err class = class_of_errno();

        return ps_fail_errno(class, "cannot open %.160s", path);
    }
    if (fstat(fd, ret_stat) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot look at %.160s", path);
    }
    if (!S_ISREG(ret_stat->st_mode)) {
        return ps_fail(PS_E_DENIED, 0, "%.180s is no regular file", path);
    }
    *ret_fd = file_take(&fd);
    return PS_OK;
}

static enum ps_err read_some(int fd, const char *path, void *to, size_t len, size_t *ret_got)
{
    ssize_t got;

    do {
        got = read(fd, to, len);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read %.160s", path);
    }
    *ret_got = (size_t)got;
    return PS_OK;
}

static enum ps_err read_whole(const char *path, size_t max, struct ps_buf *ret_content)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    struct stat found;
    size_t got;

    PS_TRY(open_regular(path, &fd, &found));
    do {
        const size_t room = max + 1 - ret_content->len;
        uint8_t *to = ps_buf_reserve(ret_content, room < BLOCK ? room : BLOCK);

        PS_TRY(ps_buf_status(ret_content));
        PS_TRY(read_some(fd, path, to, room < BLOCK ? room : BLOCK, &got));
        ps_buf_commit(ret_content, got);
        if (ret_content->len > max) {
            return ps_fail(PS_E_LIMIT, 0, "%.160s is longer than %zu octets", path, max);
        }
    } while (got != 0);
    return PS_OK;
}

/* One octet of room more than allowed tells a file that is too long. */
enum ps_err file_read(const char *path, size_t max, struct ps_buf *ret_content)
{
    ps_buf_init(ret_content, max + 1);
    return read_whole(path, max, ret_content);
}

enum ps_err file_read_secret(const char *path, size_t max, struct ps_buf *ret_content)
{
    *ret_content = PS_BUF_SECRET(max + 1);
    return read_whole(path, max, ret_content);
}

static void free_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

enum ps_err file_hash(const char *path, uint8_t ret_sha256[PS_SHA256_LEN])
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    PS_CLEANUP(free_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t block[4096];
    struct stat found;
    size_t got;

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        return ps_fail(PS_E_INTERNAL, 0, "no SHA-256");
    }
    PS_TRY(open_regular(path, &fd, &found));
    do {
        PS_TRY(read_some(fd, path, block, sizeof block, &got));
        if (EVP_DigestUpdate(context, block, got) != 1) {
            return ps_fail(PS_E_INTERNAL, 0, "SHA-256 failed");
        }
    } while (got != 0);
    if (EVP_DigestFinal_ex(context, ret_sha256, NULL) != 1) {
        return ps_fail(PS_E_INTERNAL, 0, "SHA-256 failed");
    }
    return PS_OK;
}

enum ps_err file_open_private(const char *path, int *ret_fd)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    struct stat found;

    PS_TRY(open_regular(path, &fd, &found));
    if ((found.st_mode & 077) != 0) {
        return ps_fail(PS_E_DENIED, 0,
                       "%.140s can be read or written by others (mode %04o); chmod 0600 it", path,
                       (unsigned)found.st_mode & 07777u);
    }
    if (found.st_uid != 0 && found.st_uid != geteuid()) {
        return ps_fail(PS_E_DENIED, 0, "%.140s belongs to user %u; make it root's or user %u's",
                       path, (unsigned)found.st_uid, (unsigned)geteuid());
    }
    *ret_fd = file_take(&fd);
    return PS_OK;
}

static enum ps_err write_all(int fd, const char *path, struct ps_bytes content)
{
    while (content.len != 0) {
        const ssize_t written = write(fd, content.data, content.len);

        if (written < 0 && errno != EINTR) {
            return ps_fail_errno(PS_E_STORAGE, "cannot write %.160s", path);
        }
        content = ps_bytes_from(content, written < 0 ? 0 : (size_t)written);
    }
    return PS_OK;
}

static enum ps_err sync_file(int fd, const char *path)
{
    return fsync(fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot sync %.160s", path);
}

static void free_text(char **text)
{
    free(*text);
}

/* What stands at `temporary` was left by somebody who died; it becomes `path`. */
static enum ps_err open_anew(const char *temporary, const char *path, unsigned mode, int *ret_fd)
{
    (void)unlink(temporary);
    *ret_fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    return *ret_fd < 0 ? ps_fail_errno(PS_E_STORAGE, "cannot create %.160s", path) : PS_OK;
}

static enum ps_err write_anew(const char *path, struct ps_bytes content, unsigned mode, bool synced)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    PS_CLEANUP(free_text) char *temporary = NULL;
    enum ps_err err;

    if (asprintf(&temporary, "%s.new", path) < 0) {
        temporary = NULL;
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(open_anew(temporary, path, mode, &fd));
    if (fchmod(fd, mode) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot create %.160s", temporary);
    }
    err = write_all(fd, temporary, content);
    if (err == PS_OK && synced) {
        err = sync_file(fd, temporary);
    }
    if (err == PS_OK && rename(temporary, path) != 0) {
        err = ps_fail_errno(PS_E_STORAGE, "cannot rename %.160s", temporary);
    }
    if (err != PS_OK) {
        (void)unlink(temporary);
    }
    return err;
}

enum ps_err file_write(const char *path, struct ps_bytes content, unsigned mode)
{
    return write_anew(path, content, mode, true);
}

enum ps_err file_write_unsynced(const char *path, struct ps_bytes content, unsigned mode)
{
    return write_anew(path, content, mode, false);
}

/* Some file systems have no such rename (NFS), others no second name of a file (FAT). */
static enum ps_err give_new_name(const char *temporary, const char *path)
{
    int result = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE);

    if (result != 0 && (errno == EINVAL || errno == ENOSYS)) {
        result = link(temporary, path);
        if (result == 0) {
            (void)unlink(temporary);
        }
    }
    if (result != 0 && errno == EEXIST) {
        return ps_fail(PS_E_CONFLICT, 0, "%.180s is there already; move it away first", path);
    }
    return result == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot create %.160s", path);
}

enum ps_err file_create(const char *path, struct ps_bytes content, unsigned mode)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    PS_CLEANUP(free_text) char *temporary = NULL;
    enum ps_err err;

    /* Another process may be creating the same file. */
    if (asprintf(&temporary, "%s.%d.new", path, (int)getpid()) < 0) {
        temporary = NULL;
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(open_anew(temporary, path, mode, &fd));
    err = write_all(fd, path, content);
    if (err == PS_OK) {
        err = sync_file(fd, path);
    }
    if (err == PS_OK) {
        err = give_new_name(temporary, path);
    }
    if (err != PS_OK) {
        (void)unlink(temporary);
    }
    return err;
}

static bool may_pass(const struct stat *directory, unsigned uid, unsigned gid)
{
    if (directory->st_uid == uid) {
        return (directory->st_mode & S_IXUSR) != 0;
    }
    if (directory->st_gid == gid) {
        return (directory->st_mode & S_IXGRP) != 0;
    }
    return (directory->st_mode & S_IXOTH) != 0;
}

bool file_reachable(const char *path, unsigned uid, unsigned gid)
{
    char above[4097];
    struct stat found;

    if (path[0] != '/' || strlen(path) >= sizeof above) {
        return false;
    }
    for (const char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(above, sizeof above, "%.*s/", (int)(slash - path), path);
        if (stat(above, &found) != 0 || !may_pass(&found, uid, gid)) {
            return false;
        }
    }
    return true;
}
