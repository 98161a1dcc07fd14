#include "appliance/officer/officer.h"

#include <stddef.h>

const struct cli_program cli_program = {.name = "privyseal-officer"};

const struct cli_option cli_common_options[] = {
    {"help", NULL, CLI_LOCAL, NULL, "how the command is used"},
};
const size_t cli_common_option_count = PS_COUNT_OF(cli_common_options);

/* What every command that signs takes. */
#define SIGN_OPTIONS                                                                               \
    {"key", "FILE", CLI_LOCAL, NULL, "your key; FILE.pub lies beside it"},                         \
        {"name", "NAME", CLI_LOCAL, NULL, "in the signature's file name; else the key's"},         \
        {"last", "FILE", CLI_LOCAL, NULL, "the last document of its kind, to compare with"},       \
        {"yes", "WORDS", CLI_LOCAL, NULL, "for scripts: the document's first four words"},         \
    {                                                                                              \
        "ssh-keygen", "PATH", CLI_LOCAL, NULL, "when it is not /usr/bin/ssh-keygen"                \
    }

const struct cli_command cli_commands[] = {
    {.words = "show",
     .arguments = "FILE",
     .summary = "what a document would do, in plain language, with its words",
     .options = {{"last", "FILE", CLI_LOCAL, NULL,
                  "the last document of its kind, to compare with"}},
     .run = officer_show},
    {.words = "approve",
     .arguments = "FILE",
     .summary = "show a document, ask, and sign an approval",
     .options = {SIGN_OPTIONS},
     .run = officer_approve},
    {.words = "reject",
     .arguments = "FILE",
     .summary = "show a document, ask, and sign a refusal",
     .options = {{"reason", "TEXT", CLI_LOCAL, NULL, "why; goes beside the signature, unsigned"},
                 SIGN_OPTIONS},
     .run = officer_reject},
    {.words = "request",
     .arguments = "FILE",
     .summary = "show a document, ask, and sign as the one who requests it",
     .options = {SIGN_OPTIONS},
     .run = officer_request},
    {.words = "statement",
     .arguments = "FILE",
     .summary = "show a document, ask, and sign that a new key is yours, or that you agree",
     .options = {SIGN_OPTIONS},
     .run = officer_statement},
    {.words = "verify",
     .arguments = "FILE SIGNATURE...",
     .summary = "who has signed a document, and whether that is enough",
     .options = {{"roster", "FILE", CLI_LOCAL, NULL, "the people and their keys"},
                 {"policy", "FILE", CLI_LOCAL, NULL, "how many of whom; else the default"},
                 {"at", "TIME", CLI_LOCAL, NULL, "judge as of this time; else now"}},
     .run = officer_verify},
    {.words = "words",
     .arguments = "FILE",
     .summary = "a file's SHA-256 and the 16 words to be read aloud",
     .run = officer_words},
    {.words = "keys",
     .arguments = "FILE...",
     .summary = "fingerprints of public keys, and whether they may approve",
     .run = officer_keys},
    {.words = "completion",
     .arguments = "bash|zsh|fish",
     .summary = "print a completion script for a shell",
     .run = cli_completion},
    {.words = "help",
     .arguments = "[COMMAND...]",
     .summary = "how a command is used",
     .run = cli_help},
};
const size_t cli_command_count = PS_COUNT_OF(cli_commands);
