#ifndef FORMATS_JOSE_JWS_H
#define FORMATS_JOSE_JWS_H

#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

/*
 * JSON Web Signature (RFC 7515), unencoded payload (RFC 7797), EdDSA (RFC 8037), JWT (RFC 7519).
 * Building is done by the keeper, which signs; parsing and verifying by the api.
 */

struct jws_header {
    enum ps_alg alg;
    struct ps_bytes kid;
    struct ps_bytes members;  /* JSON object of the caller's own members; empty: none */
    const char *type;         /* `typ`, when `members` has none; NULL: none */
    struct ps_bytes x5c;      /* JSON array, or empty */
    struct ps_bytes x5t_s256; /* base64url, or empty */
    struct ps_bytes jwk;      /* JSON object, or empty */
    bool unencoded;           /* adds "b64":false and "crit":["b64"] */
};

/*
 * Appends the protected header's JSON: alg, kid and ours first, then the caller's members with
 * their own octets. Errors: PS_E_INPUT when `members` is no strict JSON object, or sets one that is
 * ours (alg, kid, x5c, x5t, x5t#S256, x5u, jku, jwk, crit, b64); the detail names it.
 * An `alg` equal to ours is allowed. `typ` and `cty` are strings. PS_E_DENIED when `members` has
 * the `typ` of an SD-JWT: what that says of the payload is checked before it is said (sd_jwt.h).
 */
PS_MUST_USE enum ps_err jws_put_header(const struct jws_header *header, struct ps_buf *out);

/*
 * Appends BASE64URL(header) "." payload, RFC 7515 section 5.1; the payload base64url-encoded
 * unless `unencoded`. `*ret_header_len`: octets of the encoded header, without the dot.
 */
PS_MUST_USE enum ps_err jws_put_signing_input(struct ps_bytes header_json, struct ps_bytes payload,
                                              bool unencoded, struct ps_buf *out,
                                              size_t *ret_header_len);

enum jws_serialization { JWS_COMPACT, JWS_JSON, JWS_DETACHED };

/* Assembles what a client gets. `payload`: octets. With `unencoded` only JWS_DETACHED and JWS_JSON
 * (of a payload that is UTF-8), and JWS_COMPACT of a payload in the URL-safe characters without a
 * dot (RFC 7797 section 5.2). Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err jws_put(enum jws_serialization serialization, struct ps_bytes header_b64,
                                struct ps_bytes payload, bool unencoded, struct ps_bytes signature,
                                struct ps_buf *out);

/* A JWS from outside. Octet fields borrow from the text or from `memory`. */
struct jws_parsed {
    struct ps_bytes header_b64;
    struct ps_bytes header;  /* JSON, decoded */
    struct ps_bytes payload; /* octets; for a detached one what the caller handed over */
    struct ps_bytes payload_as_signed;
    struct ps_bytes signature;
    enum ps_alg alg;
    struct ps_bytes kid; /* empty: none */
    bool unencoded;
};

/*
 * text:     compact, or flattened JSON (RFC 7515 section 7.2.2), or general JSON with one signature
 * detached: the payload of a detached one; NULL or data NULL: there must be a payload inside
 * memory:   gets what has to be decoded: at most 3 times the text and 4/3 of a detached payload
 * Errors:   PS_E_INPUT: malformed, an unknown `crit`, an algorithm that is not ours (`none`
 *           included), an unprotected header that names one of ours or repeats a member;
 *           the buffer's
 */
PS_MUST_USE enum ps_err jws_parse(struct ps_bytes text, const struct ps_bytes *detached,
                                  struct ps_buf *memory, struct jws_parsed *ret_jws);

/* Errors: PS_E_DENIED (does not verify), PS_E_INPUT (the key does not do the algorithm). */
PS_MUST_USE enum ps_err jws_verify(const struct jws_parsed *jws, struct public_key *key);

/* What `jwt/sign` appends where it is absent. */
struct jwt_defaults {
    uint64_t now_s;
    uint32_t ttl_s;      /* 0: no `exp` unless the claims have one */
    struct ps_bytes jti; /* text */
};

/* What a key may pin for the JWTs it signs; empty or 0: not pinned. */
struct jwt_pins {
    struct ps_bytes issuer;
    uint32_t max_ttl_s;
};

/*
 * Checks claims that are signed as they are. Errors: as jwt_put_payload, which checks the same of
 * claims that it completes.
 */
PS_MUST_USE enum ps_err jwt_check_claims(struct json_value claims, uint64_t now_s,
                                         const struct jwt_pins *pins);

/*
 * Appends the payload: the claims' own octets, and iat, exp, jti before the closing brace where
 * they are absent. Errors: PS_E_INPUT (no strict JSON object; iat, exp, nbf no integers; iss, sub,
 * jti no strings), PS_E_DENIED (against a pin: another iss or none, lives too long counted from now
 * or from its iat, no exp; the detail says which).
 */
PS_MUST_USE enum ps_err jwt_put_payload(struct ps_bytes claims, const struct jwt_defaults *defaults,
                                        const struct jwt_pins *pins, struct ps_buf *out);

#endif
