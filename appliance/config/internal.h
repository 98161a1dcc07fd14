#ifndef APPLIANCE_CONFIG_INTERNAL_H
#define APPLIANCE_CONFIG_INTERNAL_H

#include "appliance/config/table.h"

/* One line of mistakes; `line` 0 when none is to be named. */
PS_PRINTF(4, 5)
void config_put_error(struct ps_buf *errors, const char *path, int line, const char *format, ...);

/*
 * What no single key can tell: listeners without an address, two PINs for one token, and settles
 * what has a default that depends on the machine. False when there are mistakes.
 */
bool config_check_rules(struct config *config, struct ps_buf *errors);

#endif
