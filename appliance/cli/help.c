#include "appliance/cli/rows.h"

#include <stdio.h>

int cli_print(struct ps_buf *text)
{
    if (ps_buf_status(text) != PS_OK) {
        (void)fprintf(stderr, "%s: out of memory\n", cli_program.name);
        return CLI_FAILED;
    }
    (void)fwrite(text->data, 1, text->len, stdout);
    return CLI_DONE;
}

int cli_help(const struct cli_run *run)
{
    PS_BUF_AUTO wanted;
    PS_BUF_AUTO text;

    ps_buf_init(&wanted, 256);
    ps_buf_init(&text, 65536);
    for (size_t i = 0; i < run->argument_count; i++) {
        ps_buf_printf(&wanted, "%s%s", i == 0 ? "" : " ", run->arguments[i]);
    }
    if (run->argument_count == 0) {
        cli_put_overview(&text);
        return cli_print(&text);
    }
    for (size_t i = 0; i < cli_command_count; i++) {
        if (ps_bytes_equal_str(ps_buf_bytes(&wanted), cli_commands[i].words)) {
            cli_put_usage(&cli_commands[i], &text);
            return cli_print(&text);
        }
    }
    ps_buf_put_u8(&wanted, '\0');
    if (ps_buf_status(&wanted) == PS_OK && cli_put_group((const char *)wanted.data, &text) != 0) {
        return cli_print(&text);
    }
    (void)fprintf(stderr, "%s: no command `%s`; `%s help` lists them\n", cli_program.name,
                  run->arguments[0], cli_program.name);
    return CLI_USAGE;
}
