#ifndef PS_BASE_HASH_H
#define PS_BASE_HASH_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

#define PS_SHA256_LEN 32u
#define PS_HASH_MAX   64u

enum ps_hash { PS_SHA1, PS_SHA256, PS_SHA384, PS_SHA512 };

size_t ps_hash_len(enum ps_hash hash);

/*
 * Hashes the parts one after the other. `out` has room for ps_hash_len(hash) octets. Fails only
 * when OpenSSL itself does, which ends the process: there is no way on without a hash.
 */
void ps_hash_parts(enum ps_hash hash, const struct ps_bytes *parts, size_t count, uint8_t *out);
void ps_sha256(struct ps_bytes octets, uint8_t out[PS_SHA256_LEN]);

/* Frees what hashing keeps for the calling thread; for threads that end before the process does. */
void ps_hash_end_thread(void);

/* From the kernel's generator; never fails (ends the process instead). */
void ps_random(void *out, size_t len);

#endif
