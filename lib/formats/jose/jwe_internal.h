#ifndef FORMATS_JOSE_JWE_INTERNAL_H
#define FORMATS_JOSE_JWE_INTERNAL_H

#include "lib/formats/jose/jwe.h"

#include <openssl/evp.h>

/* RFC 7518 section 5.3: both sizes of AES-GCM. */
enum { JWE_CEK_MAX = 32, JWE_GCM_IV = 12, JWE_GCM_TAG = 16, JWE_WRAP_EXTRA = 8 };

struct jwe_alg_info {
    const char *name;
    enum ps_key_family family;
    bool wraps; /* ECDH: the agreed key wraps the content key; else it is the content key */
};
struct jwe_enc_info {
    const char *name;
    size_t key_len;
    const char *cipher; /* OpenSSL's name */
};
const struct jwe_alg_info *jwe_alg_info(enum jwe_alg alg);
const struct jwe_enc_info *jwe_enc_info(enum jwe_enc enc);

/* The content's cipher, fetched once in the life of the process. NULL: OpenSSL has none. */
const EVP_CIPHER *jwe_cipher(enum jwe_enc enc);

/* Octets of the key that comes of an agreement: the content key's, or of the one that wraps it. */
size_t jwe_agreed_len(enum jwe_alg alg, enum jwe_enc enc);

/*
 * The key that comes of an ECDH (RFC 7518 section 4.6.2, Concat KDF with SHA-256).
 * `ret_key`: gets jwe_agreed_len octets. Errors: PS_E_INTERNAL.
 */
PS_MUST_USE enum ps_err jwe_derive_key(const struct jwe_sealed *jwe, struct ps_bytes z,
                                       uint8_t ret_key[JWE_CEK_MAX]);

/* AES key wrap (RFC 3394) with a key of 32 octets. Appends `key` and 8 octets more. */
PS_MUST_USE enum ps_err jwe_wrap_key(const uint8_t kek[32], struct ps_bytes key,
                                     struct ps_buf *out);

/*
 * The other way. `*ret_good`: whether it was wrapped with this key and is of `len` and 8 octets;
 * `ret_key` is as it was when not. Errors: PS_E_INTERNAL.
 */
PS_MUST_USE enum ps_err jwe_unwrap_key(const uint8_t kek[32], struct ps_bytes wrapped,
                                       uint8_t *ret_key, size_t len, bool *ret_good);

#endif
