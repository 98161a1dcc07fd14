#ifndef APPLIANCE_ROLE_H
#define APPLIANCE_ROLE_H

#include "lib/base/loop.h"
#include "lib/ipc/messages_supervisor.h"

/* The supervisor's channel is this descriptor of every role. */
#define ROLE_CHANNEL_FD 3

/* Which role of which kind: what a command line, a log line and msg_peer say. */
struct role_id {
    enum ipc_role role;
    const char *token; /* "" but for token processes */
    uint32_t number;
};

/* "keeper", "api clients", "token a/0": as argv and log lines show it. */
#define ROLE_LABEL_MAX 64
void role_label(const struct role_id *id, char ret_label[ROLE_LABEL_MAX]);

bool role_equal(const struct role_id *a, const struct role_id *b);

/*
 * The programs behind the roles. Each runs until the supervisor's channel ends or msg_stop is
 * obeyed, and returns the exit code.
 */
struct role_programs {
    int (*api)(struct ps_loop *loop, int supervisor_fd, const struct msg_api_config *config);
    int (*keeper)(struct ps_loop *loop, int supervisor_fd, const struct msg_keeper_config *config);
    int (*token)(struct ps_loop *loop, int supervisor_fd, const struct msg_token_config *config);
};

/* True when the command line is that of a role rather than of the supervisor. */
bool role_is_asked_for(int argc, char **argv);

/*
 * Runs a role: receives its configuration, enters its sandbox, calls its program. Returns the exit
 * code of the process.
 */
int role_run(int argc, char **argv, const struct role_programs *programs);

#endif
