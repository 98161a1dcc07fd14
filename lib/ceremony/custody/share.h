#ifndef CEREMONY_CUSTODY_SHARE_H
#define CEREMONY_CUSTODY_SHARE_H

#include "lib/base/buf.h"
#include "lib/base/hash.h"
#include "lib/base/secret.h"

/*
 * A PIN in shares, m of n (Shamir over GF(2^8), by libgfshare). Fewer than m say nothing of it but
 * how long it is. Each share says whose it is and of which PIN, and all that is bound by its
 * commitment, so that one that is damaged, or somebody else's, is named before the PIN is put
 * together. Commitments are for all to see: a share has random octets besides its value, so that
 * nobody finds the value of a short PIN's share by trying.
 */

enum share_pin { SHARE_PIN_USER = 1, SHARE_PIN_SO = 2 };
const char *share_pin_name(enum share_pin pin); /* "user", "so" */

enum {
    SHARE_SET_LEN = 16,
    SHARE_BLIND_LEN = 16,
    SHARE_THRESHOLD_MIN = 2,
    SHARE_COUNT_MAX = 16,
    SHARE_VALUE_MAX = 255,   /* octets of the PIN, and of each share's value */
    SHARE_OCTETS_MAX = 1024, /* of what share_put writes */
};

/* Octet fields borrow. */
struct share {
    uint8_t set[SHARE_SET_LEN]; /* which splitting it is of */
    enum share_pin pin;
    uint8_t number; /* from 1 */
    uint8_t threshold;
    uint8_t count;
    struct ps_bytes token;   /* name (lib/base/name.h) */
    struct ps_bytes officer; /* name */
    struct ps_bytes value;   /* secret */
    struct ps_bytes blind;   /* secret: SHARE_BLIND_LEN random octets; empty: version 1 has none */
};

/*
 * The share's octets: "PSSHARE" and the version, 2; pin, threshold, count, number, one octet each;
 * set (16); token, officer and value, each after one octet of length; blind (16). Version 1 ends
 * before that; none is made any more. `out` has to be wiped.
 * Errors: PS_E_INPUT (a member out of its limits); the buffer's.
 */
PS_MUST_USE enum ps_err share_put(const struct share *share, struct ps_buf *out);

/* The reverse, strict. Fields borrow from `octets`. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err share_read(struct ps_bytes octets, struct share *ret_share);

/* SHA-256 over a name of this use and the share's octets. */
void share_commit(struct ps_bytes octets, uint8_t ret_commitment[PS_SHA256_LEN]);

/*
 * Splits a PIN of 1 to SHARE_VALUE_MAX octets. values[i] is of share number i + 1, as long as the
 * PIN.
 * Errors: PS_E_INPUT (bounds: 2 <= threshold <= count <= SHARE_COUNT_MAX), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err share_split(struct ps_bytes pin, unsigned threshold, unsigned count,
                                    struct ps_secret *ret_values[]);

/*
 * Puts `count` shares of different numbers together. With fewer than the threshold, or wrong ones,
 * what comes out is something else: compare it with the PIN's check value.
 * Errors: PS_E_INPUT (none, a number twice, values of different lengths), PS_E_NO_MEMORY.
 */
struct share_value {
    uint8_t number;
    struct ps_bytes value;
};
PS_MUST_USE enum ps_err share_combine(const struct share_value *shares, size_t count,
                                      struct ps_secret **ret_pin);

#endif
