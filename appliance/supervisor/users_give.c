#include "appliance/supervisor/users.h"

#include "lib/system/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16

static void close_dir(DIR **dir)
{
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

static enum ps_err give_entries(int directory, const struct role_user *user, unsigned depth);

/*
 * Nobody can swap the entry between look and change: both go through one descriptor. A second hard
 * link could be a file from elsewhere that a role of an earlier run has put here.
 */
static enum ps_err give_entry(int parent, const char *name, const struct role_user *user,
                              unsigned depth)
{
    PS_CLEANUP(file_close_cleanup) int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    PS_CLEANUP(file_close_cleanup) int directory = -1;
    struct stat found;

    if (fd < 0 || fstat(fd, &found) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot look at %.120s", name);
    }
    if (S_ISREG(found.st_mode) && found.st_nlink > 1) {
        return ps_fail(PS_E_DENIED, 0, "%.120s has several hard links; it is not made over", name);
    }
    if ((found.st_uid != user->uid || found.st_gid != user->gid) &&
        fchownat(fd, "", user->uid, user->gid, AT_EMPTY_PATH) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.120s over to user %u", name,
                             (unsigned)user->uid);
    }
    if (!S_ISDIR(found.st_mode)) {
        return PS_OK;
    }
    if (depth == DEPTH_MAX) {
        return ps_fail(PS_E_DENIED, 0, "%.120s is nested too deeply", name);
    }
    directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open %.120s", name);
    }
    return give_entries(directory, user, depth + 1);
}

static enum ps_err give_entries(int directory, const struct role_user *user, unsigned depth)
{
    const int copy = dup(directory);
    PS_CLEANUP(close_dir) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;

    if (entries == NULL) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return ps_fail_errno(PS_E_STORAGE, "cannot list a directory");
    }
    for (errno = 0; (entry = readdir(entries)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        PS_TRY(give_entry(directory, entry->d_name, user, depth));
    }
    return errno == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot list a directory");
}

static bool is_empty(int directory)
{
    const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    PS_CLEANUP(close_dir) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            return false;
        }
    }
    return entries != NULL;
}

/* What systemd's ProtectSystem=strict keeps from the service looks like a disk that takes nothing.
 */
static enum ps_err fail_changing(const char *what, const char *path)
{
    const char *const remedy =
        errno == EROFS
            ? " (if it is the service that may not write there: name it in ReadWritePaths= of a "
              "drop-in)"
            : "";

    return ps_fail_errno(PS_E_STORAGE, "cannot %s %.120s%s", what, path, remedy);
}

static enum ps_err open_directory(const char *path, int *ret_fd, struct stat *ret_stat)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;

    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, ret_stat) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open directory %.160s", path);
    }
    *ret_fd = file_take(&fd);
    return PS_OK;
}

enum ps_err users_give_existing(const char *path, bool separate, const struct role_user *user)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    struct stat found;

    PS_TRY(open_directory(path, &fd, &found));
    if ((found.st_mode & 077) != 0 && !is_empty(fd)) {
        return ps_fail(PS_E_DENIED, 0,
                       "%.120s is open to others (mode %04o); if it is the right directory, "
                       "chmod 0700 it",
                       path, (unsigned)found.st_mode & 07777u);
    }
    if (fchmod(fd, 0700) != 0) {
        return fail_changing("chmod", path);
    }
    if (!separate) {
        return PS_OK;
    }
    PS_TRY(give_entries(fd, user, 0));
    if (fchown(fd, user->uid, user->gid) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.120s over to user %u", path,
                             (unsigned)user->uid);
    }
    if (!file_reachable(path, user->uid, user->gid)) {
        return ps_fail(PS_E_DENIED, 0,
                       "user %u cannot reach %.120s; let others pass (chmod o+x) the directories "
                       "above it",
                       (unsigned)user->uid, path);
    }
    return PS_OK;
}

enum ps_err users_give_directory(const char *path, bool separate, const struct role_user *user)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail_changing("make directory", path);
    }
    return users_give_existing(path, separate, user);
}
