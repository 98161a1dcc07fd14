#ifndef APPLIANCE_CLI_ROWS_H
#define APPLIANCE_CLI_ROWS_H

#include "appliance/cli/cli.h"

/* Rows that stand in the table of every program. */
int cli_completion(const struct cli_run *run);
int cli_help(const struct cli_run *run);

#define CLI_HELP_OPTION                                                                            \
    {                                                                                              \
        "help", NULL, CLI_LOCAL, NULL, "how the command is used"                                   \
    }

#define CLI_ROWS_OF_EVERY_PROGRAM                                                                  \
    {.words = "completion",                                                                        \
     .arguments = "bash|zsh|fish",                                                                 \
     .summary = "print a completion script for a shell",                                           \
     .run = cli_completion},                                                                       \
    {                                                                                              \
        .words = "help", .arguments = "[COMMAND...]", .summary = "how a command is used",          \
        .run = cli_help                                                                            \
    }

#endif
