#ifndef PRIVYSEAL_APPLIANCE_PROCESSOR_H
#define PRIVYSEAL_APPLIANCE_PROCESSOR_H

#include "lib/ipc/messages_supervisor.h"

/*
 * Where a token has several processes that compute in one thread each, this one stays on a
 * processor of its own, or shares it with as few of them as there are processors for (number modulo
 * those that this process may use). The kernel moves none that ran a moment ago, so that two of
 * them would wait for each other beside a processor with nothing to do. A process that waits for a
 * network, with threads, or is the only one of its token goes wherever there is room. Call before
 * the sandbox, which forbids it; where the kernel does, nothing fails.
 */
void role_settle_processor(const struct msg_token_config *config);

/* That this process may use; 1 when that is not known. */
unsigned processor_count(void);

#endif
