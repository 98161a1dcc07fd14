#include "lib/system/place.h"

#include "lib/system/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

enum ps_err place_find_group(const char *name, gid_t *ret_gid)
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
        return ps_fail(PS_E_INPUT, 0, "%.140s is there and is no socket; move it away", path);
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

enum ps_err place_check_unix(const char *path)
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
static enum ps_err set_rights(const struct place_unix *place)
{
    gid_t group;

    if (place->group[0] != '\0') {
        PS_TRY(place_find_group(place->group, &group));
        if (lchown(place->path, (uid_t)-1, group) != 0) {
            return ps_fail_errno(PS_E_DENIED, "cannot give %.120s to group %.40s", place->path,
                                 place->group);
        }
    }
    if (chmod(place->path, place->mode) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot chmod %.160s", place->path);
    }
    return PS_OK;
}

enum ps_err place_listen_unix(const struct place_unix *place, struct place_file *ret_file,
                              int *ret_fd)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    struct stat found;

    PS_TRY(place_check_unix(place->path));
    if (unlink(place->path) != 0 && errno != ENOENT) {
        return ps_fail_errno(PS_E_STORAGE, "cannot remove the old %.140s", place->path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "socket");
    }
    PS_TRY(bind_closed(fd, place->path));
    PS_TRY(set_rights(place));
    if (listen(fd, BACKLOG) != 0 || lstat(place->path, &found) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot listen on %.160s", place->path);
    }
    *ret_file = (struct place_file){.device = found.st_dev, .inode = found.st_ino};
    *ret_fd = file_take(&fd);
    return PS_OK;
}

void place_remove_unix(const char *path, const struct place_file *file)
{
    struct stat found;

    if (lstat(path, &found) == 0 && found.st_dev == file->device && found.st_ino == file->inode) {
        (void)unlink(path);
    }
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t parse_address(const struct place_tcp *place, union address *ret_address)
{
    const in_port_t port = htons(place->port);
    union address address = {.v4 = {.sin_family = AF_INET, .sin_port = port}};

    if (inet_pton(AF_INET, place->address, &address.v4.sin_addr) == 1) {
        *ret_address = address;
        return sizeof address.v4;
    }
    address.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
    if (inet_pton(AF_INET6, place->address, &address.v6.sin6_addr) != 1) {
        return 0;
    }
    *ret_address = address;
    return sizeof address.v6;
}

enum ps_err place_listen_tcp(const struct place_tcp *place, int *ret_fd)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    union address address;
    const socklen_t len = parse_address(place, &address);
    const int on = 1;

    if (len == 0) {
        return ps_fail(PS_E_INPUT, 0, "'%s' is no address", place->address);
    }
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (address.any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot make a TCP socket");
    }
    if (bind(fd, &address.any, len) != 0 || listen(fd, BACKLOG) != 0) {
        return ps_fail_errno(PS_E_CONFLICT, "cannot listen on %s port %u", place->address,
                             (unsigned)place->port);
    }
    *ret_fd = file_take(&fd);
    return PS_OK;
}
