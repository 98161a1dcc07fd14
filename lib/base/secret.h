#ifndef PS_BASE_SECRET_H
#define PS_BASE_SECRET_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * Octets that must not leave this process: in pages of their own that are not swapped, not dumped,
 * not inherited over fork, and not readable by other processes where the kernel has memfd_secret.
 * Wiped on free. There is deliberately no way to print one.
 */
struct ps_secret;

#define PS_SECRET_MAX 4096u

/* A copy of `octets` (at most PS_SECRET_MAX). Errors: PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err ps_secret_new(struct ps_bytes octets, struct ps_secret **ret_secret);

/*
 * Reads a secret from a descriptor to its end; one trailing newline is dropped.
 * Errors: PS_E_INPUT (empty), PS_E_LIMIT, PS_E_STORAGE (read failed), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err ps_secret_read_fd(int fd, struct ps_secret **ret_secret);

void ps_secret_free(struct ps_secret *secret);
PS_DEFINE_CLEANUP(struct ps_secret, ps_secret_free)

struct ps_bytes ps_secret_bytes(const struct ps_secret *secret);

/* Overwrites memory in a way the compiler keeps. */
void ps_wipe(void *data, size_t len);

#endif
