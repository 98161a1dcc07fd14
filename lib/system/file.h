#ifndef SYSTEM_FILE_H
#define SYSTEM_FILE_H

#include "lib/base/buf.h"
#include "lib/base/hash.h"

/*
 * Reads a regular file whole.
 *
 * ret_content: made here with `max`; to be cleared by the caller, also after an error
 * Errors: PS_E_NOT_FOUND, PS_E_DENIED, PS_E_LIMIT (more than max), PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err file_read(const char *path, size_t max, struct ps_buf *ret_content);
/* The same, and ret_content is a buffer for secrets. */
PS_MUST_USE enum ps_err file_read_secret(const char *path, size_t max, struct ps_buf *ret_content);

/* SHA-256 of a file of any size. Errors: as file_read. */
PS_MUST_USE enum ps_err file_hash(const char *path, uint8_t ret_sha256[PS_SHA256_LEN]);

/*
 * Opens a regular file that only its owner may read or write, and whose owner is root or whoever
 * runs this: for PINs and keys. Errors: PS_E_NOT_FOUND, PS_E_DENIED, PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err file_open_private(const char *path, int *ret_fd);

/*
 * Writes a file anew, whole or not at all, and syncs it.
 *
 * mode:   of the new file, e.g. 0600
 * Errors: PS_E_STORAGE
 */
PS_MUST_USE enum ps_err file_write(const char *path, struct ps_bytes content, unsigned mode);

/* The same for what need not outlive the machine's start: whole or not at all for who reads it. */
PS_MUST_USE enum ps_err file_write_unsynced(const char *path, struct ps_bytes content,
                                            unsigned mode);

/*
 * Writes a file that is not there yet, and syncs it: whoever sees it sees all of it, also after a
 * crash, and after a failure it is not there.
 * Errors: PS_E_CONFLICT (there is something of that name), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err file_create(const char *path, struct ps_bytes content, unsigned mode);

/*
 * True when a process of this user can reach the path: every directory above it lets others, or
 * this user, pass. Groups are not looked at: our roles have none but their own.
 */
bool file_reachable(const char *path, unsigned uid, unsigned gid);

/* For PS_CLEANUP; handing over with `*ret_fd = file_take(&fd);` leaves nothing to close. */
void file_close_cleanup(int *fd);
int file_take(int *fd);

#endif
