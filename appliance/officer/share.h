#ifndef APPLIANCE_OFFICER_SHARE_H
#define APPLIANCE_OFFICER_SHARE_H

#include "appliance/cli/cli.h"

/* What an officer does with a share of a PIN, offline. Each gives an exit code. */
int officer_share_key(const struct cli_run *run);
int officer_share_print(const struct cli_run *run);
int officer_share_open(const struct cli_run *run);
int officer_share_seal(const struct cli_run *run);

#endif
