#include "appliance/officer/officer.h"
#include "appliance/officer/share.h"

#include "appliance/cli/rows.h"

#include <stddef.h>

const struct cli_program cli_program = {.name = "privyseal-officer"};

const struct cli_option cli_common_options[] = {
    CLI_HELP_OPTION,
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

#define PASSPHRASE_OPTION                                                                          \
    {                                                                                              \
        "passphrase-fd", "NUMBER", CLI_LOCAL, NULL, "a descriptor to read passphrases from"        \
    }
#define OPEN_OPTIONS {"key", "FILE", CLI_LOCAL, NULL, "your sealing key"}, PASSPHRASE_OPTION

#define VALIDITY_OPTIONS                                                                           \
    {"from", "TIME", CLI_LOCAL, NULL, "may sign from then on; else from now on"},                  \
        {"until", "TIME", CLI_LOCAL, NULL, "and until then; else for two years"},                  \
    {                                                                                              \
        "out", "FILE", CLI_LOCAL, NULL, "into a new file; else to standard output"                 \
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
     .arguments = "FILE [SIGNATURE...]",
     .summary = "a document and its signatures, or the transcript of a ceremony",
     .options = {{"roster", "FILE", CLI_LOCAL, NULL, "the people and their keys"},
                 {"policy", "FILE", CLI_LOCAL, NULL, "how many of whom; else the default"},
                 {"at", "TIME", CLI_LOCAL, NULL, "judge as of this time; else now"},
                 {"genesis", "HASH", CLI_LOCAL, NULL,
                  "of a transcript: what was noted at the genesis"}},
     .run = officer_verify},
    {.words = "agree",
     .arguments = "FILE",
     .summary = "verify the transcript of a ceremony, ask, and sign its end",
     .options = {{"name", "PERSON", CLI_LOCAL, NULL, "who you are in the roster"},
                 {"key", "KEY", CLI_LOCAL, NULL, "your key; KEY.pub lies beside it"},
                 {"out", "FILE", CLI_LOCAL, NULL, "a new file: with your signature"},
                 {"disagree", NULL, CLI_LOCAL, NULL, "sign that it was not so"},
                 {"genesis", "HASH", CLI_LOCAL, NULL, "what was noted at the genesis"},
                 {"yes", "WORDS", CLI_LOCAL, NULL, "for scripts: the file's first four words"},
                 {"ssh-keygen", "PATH", CLI_LOCAL, NULL, "when it is not /usr/bin/ssh-keygen"}},
     .run = officer_agree},
    {.words = "page",
     .arguments = "FILE",
     .summary = "write the transcript of a ceremony as a page for people",
     .options = {{"genesis", "HASH", CLI_LOCAL, NULL, "what was noted at the genesis"},
                 {"out", "FILE", CLI_LOCAL, NULL, "a new file that ends in .html or .pdf"}},
     .run = officer_page},
    {.words = "words",
     .arguments = "FILE",
     .summary = "a file's SHA-256 and the 16 words to be read aloud",
     .run = officer_words},
    {.words = "keys",
     .arguments = "FILE...",
     .summary = "fingerprints of public keys, and whether they may approve",
     .run = officer_keys},
    {.words = "roster",
     .summary = "make the roster of a genesis from people's public keys",
     .options = {{"officer", "NAME=FILE", CLI_MANY, NULL, "an officer's public key; several times"},
                 {"auditor", "NAME=FILE", CLI_MANY, NULL, "an auditor's"},
                 {"recovery", "NAME=FILE", CLI_MANY, NULL, "of somebody of the recovery people"},
                 {"policy", "FILE", CLI_LOCAL, NULL,
                  "that it has to be enough for; else the default"},
                 VALIDITY_OPTIONS},
     .run = officer_roster},
    {.words = "entry",
     .arguments = "NAME",
     .summary = "make a person's entry, to enrol or replace them",
     .options = {{"role", "ROLE", CLI_LOCAL, NULL, "officer, auditor or recovery"},
                 {"key", "FILE", CLI_MANY, NULL, "a public key; once for each"},
                 VALIDITY_OPTIONS},
     .run = officer_entry},
    {.words = "policy",
     .summary = "make a policy: the default one, or another",
     .options = {{"present", "FILE", CLI_LOCAL, NULL, "the policy in force, which it follows"},
                 {"rule", "CLASS=O+A", CLI_MANY, NULL, "so many officers and auditors: A=2+1"},
                 {"cooling-off-s", "SECONDS", CLI_LOCAL, NULL, "changes of people and policy wait"},
                 {"recovery-delay-s", "SECONDS", CLI_LOCAL, NULL, "officers can veto a recovery"},
                 {"recovery-threshold", "COUNT", CLI_LOCAL, NULL, "people of recovery"},
                 {"practice", NULL, CLI_LOCAL, NULL, "for an appliance for practice"},
                 {"out", "FILE", CLI_LOCAL, NULL, "into a new file; else to standard output"}},
     .run = officer_policy},
    {.words = "share key",
     .arguments = "NAME",
     .summary = "make the key that your shares of PINs are sealed to, under a passphrase",
     .options = {{"out", "FILE", CLI_LOCAL, NULL, "the key; FILE.pem is its certificate"},
                 PASSPHRASE_OPTION},
     .run = officer_share_key},
    {.words = "share print",
     .arguments = "FILE",
     .summary = "show what is sealed under a passphrase as text and QR code, to be printed",
     .run = officer_share_print},
    {.words = "share open",
     .arguments = "SHARE",
     .summary = "open your share of a PIN, and say what it is",
     .options = {{"keep", "FILE", CLI_LOCAL, NULL, "seal it under a passphrase into a new file"},
                 OPEN_OPTIONS},
     .run = officer_share_open},
    {.words = "share seal",
     .arguments = "SHARE",
     .summary = "seal your share to the key of the unlock whose words the console shows",
     .options = {{"to", "FILE", CLI_LOCAL, NULL, "what `privyseal shares show --json` printed"},
                 {"words", "WORDS", CLI_LOCAL, NULL, "for scripts: the console's eight words"},
                 {"out", "FILE", CLI_LOCAL, NULL, "the sealed share, to be sent"},
                 OPEN_OPTIONS},
     .run = officer_share_seal},
    CLI_ROWS_OF_EVERY_PROGRAM,
};
const size_t cli_command_count = PS_COUNT_OF(cli_commands);
