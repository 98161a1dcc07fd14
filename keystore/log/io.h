#ifndef KEYSTORE_LOG_IO_H
#define KEYSTORE_LOG_IO_H

#include "keystore/log/log.h"

#include <sys/types.h>

/*
 * The two system calls that decide whether a leaf is durable. Tests give others, to count them and
 * to let them fail as disks do.
 */
struct log_io {
    ssize_t (*write_at)(int fd, const void *data, size_t len, off_t offset); /* pwrite(2) */
    int (*sync)(int fd);                                                     /* fdatasync(2) */
};

/* Before the first log_open. `io` outlives the writer. */
void log_writer_set_io(struct log_writer *writer, const struct log_io *io);

extern const struct log_io log_io_system;

/* All of `octets` at `offset`. `label` and `file` name the place in errors. Errors: PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err io_write(const struct log_io *io, int fd, struct ps_bytes octets,
                                 uint64_t offset, const char *label, const char *file);

/* fdatasync, again when a signal came between. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err io_sync(const struct log_io *io, int fd, const char *label,
                                const char *file);

/* As many octets as there are, at most `len`; fewer only at the end of the file. */
PS_MUST_USE enum ps_err io_read(int fd, void *to, size_t len, uint64_t offset, const char *label,
                                const char *file, size_t *ret_got);

/* fsync of the directory that holds the last component of `path`. */
PS_MUST_USE enum ps_err io_sync_parent(const char *path);

#endif
