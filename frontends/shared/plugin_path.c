#include "frontends/shared/plugin_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* In a sticky directory nobody but its owner can replace what belongs to someone else. */
static enum ps_err check_owned(const char *path, const struct stat *found, uid_t owner)
{
    const bool sticky = S_ISDIR(found->st_mode) && (found->st_mode & S_ISVTX) != 0;

    if (found->st_uid != 0 && found->st_uid != owner) {
        return ps_fail(PS_E_DENIED, 0, "%.160s belongs to user %u, and not to root", path,
                       (unsigned)found->st_uid);
    }
    if ((found->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
        return ps_fail(PS_E_DENIED, 0, "others than its owner can write %.160s", path);
    }
    return PS_OK;
}

static enum ps_err check_place(const char *path, bool last, uid_t owner)
{
    struct stat found;

    if (lstat(path, &found) != 0) {
        return errno == ENOENT ? ps_fail(PS_E_NOT_FOUND, ENOENT, "there is no %.180s", path)
                               : ps_fail_errno(PS_E_DENIED, "cannot look at %.160s", path);
    }
    if (last ? !S_ISREG(found.st_mode) : !S_ISDIR(found.st_mode)) {
        return ps_fail(PS_E_INPUT, 0, "%.160s is no %s", path, last ? "regular file" : "directory");
    }
    return check_owned(path, &found, owner);
}

static bool is_plain_path(const char *path)
{
    char *resolved = realpath(path, NULL);
    const bool plain = resolved == NULL || strcmp(path, resolved) == 0;

    free(resolved);
    return plain;
}

/* "/", and each part of the path after it. */
enum ps_err plugin_path_check(const char *path, uid_t owner)
{
    char part[PATH_MAX];

    if (path[0] != '/' || strlen(path) >= sizeof part) {
        return ps_fail(PS_E_INPUT, 0, "the path of a plugin is absolute: %.160s", path);
    }
    if (!is_plain_path(path)) {
        return ps_fail(PS_E_INPUT, 0, "symbolic links, '.' or '..' in the path of a plugin: %.160s",
                       path);
    }
    PS_TRY(check_place("/", false, owner));
    for (size_t i = 1; path[i] != '\0';) {
        const size_t end = i + strcspn(path + i, "/");

        (void)snprintf(part, sizeof part, "%.*s", (int)end, path);
        PS_TRY(check_place(part, path[end] == '\0', owner));
        i = path[end] == '\0' ? end : end + 1;
    }
    return PS_OK;
}
