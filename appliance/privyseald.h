#ifndef APPLIANCE_PRIVYSEALD_H
#define APPLIANCE_PRIVYSEALD_H

#include "appliance/role.h"

/* The whole program: the supervisor, or the role that the command line names. */
int privyseald_main(int argc, char **argv, const struct role_programs *programs);

#endif
