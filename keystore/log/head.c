#include "keystore/log/head.h"

#include "lib/base/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char file_name[] = "checkpoint";
static const char new_name[] = "checkpoint.new";

static enum ps_err malformed(void)
{
    return ps_fail(PS_E_INPUT, 0, "not a checkpoint as docs/log-format.md has it");
}

/* The next line without its newline; false when there is none. */
static bool take_line(struct ps_bytes *text, struct ps_bytes *ret_line)
{
    const uint8_t *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);

    if (end == NULL) {
        return false;
    }
    *ret_line = ps_bytes(text->data, (size_t)(end - text->data));
    *text = ps_bytes_from(*text, ret_line->len + 1);
    return true;
}

static bool read_decimal(struct ps_bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > 18 || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

enum ps_err head_parse(struct ps_bytes note, struct head *ret_head)
{
    struct ps_bytes lines[5];
    PS_BUF_AUTO root;
    struct head head;

    ps_buf_init(&root, 2 * PS_SHA256_LEN);
    if (note.len > HEAD_MAX) {
        return malformed();
    }
    for (size_t i = 0; i < PS_COUNT_OF(lines); i++) {
        if (!take_line(&note, &lines[i])) {
            return malformed();
        }
    }
    if (lines[0].len == 0 || !read_decimal(lines[1], &head.size) || lines[2].len != 44 ||
        lines[3].len != 0 || !ps_bytes_starts_with(lines[4], ps_bytes_str("\u2014 "))) {
        return malformed();
    }
    PS_TRY(ps_base64_decode(lines[2], &root));
    if (root.len != sizeof head.root.octets) {
        return malformed();
    }
    memcpy(head.root.octets, root.data, sizeof head.root.octets);
    head.origin = lines[0];
    *ret_head = head;
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

enum ps_err head_read(int dir_fd, const char *label, struct ps_buf *out)
{
    PS_CLEANUP(close_fd) int fd = openat(dir_fd, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t *to;
    size_t got;

    if (fd < 0 && errno == ENOENT) {
        return PS_OK;
    }
    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s/%s", label, file_name);
    }
    to = ps_buf_reserve(out, HEAD_MAX + 1);
    if (to == NULL) {
        return ps_buf_status(out);
    }
    PS_TRY(io_read(fd, to, HEAD_MAX + 1, 0, label, file_name, &got));
    if (got > HEAD_MAX) {
        return ps_fail(PS_E_INPUT, 0, "%s/%s: more than %u octets", label, file_name, HEAD_MAX);
    }
    ps_buf_commit(out, got);
    return PS_OK;
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
