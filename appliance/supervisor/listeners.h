#ifndef APPLIANCE_SUPERVISOR_LISTENERS_H
#define APPLIANCE_SUPERVISOR_LISTENERS_H

#include "appliance/config/config.h"
#include "lib/ipc/messages_supervisor.h"
#include "lib/system/place.h"

/*
 * The listening sockets, opened once by the supervisor and handed to each api process that it
 * starts, so that a client's connection waits rather than fails while one is made anew.
 */
struct listener {
    int fd; /* -1: not configured */
    enum listener_kind kind;
    char address[256]; /* path, or "127.0.0.1:8443" */
    bool is_ours;      /* a Unix socket made here, to be removed at the end */
    struct place_file file;
};

enum { LISTENER_OF_CLIENTS, LISTENER_OF_MANAGEMENT, LISTENER_OWNERS };

/* By owner: the Unix socket and the TLS port. */
enum { LISTENER_PLACE_UNIX, LISTENER_PLACE_TLS, LISTENER_PLACES };
struct listeners {
    struct listener of[LISTENER_OWNERS][LISTENER_PLACES];
    struct listener console; /* the keeper's, for local administrators */
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

/* Whose TLS port was opened. */
struct listeners_added {
    bool tls[LISTENER_OWNERS];
};

/*
 * Opens the TLS ports that a configuration names and that are not open yet; after an error all is
 * as before. Errors: as listeners_open.
 */
PS_MUST_USE enum ps_err listeners_add_tls(const struct config *config, struct listeners *listeners,
                                          struct listeners_added *ret_added);

/* Closes all and removes the socket files that are still ours. */
void listeners_close(struct listeners *listeners);

#endif
