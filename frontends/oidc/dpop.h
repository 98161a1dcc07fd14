#ifndef FRONTENDS_OIDC_DPOP_H
#define FRONTENDS_OIDC_DPOP_H

#include "frontends/oidc/store.h"
#include "frontends/shared/dpop_proof.h"

/* Demonstrating Proof of Possession (RFC 9449). */

/* The thumbprint of a proof's key: RFC 7638. */
struct dpop_key {
    char jkt[PUBLIC_KEY_KID_LEN];
};

/*
 * Values that a proof has to have, so that nobody can make proofs for later: the newest, and the
 * one before it. Both are random and are made anew after DPOP_NONCE_S.
 */
#define DPOP_NONCE_S   30u
#define DPOP_NONCE_LEN 22u
struct dpop_nonces {
    char newest[DPOP_NONCE_LEN + 1];
    char before[DPOP_NONCE_LEN + 1];
    uint64_t since_s;
};
const char *dpop_nonce(struct dpop_nonces *nonces, uint64_t now_s);

/* What a proof has to say. */
struct dpop_request {
    struct store *store;
    struct json *json;
    const char *method;
    const char *url;            /* without query */
    struct dpop_nonces *nonces; /* NULL: it needs none */
    struct ps_bytes token;      /* that it is shown with; empty: none */
    uint64_t now_s;
};

/*
 * A proof is used once, like an assertion.
 * Errors: PS_E_STATE: it has not one of the nonces; PS_E_DENIED: it proves nothing, the detail says
 * why; those of the store
 */
PS_MUST_USE enum ps_err dpop_check(const struct dpop_request *request, struct ps_bytes proof,
                                   struct dpop_key *ret_key);

#endif
