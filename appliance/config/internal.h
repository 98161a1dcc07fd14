#ifndef APPLIANCE_CONFIG_INTERNAL_H
#define APPLIANCE_CONFIG_INTERNAL_H

#include "appliance/config/table.h"

/*
 * What no single key can tell: listeners without an address, two PINs for one token, and settles
 * what has a default that depends on the machine. False when there are mistakes.
 */
bool config_check_rules(struct config *config, struct ps_buf *errors);

#endif
