#include "keystore/custody/refused_pins.h"

#include "lib/ceremony/custody/pin_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/*
 * A file for each PIN of a token: marks one behind the other, the newest last. While a PIN is being
 * changed two of them may be refused; older ones were configured and are not any more.
 */
enum {
    MARK_LEN = PIN_CHECK_SALT + PIN_CHECK_VALUE,
    MARKS_MAX = 4,
    PATH_SIZE = 4400,
};

static enum ps_err put_path(const struct keeper *keeper, const struct token *token, bool is_so,
                            char *out)
{
    const int len = snprintf(out, PATH_SIZE, "%.*s/refused-%spin.%.*s",
                             PS_BYTES_FMT(keeper->config->data_directory), is_so ? "so-" : "",
                             PS_BYTES_FMT(tokens_name(token)));

    return len > 0 && len < PATH_SIZE ? PS_OK : PS_E_INPUT;
}

static enum ps_err read_marks(const char *path, struct ps_buf *out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t octets[MARKS_MAX * MARK_LEN];
    ssize_t got;

    if (fd < 0) {
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot open %s", path);
    }
    got = read(fd, octets, sizeof octets);
    (void)close(fd);
    if (got < 0 || got % MARK_LEN != 0) {
        return ps_fail(PS_E_STORAGE, 0, "%s has no whole marks", path);
    }
    ps_buf_put(out, ps_bytes(octets, (size_t)got));
    return ps_buf_status(out);
}

static enum ps_err write_whole(const char *path, struct ps_bytes octets)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written;

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open %s", path);
    }
    is_written = write(fd, octets.data, octets.len) == (ssize_t)octets.len && fsync(fd) == 0;
    (void)close(fd);
    return is_written ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot write %s", path);
}

static enum ps_err sync_directory(const struct keeper *keeper)
{
    PS_BUF_AUTO path = {.max = PATH_SIZE};
    bool is_synced;
    int fd;

    ps_buf_put(&path, keeper->config->data_directory);
    ps_buf_put_u8(&path, 0);
    PS_TRY(ps_buf_status(&path));
    fd = open((const char *)path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_synced ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot sync %s", path.data);
}

/* Whole or as it was: a mark that a crash takes away would let its PIN be tried again. */
static enum ps_err replace_marks(const struct keeper *keeper, const char *path,
                                 struct ps_bytes marks)
{
    PS_BUF_AUTO part = {.max = PATH_SIZE + 8};

    ps_buf_printf(&part, "%s.part", path);
    ps_buf_put_u8(&part, 0);
    PS_TRY(ps_buf_status(&part));
    PS_TRY(write_whole((const char *)part.data, marks));
    if (rename((const char *)part.data, path) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot rename %s", part.data);
    }
    return sync_directory(keeper);
}

static enum ps_err add_mark(const struct keeper *keeper, const char *path, struct ps_bytes pin)
{
    PS_BUF_AUTO marks = {.max = (MARKS_MAX + 1) * MARK_LEN};
    struct pin_check mark;

    if (read_marks(path, &marks) != PS_OK) {
        ps_buf_reset(&marks); /* whatever it said, this one is refused */
    }
    if (marks.len == MARKS_MAX * MARK_LEN) {
        ps_buf_consume(&marks, MARK_LEN);
    }
    PS_TRY(pin_check_make(pin, &mark));
    ps_buf_put(&marks, ps_bytes(mark.salt, sizeof mark.salt));
    ps_buf_put(&marks, ps_bytes(mark.value, sizeof mark.value));
    PS_TRY(ps_buf_status(&marks));
    return replace_marks(keeper, path, ps_buf_bytes(&marks));
}

static void refuse(const struct keeper *keeper, const struct token *token, bool is_so,
                   struct ps_bytes pin)
{
    char path[PATH_SIZE];
    enum ps_err err = put_path(keeper, token, is_so, path);

    if (err == PS_OK) {
        err = add_mark(keeper, path, pin);
    }
    if (err != PS_OK) {
        ps_line(PS_ERROR, "refused_pin_not_remembered", PS_TEXT("token", tokens_name(token)),
                PS_STR("detail", ps_detail()->text));
    }
}

/*
 * What the marks say of a PIN: there are none, it is another than those, or it was refused. One
 * that cannot be read may be of this very PIN.
 */
enum verdict { NEVER_REFUSED, IS_ANOTHER, WAS_REFUSED };

static enum verdict judge(const struct keeper *keeper, const struct token *token, bool is_so)
{
    const struct ps_bytes pin = is_so ? tokens_so_pin(token) : tokens_pin(token);
    PS_BUF_AUTO marks = {.max = MARKS_MAX * MARK_LEN};
    char path[PATH_SIZE];

    if (put_path(keeper, token, is_so, path) != PS_OK || read_marks(path, &marks) != PS_OK) {
        return WAS_REFUSED;
    }
    for (size_t at = 0; at < marks.len; at += MARK_LEN) {
        struct pin_check mark;

        memcpy(mark.salt, marks.data + at, sizeof mark.salt);
        memcpy(mark.value, marks.data + at + sizeof mark.salt, sizeof mark.value);
        if (pin_check_compare(&mark, pin) != PS_E_DENIED) {
            return WAS_REFUSED;
        }
    }
    return marks.len == 0 ? NEVER_REFUSED : IS_ANOTHER;
}

void keeper_refuse_pin(struct keeper *keeper, struct token *token)
{
    refuse(keeper, token, false, tokens_pin(token));
}

void keeper_refuse_so_pin(const struct keeper *keeper, const struct token *token,
                          struct ps_bytes pin)
{
    refuse(keeper, token, true, pin);
}

bool keeper_so_pin_was_refused(const struct keeper *keeper, const struct token *token)
{
    return judge(keeper, token, true) == WAS_REFUSED;
}

void keeper_check_pins(struct keeper *keeper, struct token *token)
{
    const enum verdict verdict =
        tokens_pin(token).len == 0 ? NEVER_REFUSED : judge(keeper, token, false);

    if (verdict == NEVER_REFUSED) {
        return;
    }
    if (verdict == WAS_REFUSED) {
        ps_line(PS_ERROR, "pin_was_refused_before", PS_TEXT("token", tokens_name(token)));
    }
    tokens_set_pin_refused(token, verdict == WAS_REFUSED);
}
