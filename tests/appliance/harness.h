#ifndef TESTS_APPLIANCE_HARNESS_H
#define TESTS_APPLIANCE_HARNESS_H

#include "lib/base/buf.h"

#include <sys/types.h>

/* A supervisor with probe roles in a directory of its own, and its log lines as they come. */
struct harness {
    char directory[64];
    char config[128];
    pid_t pid;
    int lines_fd;
    int notify_fd;
    struct ps_buf seen; /* all lines so far, those that were waited for with a mark */
};

/* Makes the directory with all files that `harness_write_config` names. */
void harness_set_up(struct harness *harness);

/* Of token a: another file in its place, with this in it. */
void harness_write_module(const struct harness *harness, const char *text);

/* Ends the supervisor if it runs, and removes the directory. */
void harness_tear_down(struct harness *harness);

/* Writes the configuration; the texts go into [appliance] and [token a]. */
void harness_write_config(struct harness *harness, const char *appliance, const char *token);

/* The same with the header and further lines of [clients]. */
void harness_write_config_with(struct harness *harness, const char *clients);

/*
 * Starts the supervisor. `environment`: further "NAME=value", NULL-terminated, or NULL.
 * passed_fd: a listening socket to be passed as systemd does, or -1
 */
void harness_start(struct harness *harness, const char *const *environment, int passed_fd);

/* Starts it and waits until it is ready. */
void harness_start_ready(struct harness *harness);

/*
 * Takes the first log line that holds all the texts (a NULL ends them) and that no call took
 * before, wherever it stands: lines of several processes come in no order, so that those before it
 * stay for other calls. Who waits for the second of a kind takes the first one before what brings
 * the second about. Valid until the next call. Fails the test after 60 s, showing all lines.
 */
const char *harness_wait_line(struct harness *harness, ...) __attribute__((sentinel));

/* True when such a line has come so far. */
bool harness_has_line(const struct harness *harness, const char *text);

/* Waits for a datagram to the notify socket that holds the text. */
void harness_wait_notify(struct harness *harness, const char *text);

/* The number after "name": in a line. */
unsigned long harness_number(const char *line, const char *name);

/* The process of a role, by its latest "role_started" line; waits for the first one. */
pid_t harness_pid_of(struct harness *harness, const char *role);

/* Waits until another process than this one has the role, and returns it. */
pid_t harness_wait_replaced(struct harness *harness, const char *role, pid_t before);

/* Waits until the process is gone; fails the test after 60 s. */
void harness_wait_gone(pid_t pid);

/* Waits for the end of the supervisor; its wait status. */
int harness_wait_end(struct harness *harness);

#endif
