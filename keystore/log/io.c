#include "keystore/log/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

const struct log_io log_io_system = {.write_at = pwrite, .sync = fdatasync};

enum ps_err io_write(const struct log_io *io, int fd, struct ps_bytes octets, uint64_t offset,
                     const char *label, const char *file)
{
    size_t done = 0;

    while (done < octets.len) {
        const ssize_t got =
            io->write_at(fd, octets.data + done, octets.len - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return ps_fail_errno(PS_E_STORAGE, "%s/%s: writing", label, file);
        }
        done += (size_t)got;
    }
    return PS_OK;
}

enum ps_err io_sync(const struct log_io *io, int fd, const char *label, const char *file)
{
    while (io->sync(fd) != 0) {
        if (errno != EINTR) {
            return ps_fail_errno(PS_E_STORAGE, "%s/%s: syncing", label, file);
        }
    }
    return PS_OK;
}

enum ps_err io_read(int fd, void *to, size_t len, uint64_t offset, const char *label,
                    const char *file, size_t *ret_got)
{
    size_t done = 0;

    while (done < len) {
        const ssize_t got = pread(fd, (uint8_t *)to + done, len - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ps_fail_errno(PS_E_STORAGE, "%s/%s: reading", label, file);
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_got = done;
    return PS_OK;
}

enum ps_err io_sync_parent(const char *path)
{
    const size_t len = strlen(path);
    char *parent = malloc(len + sizeof "/..");
    enum ps_err err = PS_OK;
    int fd;

    if (parent == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(parent, path, len);
    memcpy(parent + len, "/..", sizeof "/..");
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        err = ps_fail_errno(PS_E_STORAGE, "%s: syncing its directory", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(parent);
    return err;
}
