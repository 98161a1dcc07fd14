#ifndef PKCS11_USE_MECHANISM_H
#define PKCS11_USE_MECHANISM_H

#include "lib/base/algorithm.h"
#include "pkcs11/module/profile.h"

/*
 * The vocabulary of lib/base/algorithm.h in PKCS#11's words, as tables: key types, curves,
 * mechanisms and their parameters.
 */

struct mechanism_key_type {
    CK_KEY_TYPE ck;
    struct ps_bytes oid;  /* CKA_EC_PARAMS as an OBJECT IDENTIFIER in DER; empty: no curve */
    struct ps_bytes name; /* CKA_EC_PARAMS as a PrintableString in DER; empty: none */
};

/* `type` is a key type. */
const struct mechanism_key_type *mechanism_key_type(enum ps_key_type type);

/* The key type of an object, or PS_KEY_NONE. `modulus_bits`: of RSA, else 0. */
enum ps_key_type mechanism_recognise(CK_KEY_TYPE ck, struct ps_bytes ec_params, size_t modulus_bits,
                                     const struct profile *profile);

/* All that C_SignInit and C_Sign need. Not to be copied: it points into itself. */
struct mechanism_call {
    CK_MECHANISM mechanism;
    union {
        CK_RSA_PKCS_PSS_PARAMS pss;
        CK_EDDSA_PARAMS eddsa;
    } parameter;
    uint8_t digest_info[19 + PS_HASH_MAX];
    struct ps_bytes data;
    size_t signature_len; /* of the raw signature, exactly */
};

/*
 * Prepares one signature.
 *
 * data:   the digest, of exactly the hash's length, or for EdDSA the message; borrowed by ret_call
 * Errors: PS_E_INPUT (length), PS_E_DENIED (key and algorithm do not go together, or the profile
 *         does not offer the algorithm)
 * Source: RFC 8017 sections 8.1 and 9.2 (DigestInfo, notes 1), PKCS#11 v3.1 sections 6.1 and 6.3
 */
PS_MUST_USE enum ps_err mechanism_prepare(const struct profile *profile, enum ps_alg alg,
                                          enum ps_key_type type, struct ps_bytes data,
                                          struct mechanism_call *ret_call);

/* "CKM_ECDSA", or "0x80000142" for a vendor's own. False when it is neither. */
bool mechanism_by_name(struct ps_bytes name, CK_MECHANISM_TYPE *ret_mechanism);

/* NULL for one that is not in the table. */
const char *mechanism_name(CK_MECHANISM_TYPE mechanism);

#endif
