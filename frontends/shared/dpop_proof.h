#ifndef FRONTENDS_SHARED_DPOP_PROOF_H
#define FRONTENDS_SHARED_DPOP_PROOF_H

#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

/*
 * Proofs of possession (RFC 9449), but for what needs a memory: whether the nonce is one that was
 * given out, and whether the jti was used.
 */

#define DPOP_MAX      8192u
#define DPOP_LEEWAY_S 15u
#define DPOP_AGE_S    60u

/* The algorithms that are taken, between spaces. */
#define DPOP_ALGORITHMS "RS256 PS256 ES256"

/* What a proof has to say. */
struct dpop_expected {
    const char *method;
    const char *url;       /* without query */
    struct ps_bytes token; /* that it is shown with; empty: none */
    uint64_t now_s;
};

struct dpop_proof {
    char jkt[PUBLIC_KEY_KID_LEN]; /* its key's thumbprint: RFC 7638 */
    struct ps_bytes jti;
    struct ps_bytes nonce; /* empty: none */
    uint64_t issued_s;     /* until DPOP_AGE_S + DPOP_LEEWAY_S later it could be shown again */
};

/*
 * memory: what is read borrows from it, and from `json`
 * Errors: PS_E_DENIED, the detail says why; PS_E_NO_MEMORY
 * Source: RFC 9449 section 4.3
 */
PS_MUST_USE enum ps_err dpop_proof_read(struct ps_bytes text, const struct dpop_expected *expected,
                                        struct json *json, struct ps_buf *memory,
                                        struct dpop_proof *ret_proof);

#endif
