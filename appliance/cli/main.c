#include "appliance/cli/cli.h"

#include <stdio.h>

static int print_text(const struct cli_command *command)
{
    PS_BUF_AUTO text;

    ps_buf_init(&text, 65536);
    if (command == NULL) {
        cli_put_overview(&text);
    } else {
        cli_put_usage(command, &text);
    }
    if (ps_buf_status(&text) != PS_OK) {
        return CLI_FAILED;
    }
    (void)fwrite(text.data, 1, text.len, stdout);
    return CLI_DONE;
}

int cli_main(int argc, char **argv)
{
    struct cli_run run;
    int code;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("privyseal %s\n", PRIVYSEAL_VERSION);
        return CLI_DONE;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        code = print_text(NULL);
        return argc < 2 ? CLI_USAGE : code;
    }
    code = cli_parse(argc, argv, &run);
    if (code != CLI_DONE || run.command == NULL) {
        return code;
    }
    if (cli_flag(&run, "help")) {
        return print_text(run.command);
    }
    return run.command->run != NULL ? run.command->run(&run) : cli_request(&run);
}
