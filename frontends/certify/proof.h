#ifndef FRONTENDS_CERTIFY_PROOF_H
#define FRONTENDS_CERTIFY_PROOF_H

#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

/*
 * A wallet's proof that it has the key that a credential is to be bound to: proof type `jwt` of
 * OpenID4VCI 1.0, appendix F.1, and of its draft 13, section 7.2.1.1.
 */

#define PROOF_MAX (16u * 1024u)

/* How old a proof may be, and how far before its time; seconds. */
#define PROOF_AGE_MAX_S 300u
#define PROOF_SKEW_S    60u

/* The algorithms that are taken, as a JSON array. */
extern const char proof_algorithms[];

struct proof_expected {
    struct ps_bytes audience; /* the issuer's identifier */
    struct ps_bytes client;   /* `iss`, where it is there */
    uint64_t now_s;
};

struct proof {
    struct ps_buf did;   /* of the holder */
    struct ps_buf jwk;   /* his key's required members */
    struct ps_buf nonce; /* empty: none */
};
void proof_init(struct proof *proof);
void proof_clear(struct proof *proof);

/*
 * Checks everything but the nonce, which is the caller's to know; in the order that costs least.
 *
 * json:   is used for the header and the claims; nothing of it is kept
 * Errors: PS_E_INPUT, with a detail for the wallet's maker; PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err proof_check(struct ps_bytes jwt, const struct proof_expected *expected,
                                    struct json *json, struct proof *proof);

#endif
