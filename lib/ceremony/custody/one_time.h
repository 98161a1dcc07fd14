#ifndef CEREMONY_CUSTODY_ONE_TIME_H
#define CEREMONY_CUSTODY_ONE_TIME_H

#include "lib/formats/jose/jwe.h"
#include "lib/formats/public_key/public_key.h"

/*
 * The keeper's key for one unlock, to which officers seal their shares: P-256, JWE with ECDH-ES and
 * A256GCM, so that nobody on the way can open one. Who the key belongs to says its fingerprint, as
 * words that the keeper shows on its console: eight of them, 64 bits, since whoever passes the key
 * on has only as long as an unlock takes to find another with the same.
 */
enum { ONE_TIME_WORDS = 8, ONE_TIME_SEALED_MAX = 8192 };

struct one_time_key;

PS_MUST_USE enum ps_err one_time_new(struct one_time_key **ret_key);
void one_time_free(struct one_time_key *key);
PS_DEFINE_CLEANUP(struct one_time_key, one_time_free)

const struct public_key *one_time_public(const struct one_time_key *key);

/* "slowpoke hydraulic ...": of a public key, the first octets of its RFC 7638 thumbprint. */
void one_time_put_words(const struct public_key *key, struct ps_buf *out);

/* Whether a person typed these words, in either case, with blanks or hyphens between them. */
bool one_time_words_are(const struct public_key *key, struct ps_bytes typed);

/* Errors: PS_E_INPUT (no key on P-256), those of jwe_seal. */
PS_MUST_USE enum ps_err one_time_seal(const struct public_key *to, struct ps_bytes share,
                                      struct ps_buf *out);

/*
 * `out`: gets the share; has to be wiped.
 * Errors: PS_E_DENIED: not sealed to this key, or damaged. PS_E_INTERNAL; the buffer's.
 */
PS_MUST_USE enum ps_err one_time_open(const struct one_time_key *key, struct ps_bytes point,
                                      const struct jwe_sealed *sealed, struct ps_buf *out);

#endif
