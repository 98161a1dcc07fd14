#ifndef APPLIANCE_OFFICER_OFFICER_H
#define APPLIANCE_OFFICER_OFFICER_H

#include "appliance/cli/cli.h"
#include "lib/base/hash.h"

/*
 * privyseal-officer: what a security officer reads and signs with, on a computer without network.
 * It holds no key: ssh-keygen signs. Whatever it shows comes from the octets that are signed, which
 * are read once.
 */

/* The commands. Each gives an exit code and has said what is wrong. */
int officer_show(const struct cli_run *run);
int officer_approve(const struct cli_run *run);
int officer_reject(const struct cli_run *run);
int officer_request(const struct cli_run *run);
int officer_statement(const struct cli_run *run);
int officer_verify(const struct cli_run *run);
int officer_agree(const struct cli_run *run);
int officer_page(const struct cli_run *run);
int officer_words(const struct cli_run *run);
int officer_keys(const struct cli_run *run);
int officer_roster(const struct cli_run *run);
int officer_entry(const struct cli_run *run);
int officer_policy(const struct cli_run *run);

/* Puts the name of the file that it is about before the detail of the last failure; `err` again. */
PS_MUST_USE enum ps_err officer_name_file(const char *path, enum ps_err err);

/* Says the detail of the last failure in one sentence on standard error; the exit code of `err`. */
int officer_failed(enum ps_err err);

#endif
