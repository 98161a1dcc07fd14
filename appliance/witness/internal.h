#ifndef APPLIANCE_WITNESS_INTERNAL_H
#define APPLIANCE_WITNESS_INTERNAL_H

#include "appliance/witness/witness.h"
#include "lib/base/secret.h"
#include "lib/ceremony/log/key.h"

#define WITNESS_PATH_MAX 1024u

struct witness {
    char *directory;
    int seen_fd; /* of its directory `seen`: locked while one checkpoint is judged */
    struct note_key key;
    struct ps_secret *secret; /* 32 octets: the seed of RFC 8032 */
    struct ps_buf name;       /* that `key` borrows */
};

/* Reads the file `logs` anew, so that a log can be added while it serves. Errors: PS_E_NOT_FOUND.
 */
PS_MUST_USE enum ps_err witness_find_log(const struct witness *witness, struct ps_bytes origin,
                                         struct note_key *ret_key);

PS_MUST_USE enum ps_err witness_key_sign(const struct ps_secret *seed, struct ps_bytes message,
                                         uint8_t ret_signature[64]);

#endif
