#ifndef KEYSTORE_KEEPER_H
#define KEYSTORE_KEEPER_H

#include "lib/base/loop.h"
#include "lib/ipc/messages_supervisor.h"

/*
 * The keeper process: catalog, policy, logs; it builds what is signed and decides who may have it
 * signed. It has no listener and loads no PKCS#11 module.
 *
 * supervisor_fd: the supervisor's channel; taken over. The process is over when it ends.
 * config:        its octets live as long as the process
 * Returns the exit status: 0 when it was stopped or the supervisor is gone, else 1.
 */
int keeper_main(struct ps_loop *loop, int supervisor_fd, const struct msg_keeper_config *config);

#endif
