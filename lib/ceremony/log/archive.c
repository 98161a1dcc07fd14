#include "lib/ceremony/log/archive.h"

#include "lib/base/encode.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/formats/tlog/tiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_OCTETS 192u
#define PIECE       65536u
#define HEX_LEN     (2u * PS_SHA256_LEN)
/* The largest file of an export is a bundle. */
#define FILE_MAX (TILES_WIDTH * (LOG_LEAF_MAX + 2u) + PIECE)

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

/* Errors: PS_E_NOT_FOUND, PS_E_STORAGE. */
static enum ps_err open_file(int dir_fd, const char *path, int *ret_fd)
{
    const int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    struct stat status;

    if (fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s", path);
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)close(fd);
        return ps_fail(PS_E_STORAGE, 0, "%s is not a regular file", path);
    }
    *ret_fd = fd;
    return PS_OK;
}

static enum ps_err read_file(int dir_fd, const char *path, struct ps_buf *out)
{
    PS_CLEANUP(close_fd) int fd = -1;
    ssize_t got = 1;

    ps_buf_reset(out);
    PS_TRY(open_file(dir_fd, path, &fd));
    while (got != 0) {
        uint8_t *to = ps_buf_reserve(out, PIECE);

        if (to == NULL) {
            return ps_buf_status(out);
        }
        got = read(fd, to, PIECE);
        if (got < 0 && errno != EINTR) {
            return ps_fail_errno(PS_E_STORAGE, "%s", path);
        }
        ps_buf_commit(out, got < 0 ? 0 : (size_t)got);
    }
    return PS_OK;
}

/* Below the directory, and nowhere else. */
static bool is_inside(struct ps_bytes path)
{
    const bool has_climb = memmem(path.data, path.len, "..", 2) != NULL;

    return path.len != 0 && path.len < PATH_OCTETS && path.data[0] != '/' && !has_climb &&
           memchr(path.data, 0, path.len) == NULL;
}

/* "<hash>  <path>": the hash is in lower case. */
enum ps_err log_manifest_take(struct ps_bytes *rest, struct log_manifest_line *ret_line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    const struct ps_bytes line = ps_bytes(rest->data, end == NULL ? 0 : (size_t)(end - rest->data));

    if (line.len <= HEX_LEN + 2 || memcmp(line.data + HEX_LEN, "  ", 2) != 0 ||
        !is_inside(ps_bytes_from(line, HEX_LEN + 2))) {
        return ps_fail(PS_E_INPUT, 0, "%s: a line that is no hash and file", LOG_MANIFEST);
    }
    ret_line->hash = ps_bytes(line.data, HEX_LEN);
    ret_line->path = ps_bytes_from(line, HEX_LEN + 2);
    *rest = ps_bytes_from(*rest, line.len + 1);
    return PS_OK;
}

static enum ps_err check_file(int dir_fd, const struct log_manifest_line *line,
                              struct ps_buf *content)
{
    char name[PATH_OCTETS];
    uint8_t found[PS_SHA256_LEN];
    enum ps_err err;
    PS_BUF_AUTO hex = {.max = HEX_LEN};

    (void)snprintf(name, sizeof name, "%.*s", PS_BYTES_FMT(line->path));
    err = read_file(dir_fd, name, content);
    if (err == PS_E_NOT_FOUND) {
        return ps_fail(PS_E_DENIED, 0, "%s is missing", name);
    }
    if (err == PS_E_LIMIT) {
        return ps_fail(PS_E_DENIED, 0, "%s is larger than it was", name);
    }
    PS_TRY(err);
    ps_sha256(ps_buf_bytes(content), found);
    ps_buf_put_hex(&hex, ps_bytes(found, sizeof found));
    return ps_bytes_equal(ps_buf_bytes(&hex), line->hash)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "%s is not what it was", name);
}

static enum ps_err check_files(int dir_fd, struct ps_bytes manifest)
{
    struct ps_bytes rest = manifest;
    PS_BUF_AUTO content = {.max = FILE_MAX};

    if (manifest.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "%s: it lists nothing", LOG_MANIFEST);
    }
    while (rest.len != 0) {
        struct log_manifest_line line;

        PS_TRY(log_manifest_take(&rest, &line));
        PS_TRY(check_file(dir_fd, &line, &content));
    }
    return PS_OK;
}

enum ps_err log_archive_check(const char *directory, uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_CLEANUP(close_fd) int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    PS_BUF_AUTO manifest = {.max = LOG_MANIFEST_MAX + PIECE};

    if (dir_fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s", directory);
    }
    PS_TRY(read_file(dir_fd, LOG_MANIFEST, &manifest));
    PS_TRY(check_files(dir_fd, ps_buf_bytes(&manifest)));
    ps_sha256(ps_buf_bytes(&manifest), ret_hash);
    return PS_OK;
}

enum ps_err log_archive_hash(int dir_fd, uint8_t ret_hash[PS_SHA256_LEN])
{
    PS_BUF_AUTO manifest = {.max = LOG_MANIFEST_MAX + PIECE};

    PS_TRY(read_file(dir_fd, LOG_MANIFEST, &manifest));
    ps_sha256(ps_buf_bytes(&manifest), ret_hash);
    return PS_OK;
}
