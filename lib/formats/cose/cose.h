#ifndef FORMATS_COSE_COSE_H
#define FORMATS_COSE_COSE_H

#include "lib/formats/cose/cbor.h"
#include "lib/formats/public_key/public_key.h"

/*
 * COSE_Sign1 (RFC 9052, algorithms of RFC 9053, 8230 and 8812, certificates of RFC 9360). Building
 * is done by the keeper, which signs; parsing and verifying by the api.
 */

/* Header parameters: RFC 9052 section 3.1, RFC 9360 section 2. */
enum {
    COSE_ALG = 1,
    COSE_CRIT = 2,
    COSE_CONTENT_TYPE = 3,
    COSE_KID = 4,
    COSE_IV = 5,
    COSE_PARTIAL_IV = 6,
    COSE_X5BAG = 32,
    COSE_X5CHAIN = 33,
    COSE_X5T = 34,
    COSE_X5U = 35
};

/* RFC 9052 section 2, RFC 8392 section 6. */
enum { COSE_TAG_SIGN1 = 18, COSE_TAG_CWT = 61 };

/* Of one header, with all that is in it; and how many parameters. */
#define COSE_HEADER_MAX     (64u * 1024u)
#define COSE_PARAMETERS_MAX CBOR_UNORDERED_MAX

/* What one of the two headers gets. */
struct cose_header {
    enum ps_alg alg;              /* the protected one; NONE: the unprotected one */
    struct ps_bytes kid;          /* empty: none */
    const struct ps_bytes *chain; /* x5chain: DER, the signer's first; NULL: none */
    size_t chain_count;
    struct ps_bytes leaf_hash; /* x5t: SHA-256 of the signer's certificate; empty: none */
    struct ps_bytes members;   /* the caller's own parameters: a CBOR map, or empty */
};

/*
 * Appends the header's map, an empty one as a map without entries; ours and the caller's parameters
 * in the order of their labels.
 * Errors: PS_E_INPUT when `members` is no map in the ordered form, or has a parameter that is ours
 * (alg, kid, x5bag, x5chain, x5t) or of the wrong type, or `crit` that is not protected, empty, or
 * names what is not in this header; the detail names the label
 */
PS_MUST_USE enum ps_err cose_put_header(const struct cose_header *header, struct ps_buf *out);

/* RFC 9052 section 3: no label in both. Errors: PS_E_INPUT; the detail names it. */
PS_MUST_USE enum ps_err cose_check_disjoint(struct ps_bytes protected_map,
                                            struct ps_bytes unprotected_map);

/* What is signed: RFC 9052 section 4.4. Its octets, once encoded, follow each other as here. */
struct cose_to_sign {
    struct ps_bytes protected_map;
    struct ps_bytes external_aad;
    struct ps_bytes payload;
};

/*
 * Appends Sig_structure. The protected header stands in it, encoded as a byte string,
 * COSE_SIG_HEADER_AT octets behind its start; `*ret_header_len` is how long that is.
 */
#define COSE_SIG_HEADER_AT 12u
PS_MUST_USE enum ps_err cose_put_sig_structure(const struct cose_to_sign *what, struct ps_buf *out,
                                               size_t *ret_header_len);

/* A finished COSE_Sign1. */
struct cose_sign1 {
    struct ps_bytes protected_header; /* encoded as a byte string */
    struct ps_bytes unprotected;      /* encoded as a map */
    struct ps_bytes payload;
    struct ps_bytes signature;
    bool is_detached; /* the payload is not in it */
    bool is_tagged;   /* 18 */
    bool is_cwt;      /* 61 before it */
};
void cose_put_sign1(const struct cose_sign1 *sign1, struct ps_buf *out);

/* A COSE_Sign1 from outside. Octets are borrowed from it. */
struct cose_parsed {
    struct ps_bytes protected_map; /* as signed; empty when it has no entries */
    struct ps_bytes unprotected;
    struct ps_bytes payload; /* of a detached one what the caller handed over */
    struct ps_bytes signature;
    enum ps_alg alg;          /* of the protected header; NONE: it has none */
    enum ps_alg unsigned_alg; /* of the other one: only what somebody wrote there */
    struct ps_bytes kid;      /* of either; empty: none */
};

/*
 * octets:   tagged with 18, or with 61 and 18, or not tagged
 * detached: the payload of a detached one; NULL or data NULL: there must be a payload inside
 * Errors:   PS_E_INPUT: malformed, a label twice or in both headers, a parameter of the wrong type,
 *           an algorithm that is not ours, `crit` with what we do not understand, another tag
 */
PS_MUST_USE enum ps_err cose_parse(struct ps_bytes octets, const struct ps_bytes *detached,
                                   struct cose_parsed *ret_cose);

/*
 * `alg`: the protected header's, or what the verifier knows from elsewhere where that has none.
 * Errors: PS_E_DENIED (does not verify), PS_E_INPUT (the key does not do the algorithm).
 */
PS_MUST_USE enum ps_err cose_verify(const struct cose_parsed *cose, struct ps_bytes external_aad,
                                    enum ps_alg alg, struct public_key *key);

/* PS_ALG_NONE: not one of ours. */
enum ps_alg cose_alg_by_number(int64_t number);

/*
 * COSE_Key (RFC 9052 section 7, RFC 9053 section 7, RFC 8230). The same strictness as for a JWK;
 * compressed points, private members and keys that may not verify are refused.
 * `*ret_alg`: what the key says it is for; NONE: nothing. Errors: PS_E_INPUT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err cose_key_read(struct ps_bytes octets, struct public_key **ret_key,
                                      enum ps_alg *ret_alg);
/* With `kid` (the thumbprint's text), and `alg` unless PS_ALG_NONE. */
PS_MUST_USE enum ps_err cose_key_put(const struct public_key *key, enum ps_alg alg,
                                     struct ps_buf *out);

#endif
