#ifndef FORMATS_PUBLIC_KEY_PUBLIC_KEY_H
#define FORMATS_PUBLIC_KEY_PUBLIC_KEY_H

#include "lib/base/algorithm.h"
#include "lib/base/buf.h"

struct json_value;

/*
 * A public key and what can be done with it: verify, and be written as JWK, PEM or DER. Immutable
 * after it was made; used by one thread at a time (it caches OpenSSL contexts).
 */
struct public_key;

/* RFC 7638 thumbprint, SHA-256, base64url: 43 characters. */
#define PUBLIC_KEY_KID_LEN 43u

/*
 * All refuse what we do not support and what is invalid: points off the curve or of small order,
 * compressed points, other curves, RSA of other than 2048, 3072 or 4096 bits or with an exponent
 * that is even, below 65537 (3 and 17 included) or over 64 bits, DER that is not the one encoding
 * of its key, and JWKs with a private member. Other members of a JWK (alg, use, ...) are not looked
 * at. Errors: PS_E_INPUT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err public_key_from_spki(struct ps_bytes der, struct public_key **ret_key);
PS_MUST_USE enum ps_err public_key_from_jwk(struct ps_bytes json, struct public_key **ret_key);
PS_MUST_USE enum ps_err public_key_from_jwk_value(struct json_value jwk,
                                                  struct public_key **ret_key);
/* The same of a JWK that nothing is verified with; whether its point is on the curve is not asked.
 */
PS_MUST_USE enum ps_err public_key_check_jwk_form(struct json_value jwk);
PS_MUST_USE enum ps_err public_key_from_pem(struct ps_bytes pem, struct public_key **ret_key);
/*
 * The public key as a Multikey has it after its codec: of Ed25519 the 32 octets of RFC 8032, of EC
 * keys the compressed point (SEC 1 section 2.3.3).
 */
PS_MUST_USE enum ps_err public_key_from_point(enum ps_key_type type, struct ps_bytes octets,
                                              struct public_key **ret_key);
/* DER; takes the key only, checks no signature, date or path. */
PS_MUST_USE enum ps_err public_key_from_certificate(struct ps_bytes der,
                                                    struct public_key **ret_key);
/* The same, and PS_E_STATE outside the certificate's dates (RFC 5280 section 4.1.2.5). */
PS_MUST_USE enum ps_err public_key_from_current_certificate(struct ps_bytes der, uint64_t now_s,
                                                            struct public_key **ret_key);
void public_key_free(struct public_key *key);
PS_DEFINE_CLEANUP(struct public_key, public_key_free)

enum ps_key_type public_key_type(const struct public_key *key);
struct ps_bytes public_key_kid(const struct public_key *key);  /* the thumbprint's text */
struct ps_bytes public_key_spki(const struct public_key *key); /* DER */

/*
 * The JWK's members in lexical order (RFC 7517), with `kid`, and `alg` and `use` where given.
 * `alg`: PS_ALG_NONE to leave it out. `use`: "sig", "enc" or NULL.
 */
void public_key_put_jwk(const struct public_key *key, enum ps_alg alg, const char *use,
                        struct ps_buf *out);
/* The members that RFC 7638 hashes and no others, in its form. */
void public_key_put_bare_jwk(const struct public_key *key, struct ps_buf *out);
void public_key_put_pem(const struct public_key *key, struct ps_buf *out);

/*
 * Verifies a raw signature (ECDSA: R || S of exactly twice the field's length, each in [1, n-1]).
 * message: what was signed; hashed here as the algorithm says.
 * digest:  already hashed (not for EdDSA: PS_E_INPUT).
 * Errors:  PS_E_DENIED: it does not verify. PS_E_INPUT: the key does not do this algorithm.
 */
PS_MUST_USE enum ps_err public_key_verify(struct public_key *key, enum ps_alg alg,
                                          struct ps_bytes message, struct ps_bytes signature);
PS_MUST_USE enum ps_err public_key_verify_digest(struct public_key *key, enum ps_alg alg,
                                                 struct ps_bytes digest, struct ps_bytes signature);

/*
 * What comes in for the private half of a key: whether octets are a ciphertext of its length and
 * below its modulus (RSA), and whether X || Y is a point of its curve (EC; RFC 7518 section 6.2.1).
 */
bool public_key_may_open(const struct public_key *key, struct ps_bytes sealed);
bool public_key_has_point(const struct public_key *key, struct ps_bytes point);
/* X || Y of an EC key; empty for others. */
struct ps_bytes public_key_point(const struct public_key *key);

/* ECDSA: R || S to DER (X9.62 ECDSA-Sig-Value) and back. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err ecdsa_put_der(struct ps_bytes raw, struct ps_buf *out);
PS_MUST_USE enum ps_err ecdsa_from_der(struct ps_bytes der, size_t coordinate, struct ps_buf *out);

/*
 * The form in which an ECDSA signature goes into the log: R || min(S, n - S), since the mirrored
 * S verifies too. Other algorithms' signatures are their own form. `out`: PS_SIGNATURE_MAX octets.
 */
PS_MUST_USE enum ps_err signature_log_form(enum ps_alg alg, struct ps_bytes signature, uint8_t *out,
                                           size_t *ret_len);

/*
 * Appends the RSA-OAEP encryption with SHA-256, MGF1 with SHA-256 and no label (RFC 8017 section
 * 7.1.1), as long as the modulus. `message`: a key, of at most 190 octets.
 * Errors: PS_E_INPUT (no RSA key), PS_E_INTERNAL; the buffer's.
 */
PS_MUST_USE enum ps_err public_key_encrypt_oaep(const struct public_key *key,
                                                struct ps_bytes message, struct ps_buf *out);

/*
 * Makes a key pair for this one time on the key's curve, and the secret that both then have: the X
 * coordinate at full length (NIST SP 800-56A section 5.7.1.2). The caller frees the public half and
 * wipes the secret; the private half is gone. Errors: PS_E_INPUT (no EC key), PS_E_INTERNAL.
 */
#define PUBLIC_KEY_Z_MAX 66u
PS_MUST_USE enum ps_err public_key_agree(const struct public_key *key,
                                         struct public_key **ret_ephemeral,
                                         uint8_t ret_z[PUBLIC_KEY_Z_MAX], size_t *ret_z_len);

#endif
