#ifndef FORMATS_JOSE_JWE_H
#define FORMATS_JOSE_JWE_H

#include "lib/formats/public_key/public_key.h"

/*
 * JSON Web Encryption (RFC 7516), compact, with the algorithms of two small tables. The api parses
 * what comes from outside and seals what goes out, which takes public keys only; the keeper opens,
 * with what a token made of its half. There is no compression and no "crit".
 */

/* How the content key reaches the recipient: RFC 7518 sections 4.3 and 4.6. */
enum jwe_alg { JWE_ALG_NONE, JWE_RSA_OAEP_256, JWE_ECDH_ES, JWE_ECDH_ES_A256KW, JWE_ALG_COUNT };

/* How the content is encrypted: RFC 7518 section 5.3. */
enum jwe_enc { JWE_ENC_NONE, JWE_A128GCM, JWE_A256GCM, JWE_ENC_COUNT };

const char *jwe_alg_name(enum jwe_alg alg); /* NULL if not one */
const char *jwe_enc_name(enum jwe_enc enc);
enum jwe_alg jwe_alg_by_name(struct ps_bytes name); /* JWE_ALG_NONE if not one */
enum jwe_enc jwe_enc_by_name(struct ps_bytes name);

/* True when keys of this type can be sent to with it: RSA, or ec-p256 and ec-p384. */
bool jwe_alg_fits(enum jwe_alg alg, enum ps_key_type type);

/* Limits of a JWE, in octets after decoding. */
enum {
    JWE_HEADER_MAX = 16 * 1024,
    JWE_HEADER_B64_MAX = (JWE_HEADER_MAX + 2) / 3 * 4,
    JWE_ENCRYPTED_KEY_MAX = 512, /* RSA-4096 */
    JWE_POINT_MAX = 2 * 66,
    JWE_PARTY_MAX = 512, /* apu and apv */
    JWE_IV_MAX = 64,
    JWE_TAG_MAX = 64,
    JWE_KID_MAX = 256,
    JWE_PLAINTEXT_MAX = 1024 * 1024,
};

/* What is opened, but for the key. */
struct jwe_sealed {
    enum jwe_alg alg;
    enum jwe_enc enc;
    struct ps_bytes header_b64; /* as it stands in the text: the additional data */
    struct ps_bytes encrypted_key;
    struct ps_bytes iv;
    struct ps_bytes ciphertext;
    struct ps_bytes tag;
    struct ps_bytes apu;
    struct ps_bytes apv;
};

/* A JWE from outside. Octet fields borrow from the text or from `memory`. */
struct jwe_parsed {
    struct jwe_sealed sealed;
    struct ps_bytes header;    /* JSON, decoded */
    struct ps_bytes kid;       /* `kid`, else `x5t#S256`; empty: none */
    enum ps_key_type epk_type; /* ECDH: of the ephemeral key; PS_KEY_NONE: a curve we do not take */
    struct ps_bytes epk;       /* X || Y as they came: perhaps no point of any curve */
};

/*
 * Lengths and points that do not fit are none of its business: they fail when it is opened, like
 * any other damage, so that no failure can be told from another.
 *
 * memory: gets what has to be decoded: room for JWE_PARSE_ROOM octets
 * Errors: PS_E_INPUT: not five parts of base64url, a member over its limit, an algorithm that is
 *         not in the tables, "zip", "crit", members of other algorithms, no `epk` where there has
 *         to be one; the detail says which. The buffer's.
 */
#define JWE_PARSE_ROOM(text_len) (2 * (text_len) + 64)
PS_MUST_USE enum ps_err jwe_parse(struct ps_bytes text, struct ps_buf *memory,
                                  struct jwe_parsed *ret_jwe);

/*
 * Decrypts.
 *
 * secret: what the token made of it: of RSA-OAEP the message, of ECDH the shared secret Z. Empty
 *         when it could make nothing of it: then a random key takes its place, and the work is
 *         the same to its end.
 * out:    gets the plaintext; has to be wiped
 * Errors: PS_E_DENIED, always with the same detail; PS_E_INTERNAL; the buffer's.
 */
PS_MUST_USE enum ps_err jwe_open(const struct jwe_sealed *jwe, struct ps_bytes secret,
                                 struct ps_buf *out);

/* The compact text again, as it came: whoever has it can compute its hash. */
void jwe_put_compact(const struct jwe_sealed *jwe, struct ps_buf *out);

/* What a header says besides what the encryption needs. */
struct jwe_header {
    enum jwe_alg alg;
    enum jwe_enc enc;
    struct ps_bytes kid;      /* text, unless `members` has one; empty: none */
    struct ps_bytes x5c;      /* JSON array, or empty */
    struct ps_bytes x5t_s256; /* base64url, or empty */
    struct ps_bytes members;  /* JSON object of the caller's own members, or empty */
    struct ps_bytes apu;      /* octets, ECDH only */
    struct ps_bytes apv;
};

/*
 * Encrypts to a public key and appends the compact form. A new content key and IV each time.
 * Errors: PS_E_INPUT: the key does not do the algorithm; apu or apv without ECDH; `members` is no
 * strict JSON object or sets what is ours (alg, enc, epk, apu, apv, zip, crit, b64, iv, tag, p2c,
 * p2s, and x5c or x5t#S256 where they are given); the detail names it. The buffer's.
 */
PS_MUST_USE enum ps_err jwe_seal(const struct public_key *recipient,
                                 const struct jwe_header *header, struct ps_bytes plaintext,
                                 struct ps_buf *out);

#endif
