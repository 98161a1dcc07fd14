#ifndef SYSTEM_PLACE_H
#define SYSTEM_PLACE_H

#include "lib/base/err.h"

#include <stdint.h>
#include <sys/types.h>

/* Where a program listens. */
struct place_unix {
    const char *path;
    const char *group; /* by name or number; "": the program's own */
    mode_t mode;
};

struct place_tcp {
    const char *address; /* numeric, IPv4 or IPv6 */
    uint16_t port;
};

/* Which file a socket of ours is: another program may put its own in its place. */
struct place_file {
    dev_t device;
    ino_t inode;
};

/*
 * Listens at a path, where a socket that nobody listens on is replaced; non-blocking.
 *
 * Errors: PS_E_CONFLICT (another program serves there, or the path is no socket), PS_E_DENIED (the
 *         directory lets others replace the socket), PS_E_NOT_FOUND (group), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err place_listen_unix(const struct place_unix *place,
                                          struct place_file *ret_file, int *ret_fd);

/* Removes the socket that place_listen_unix made, if it is still that one. */
void place_remove_unix(const char *path, const struct place_file *file);

/* The same for TCP. Errors: PS_E_INPUT (no address), PS_E_CONFLICT (taken, or not ours to take). */
PS_MUST_USE enum ps_err place_listen_tcp(const struct place_tcp *place, int *ret_fd);

/* What can be said of a Unix socket's place before it is made; errors as above. */
PS_MUST_USE enum ps_err place_check_unix(const char *path);

/* Group by name or number. Errors: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err place_find_group(const char *name, gid_t *ret_gid);

#endif
