#ifndef FRONTENDS_OIDC_DPOP_H
#define FRONTENDS_OIDC_DPOP_H

#include "frontends/oidc/store.h"
#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

/* Demonstrating Proof of Possession (RFC 9449). */

#define DPOP_MAX      8192u
#define DPOP_LEEWAY_S 15u
#define DPOP_AGE_S    60u

/* The thumbprint of a proof's key: RFC 7638. */
struct dpop_key {
    char jkt[PUBLIC_KEY_KID_LEN];
};

/* What a proof has to say. */
struct dpop_request {
    struct store *store;
    struct json *json;
    const char *method;
    const char *url; /* without query */
    uint64_t now_s;
};

/*
 * A proof is used once, like an assertion.
 * Errors: PS_E_DENIED: it proves nothing, the detail says why; those of the store
 */
PS_MUST_USE enum ps_err dpop_check(const struct dpop_request *request, struct ps_bytes proof,
                                   struct dpop_key *ret_key);

#endif
