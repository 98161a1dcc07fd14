#include "appliance/officer/passphrase.h"

#include "appliance/terminal.h"
#include "lib/ceremony/custody/passphrase_box.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum ps_err read_descriptor(int fd, struct ps_buf *out)
{
    uint8_t octet = 0;
    ssize_t got;

    for (;;) {
        got = read(fd, &octet, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0 || octet == '\n') {
            break;
        }
        ps_buf_put_u8(out, octet);
    }
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read the passphrase");
    }
    return ps_buf_status(out);
}

static enum ps_err find_descriptor(const char *text, int *ret_fd)
{
    char *end = NULL;
    const long number = strtol(text, &end, 10);

    if (end == text || *end != 0 || number < 0 || number > 1023) {
        return ps_fail(PS_E_INPUT, 0, "--passphrase-fd is the number of an open descriptor");
    }
    *ret_fd = (int)number;
    return PS_OK;
}

static enum ps_err ask(const struct cli_run *run, const char *question, struct ps_buf *out)
{
    const char *descriptor = cli_value(run, "passphrase-fd");
    int fd = -1;

    if (descriptor == NULL) {
        return terminal_read_line(question, false, out);
    }
    PS_TRY(find_descriptor(descriptor, &fd));
    return read_descriptor(fd, out);
}

enum ps_err passphrase_ask(const struct cli_run *run, const char *what,
                           struct ps_secret **ret_passphrase)
{
    PS_BUF_AUTO typed = PS_BUF_SECRET(BOX_PASSPHRASE_MAX);
    char question[256];

    (void)snprintf(question, sizeof question, "Passphrase of %.180s: ", what);
    PS_TRY(ask(run, question, &typed));
    return ps_secret_new(ps_buf_bytes(&typed), ret_passphrase);
}

enum ps_err passphrase_ask_new(const struct cli_run *run, struct ps_secret **ret_passphrase)
{
    PS_BUF_AUTO typed = PS_BUF_SECRET(BOX_PASSPHRASE_MAX);
    PS_BUF_AUTO again = PS_BUF_SECRET(BOX_PASSPHRASE_MAX);

    PS_TRY(ask(run, "New passphrase (several words): ", &typed));
    if (cli_value(run, "passphrase-fd") == NULL) {
        PS_TRY(ask(run, "The same again: ", &again));
        if (!ps_bytes_equal_secret(ps_buf_bytes(&typed), ps_buf_bytes(&again))) {
            return ps_fail(PS_E_DENIED, 0, "the two are not the same, so nothing was written");
        }
    }
    return ps_secret_new(ps_buf_bytes(&typed), ret_passphrase);
}
