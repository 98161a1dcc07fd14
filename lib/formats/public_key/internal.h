#ifndef FORMATS_PUBLIC_KEY_INTERNAL_H
#define FORMATS_PUBLIC_KEY_INTERNAL_H

#include "lib/formats/public_key/public_key.h"

#include <openssl/evp.h>

/* The numbers of a public key: of RSA n and e, of the others the point. */
struct key_parts {
    enum ps_key_type type;
    struct ps_bytes n;     /* big-endian, no leading zeros */
    struct ps_bytes e;     /* the same */
    struct ps_bytes point; /* EC: X || Y of full length each; Ed25519: the 32 octets of RFC 8032 */
};

/* The type of RSA keys of so many modulus octets, or PS_KEY_NONE. */
enum ps_key_type key_rsa_type(size_t modulus_len);

/* Checks all of the parts but whether a point is on its curve. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err key_parts_check_form(const struct key_parts *parts);

/* Checks the parts and makes a key of them. Errors: PS_E_INPUT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err public_key_from_parts(const struct key_parts *parts,
                                              struct public_key **ret_key);

/* Reads SubjectPublicKeyInfo in the one form we write. The parts borrow from it. */
PS_MUST_USE enum ps_err key_parts_from_spki(struct ps_bytes der, struct key_parts *ret_parts);
void key_parts_put_spki(const struct key_parts *parts, struct ps_buf *out);

/* The members that RFC 7638 hashes, in its order and form. */
void key_parts_put_thumbprint(const struct key_parts *parts, struct ps_buf *out);

/* Errors: PS_E_INPUT when R || S is not of the curve's length, or R or S is not in [1, n - 1]. */
PS_MUST_USE enum ps_err ecdsa_check_raw(enum ps_key_type curve, struct ps_bytes raw);

struct public_key {
    struct key_parts parts; /* borrows from `spki` */
    struct ps_buf spki;
    char kid[PUBLIC_KEY_KID_LEN];          /* public_key_kid; NULs until it is asked for */
    EVP_PKEY *pkey;                        /* key_pkey */
    EVP_PKEY_CTX *verifiers[PS_ALG_COUNT]; /* made at the first use of each algorithm */
    bool is_used;                          /* on a curve: one signature was verified with it */
};

/* OpenSSL's own form of it, of RSA and EC keys; it lives as long. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err key_pkey(const struct public_key *key, EVP_PKEY **ret_pkey);

/* --- curve.c: keys of the family PS_FAMILY_EC; `point` is X || Y of full length each --- */

/* Errors: PS_E_INPUT (not on the curve), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err curve_check_point(enum ps_key_type type, struct ps_bytes point);
PS_MUST_USE enum ps_err curve_make_key(enum ps_key_type type, struct ps_bytes point,
                                       EVP_PKEY **ret_pkey);

/*
 * Verifies one signature in DER without making a key of OpenSSL's for it.
 * Errors: PS_E_BUSY (another thread does so now), PS_E_INPUT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err curve_verify_once(const struct key_parts *parts, struct ps_bytes digest,
                                          struct ps_bytes der, bool *ret_verifies);

#endif
