#ifndef APPLIANCE_LISTENERS_H
#define APPLIANCE_LISTENERS_H

#include "appliance/config.h"
#include "lib/ipc/messages_supervisor.h"

#include <sys/types.h>

/*
 * The listening sockets, opened once by the supervisor and handed to each api process that it
 * starts, so that a client's connection waits rather than fails while one is made anew.
 */
struct listener {
    int fd; /* -1: not configured */
    enum listener_kind kind;
    char address[256]; /* path, or "127.0.0.1:8443" */
    bool is_ours;      /* a Unix socket made here, to be removed at the end */
    dev_t device;      /* of that socket's file */
    ino_t inode;
};

enum { LISTENER_OF_CLIENTS, LISTENER_OF_MANAGEMENT, LISTENER_OWNERS };

/* By owner: the Unix socket and the TLS port. */
struct listeners {
    struct listener of[LISTENER_OWNERS][2];
};

/*
 * Opens all listeners of a configuration, or takes those that systemd passed under the names
 * "clients", "clients-tls", "management" and "management-tls".
 *
 * Errors: PS_E_CONFLICT (another program serves there, or the path is no socket), PS_E_DENIED (the
 *         directory lets others replace the socket), PS_E_NOT_FOUND (group), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err listeners_open(const struct config *config,
                                       struct listeners *ret_listeners);

/* Closes all and removes the socket files that are still ours. */
void listeners_close(struct listeners *listeners);

/* What can be said of a Unix socket's place before it is made; errors as above. */
PS_MUST_USE enum ps_err listener_check_place(const char *path);

/* Group by name or number. Errors: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err listener_find_group(const char *name, gid_t *ret_gid);

#endif
