#ifndef PRIVYSEAL_APPLIANCE_TURNS_H
#define PRIVYSEAL_APPLIANCE_TURNS_H

#include "lib/ipc/messages_common.h"

/*
 * How this process shares the processors with the other roles. Token processes compute in long
 * turns, the others pass work on in short ones. None is interrupted by work that arrives for
 * another, so that each passes on more of it at a time; the shorter turn goes first when a
 * processor is free. Call before threads are started, and before the sandbox, which forbids it. A
 * kernel that gives no turns of a process's own (before 6.12) does the rest of it; nothing fails.
 */
void role_settle_turns(enum ipc_role role);

#endif
