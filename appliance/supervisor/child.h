#ifndef APPLIANCE_SUPERVISOR_CHILD_H
#define APPLIANCE_SUPERVISOR_CHILD_H

#include "appliance/role.h"
#include "appliance/supervisor/users.h"
#include "lib/ipc/channel.h"

/*
 * One role as the supervisor sees it: a process (by its pidfd, so that no other process is ever
 * meant), its channel, and what is known about its life.
 */
struct child;

struct child_spec {
    struct role_id id;
    bool separate; /* become `user` */
    struct role_user user;
};

struct child_events {
    /* The role says that it serves. */
    void (*on_ready)(void *context, struct child *child, struct ps_bytes status);
    /* The keeper says that a token process hangs. */
    void (*on_hung)(void *context, const struct msg_hung *hung);
    /* The keeper wants the PINs forgotten, or anew. */
    void (*on_pins)(void *context, const struct msg_pins *pins);
    /* The keeper has a PIN that officers released. */
    void (*on_pin_keep)(void *context, const struct msg_pin_keep *keep);
    /* The process is gone and reaped; it may be started again. */
    void (*on_end)(void *context, struct child *child);
};

/*
 * program_fd: the program to execute, over 3, close-on-exec
 * events, context: outlive the child
 */
PS_MUST_USE enum ps_err child_new(struct ps_loop *loop, const struct child_spec *spec,
                                  int program_fd, const struct child_events *events, void *context,
                                  struct child **ret_child);

/* Kills the process if there is one, and waits for it. */
void child_free(struct child *child);

/* Forks and executes the role. It does not run yet. Errors: PS_E_BUSY (no process to be had). */
PS_MUST_USE enum ps_err child_start(struct child *child);

/* Sending to a child that does not run is PS_E_STATE. */
PS_MUST_USE enum ps_err child_send(struct child *child, const struct ipc_message *info,
                                   const void *message);
PS_MUST_USE enum ps_err child_send_fd(struct child *child, const struct ipc_message *info,
                                      const void *message, int fd);

/* SIGKILL through the pidfd; on_end follows. Nothing if it does not run. */
void child_kill(struct child *child);

const struct role_id *child_id(const struct child *child);
const char *child_label(const struct child *child);
bool child_is_running(const struct child *child);
bool child_is_ready(const struct child *child);
pid_t child_pid(const struct child *child); /* 0: not running */

/* How long to wait before it is started anew; counts this end. */
uint64_t child_restart_wait_ns(struct child *child);

#endif
