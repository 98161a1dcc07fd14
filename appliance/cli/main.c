#include "appliance/cli/cli.h"

#include "appliance/terminal.h"

#include <stdio.h>

static int print_help(const struct cli_command *command)
{
    PS_BUF_AUTO text;

    ps_buf_init(&text, 65536);
    if (command == NULL) {
        cli_put_overview(&text);
    } else {
        cli_put_usage(command, &text);
    }
    return cli_print(&text);
}

int cli_main(int argc, char **argv)
{
    struct cli_run run;
    int code;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("%s %s\n", cli_program.name, PRIVYSEAL_VERSION);
        return CLI_DONE;
    }
    if (argc < 2 || terminal_asks_for_help(argv[1])) {
        code = print_help(NULL);
        return argc < 2 ? CLI_USAGE : code;
    }
    code = cli_parse(argc, argv, &run);
    if (code != CLI_DONE || run.command == NULL) {
        return code;
    }
    if (cli_flag(&run, "help")) {
        return print_help(run.command);
    }
    return run.command->run != NULL ? run.command->run(&run) : cli_program.request(&run);
}
