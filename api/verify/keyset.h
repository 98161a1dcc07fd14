#ifndef API_VERIFY_KEYSET_H
#define API_VERIFY_KEYSET_H

#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

/*
 * Public keys to verify with, from a JWK Set (RFC 7517) or from certificates that the caller
 * trusts. Which key is tried is decided by what the set says, never by what the signature carries.
 */
struct keyset_wish {
    bool is_ours;        /* the set comes from the keeper: as many keys as it has */
    enum ps_alg alg;     /* NONE: any */
    struct ps_bytes kid; /* empty: any; a key without one fits every wish */
    uint32_t version;    /* 0: any */
};

struct keyset_key {
    struct public_key *key;
    struct ps_bytes kid; /* as the set has it, else the thumbprint */
    enum ps_alg alg;     /* what the set says it is for; NONE: nothing */
    uint32_t version;    /* 0: the set does not say */
};

/* PS_OK: that was the key. PS_E_DENIED: try another. Other errors end the search. */
typedef enum ps_err keyset_try_fn(void *context, const struct keyset_key *key);

/*
 * Tries the keys that fit; of a set from outside few of them. Keys that we do not know how to use
 * are passed over. Errors: PS_E_DENIED (tried, in vain), PS_E_NOT_FOUND (none fits), PS_E_INPUT
 * (malformed, or more than KEYSET_MAX), those of `fn`
 */
#define KEYSET_MAX 64u
PS_MUST_USE enum ps_err keyset_try_jwks(struct json_value jwks, const struct keyset_wish *wish,
                                        keyset_try_fn *fn, void *context);

/* An array of strings: base64 of DER, as in `x5c` (RFC 7515 section 4.1.6). */
PS_MUST_USE enum ps_err keyset_try_certificates(struct json_value certificates,
                                                const struct keyset_wish *wish, keyset_try_fn *fn,
                                                void *context);

#endif
