#ifndef FORMATS_COSE_CWT_H
#define FORMATS_COSE_CWT_H

#include "lib/formats/cose/cbor.h"

/* CBOR Web Token (RFC 8392): the claims; what signs them is COSE_Sign1. */

/* RFC 8392 section 4. */
enum { CWT_ISS = 1, CWT_SUB, CWT_AUD, CWT_EXP, CWT_NBF, CWT_IAT, CWT_CTI };

/* What is appended where it is absent. */
struct cwt_defaults {
    uint64_t now_s;
    uint32_t ttl_s;      /* 0: no `exp` unless the claims have one */
    struct ps_bytes cti; /* octets */
};

/*
 * Appends the payload: the claims' map, and iat, exp, cti in it where they are absent.
 * Errors: PS_E_INPUT (no map in the ordered form, a label that is neither integer nor text; iss or
 * sub no text, aud neither text nor an array of texts, exp, nbf, iat no whole number of seconds,
 * cti no byte string)
 */
PS_MUST_USE enum ps_err cwt_put_claims(struct ps_bytes claims, const struct cwt_defaults *defaults,
                                       struct ps_buf *out);

#endif
