#include "appliance/supervisor/listener_unix.h"

#include "appliance/file.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

enum ps_err listener_find_group(const char *name, gid_t *ret_gid)
{
    const struct group *found = getgrnam(name);
    char *end = NULL;
    unsigned long number;

    if (found != NULL) {
        *ret_gid = found->gr_gid;
        return PS_OK;
    }
    number = strtoul(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end != '\0' || number >= UINT32_MAX) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no group '%.60s'; make it with addgroup", name);
    }
    *ret_gid = (gid_t)number;
    return PS_OK;
}

static enum ps_err check_directory(const char *path)
{
    char directory[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    const char *slash = strrchr(path, '/');
    struct stat found;

    (void)snprintf(directory, sizeof directory, "%.*s", slash == path ? 1 : (int)(slash - path),
                   path);
    if (stat(directory, &found) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "directory %.120s of the socket", directory);
    }
    if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (found.st_mode & S_ISVTX) == 0) {
        return ps_fail(PS_E_DENIED, 0,
                       "others could put another socket into %.100s; chmod go-w it, or use another "
                       "directory",
                       directory);
    }
    if (found.st_uid != 0 && found.st_uid != geteuid()) {
        return ps_fail(PS_E_DENIED, 0,
                       "%.100s belongs to user %u, who could put another socket there; make it "
                       "root's or user %u's",
                       directory, (unsigned)found.st_uid, (unsigned)geteuid());
    }
    return PS_OK;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* A socket that nobody listens on is what a killed supervisor leaves behind. */
static enum ps_err check_unused(const char *path)
{
    const struct sockaddr_un address = address_of(path);
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    struct stat found;

    if (lstat(path, &found) != 0) {
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%.160s", path);
    }
    if (!S_ISSOCK(found.st_mode)) {
        return ps_fail(PS_E_CONFLICT, 0, "%.140s is there and is no socket; move it away", path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "socket");
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
        errno != ECONNREFUSED) {
        return ps_fail(PS_E_CONFLICT, 0, "another program serves %.140s; stop it first", path);
    }
    return PS_OK;
}

enum ps_err listener_check_place(const char *path)
{
    PS_TRY(check_directory(path));
    return check_unused(path);
}

static enum ps_err bind_closed(int fd, const char *path)
{
    const struct sockaddr_un address = address_of(path);
    const mode_t before = umask(0177);
    const int result = bind(fd, (const struct sockaddr *)&address, sizeof address);
    const int number = errno;

    (void)umask(before);
    errno = number;
    return result == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot bind %.160s", path);
}

/* Nobody but us can reach it before its group and mode are what they should be. */
static enum ps_err set_rights(const struct config_listener *config)
{
    gid_t group;

    if (config->socket_group[0] != '\0') {
        PS_TRY(listener_find_group(config->socket_group, &group));
        if (lchown(config->socket, (uid_t)-1, group) != 0) {
            return ps_fail_errno(PS_E_DENIED, "cannot give %.120s to group %.40s", config->socket,
                                 config->socket_group);
        }
    }
    if (chmod(config->socket, (mode_t)config->socket_mode) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot chmod %.160s", config->socket);
    }
    return PS_OK;
}

enum ps_err listener_open_unix(const struct config_listener *config, struct listener *ret_listener)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    struct stat found;

    PS_TRY(listener_check_place(config->socket));
    if (unlink(config->socket) != 0 && errno != ENOENT) {
        return ps_fail_errno(PS_E_STORAGE, "cannot remove the old %.140s", config->socket);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "socket");
    }
    PS_TRY(bind_closed(fd, config->socket));
    PS_TRY(set_rights(config));
    if (listen(fd, BACKLOG) != 0 || lstat(config->socket, &found) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot listen on %.160s", config->socket);
    }
    *ret_listener = (struct listener){.fd = file_take(&fd),
                                      .kind = LISTENER_UNIX,
                                      .is_ours = true,
                                      .device = found.st_dev,
                                      .inode = found.st_ino};
    (void)snprintf(ret_listener->address, sizeof ret_listener->address, "%s", config->socket);
    return PS_OK;
}
