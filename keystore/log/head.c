#include "keystore/log/head.h"

#include "lib/formats/tlog/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char file_name[] = "checkpoint";
static const char new_name[] = "checkpoint.new";

enum ps_err head_parse(struct ps_bytes note, struct head *ret_head)
{
    struct checkpoint checkpoint;

    if (note.len > HEAD_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a checkpoint of more than %u octets", HEAD_MAX);
    }
    PS_TRY(checkpoint_peek(note, &checkpoint));
    if (checkpoint.extension.len != 0) {
        return ps_fail(PS_E_INPUT, 0, "a checkpoint with extension lines");
    }
    *ret_head = (struct head){
        .origin = checkpoint.origin,
        .size = checkpoint.size,
        .root = checkpoint.root,
    };
    return PS_OK;
}

/* Splits off the part behind the last slash; false when there is no slash. */
static bool take_last_part(struct ps_bytes *path, struct ps_bytes *ret_part)
{
    size_t at = path->len;

    while (at > 0 && path->data[at - 1] != '/') {
        at--;
    }
    if (at == 0) {
        return false;
    }
    *ret_part = ps_bytes_from(*path, at);
    path->len = at - 1;
    return true;
}

enum ps_err head_shard(const struct head *head, const char *log, bool sharded,
                       struct ps_bytes *ret_shard)
{
    struct ps_bytes path = head->origin;
    struct ps_bytes shard = {0};
    struct ps_bytes name = {0};

    if ((sharded && !take_last_part(&path, &shard)) || !take_last_part(&path, &name) ||
        path.len == 0 || !ps_bytes_equal_str(name, log)) {
        return ps_fail(PS_E_INPUT, 0, "a checkpoint of another log than %s", log);
    }
    *ret_shard = shard;
    return PS_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static enum ps_err read_note(int dir_fd, const char *label, const char *name, struct ps_buf *out)
{
    PS_CLEANUP(close_fd)
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    uint8_t *to;
    size_t got;

    if (fd < 0 && errno == ENOENT) {
        return PS_OK;
    }
    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", label, name);
    }
    to = ps_buf_reserve(out, HEAD_MAX + 1);
    if (to == NULL) {
        return ps_buf_status(out);
    }
    PS_TRY(io_read(fd, to, HEAD_MAX + 1, 0, label, name, &got));
    if (got > HEAD_MAX) {
        return ps_fail(PS_E_INPUT, 0, "%s/%s: more than %u octets", label, name, HEAD_MAX);
    }
    ps_buf_commit(out, got);
    return PS_OK;
}

enum ps_err head_read(int dir_fd, const char *label, struct ps_buf *out)
{
    return read_note(dir_fd, label, file_name, out);
}

static enum ps_err write_new(const struct log_io *io, int dir_fd, const char *label,
                             struct ps_bytes note)
{
    PS_CLEANUP(close_fd)
    int fd = openat(dir_fd, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", label, new_name);
    }
    PS_TRY(io_write(io, fd, note, 0, label, new_name));
    return io_sync(io, fd, label, new_name);
}

enum ps_err head_store(const struct log_io *io, int dir_fd, const char *label, struct ps_bytes note)
{
    PS_TRY(write_new(io, dir_fd, label, note));
    if (renameat(dir_fd, new_name, dir_fd, file_name) != 0 || fsync(dir_fd) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s: replacing", label, file_name);
    }
    return PS_OK;
}

struct witnessed_name {
    char text[24];
};

static struct witnessed_name witnessed_name(const uint8_t id[HEAD_WITNESS_LEN], const char *suffix)
{
    struct witnessed_name name;

    (void)snprintf(name.text, sizeof name.text, "witnessed.%02x%02x%02x%02x%s", id[0], id[1], id[2],
                   id[3], suffix);
    return name;
}

enum ps_err head_read_witnessed(int dir_fd, const char *label, const uint8_t id[HEAD_WITNESS_LEN],
                                struct ps_buf *out)
{
    const struct witnessed_name name = witnessed_name(id, "");

    return read_note(dir_fd, label, name.text, out);
}

static enum ps_err write_witnessed(const struct log_io *io, int dir_fd, const char *label,
                                   const char *name, struct ps_bytes note)
{
    PS_CLEANUP(close_fd)
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", label, name);
    }
    return io_write(io, fd, note, 0, label, name);
}

enum ps_err head_store_witnessed(const struct log_io *io, int dir_fd, const char *label,
                                 const uint8_t id[HEAD_WITNESS_LEN], struct ps_bytes note)
{
    const struct witnessed_name name = witnessed_name(id, "");
    const struct witnessed_name new = witnessed_name(id, ".new");

    PS_TRY(write_witnessed(io, dir_fd, label, new.text, note));
    if (renameat(dir_fd, new.text, dir_fd, name.text) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s: replacing", label, name.text);
    }
    return PS_OK;
}
