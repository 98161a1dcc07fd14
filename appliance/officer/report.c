#include "appliance/officer/officer.h"
#include "appliance/terminal.h"

#include <stdio.h>

/* Of a long path its end is shown: that is where the file's name is. */
#define SHOWN_MAX 80u

enum ps_err officer_name_file(const char *path, enum ps_err err)
{
    char why[sizeof ps_detail()->text];
    const size_t len = strlen(path);
    const bool is_long = len > SHOWN_MAX;

    (void)snprintf(why, sizeof why, "%s", ps_detail()->text);
    return ps_fail(err, 0, "%s%s: %s", is_long ? "..." : "", path + (is_long ? len - SHOWN_MAX : 0),
                   why);
}

/* A file's content that is not good is a failed check, and no mistake in how we were called. */
static int exit_code(enum ps_err err)
{
    return err == PS_E_INPUT || err == PS_E_LIMIT ? CLI_FAILED : ps_err_info(err)->exit_code;
}

int officer_failed(enum ps_err err)
{
    PS_BUF_AUTO text = {.max = 4096};

    terminal_put_line(ps_detail()->text, &text);
    if (ps_buf_status(&text) != PS_OK) {
        return CLI_FAILED;
    }
    (void)fprintf(stderr, "%s: %.*s\n", cli_program.name, PS_BYTES_FMT(ps_buf_bytes(&text)));
    return exit_code(err);
}
