#include "frontends/plugins/registry/secret_hash.h"

#include <sodium.h>

/* OWASP's password storage cheat sheet: Argon2id with 19 MiB, two passes. */
#define PASSES 2u
#define MEMORY ((size_t)19 * 1024 * 1024)

_Static_assert(SECRET_HASH_MAX >= crypto_pwhash_STRBYTES, "a text has its NUL, too");

/* Of no secret that anybody knows. */
static char nobody[crypto_pwhash_STRBYTES];

static bool make(const char *secret, size_t len, char text[crypto_pwhash_STRBYTES])
{
    return crypto_pwhash_str_alg(text, secret, len, PASSES, MEMORY, crypto_pwhash_ALG_ARGON2ID13) ==
           0;
}

enum ps_err secret_hash_init(void)
{
    char random[32];

    if (sodium_init() < 0) {
        return ps_fail(PS_E_INTERNAL, 0, "libsodium cannot be used");
    }
    randombytes_buf(random, sizeof random);
    return make(random, sizeof random, nobody)
               ? PS_OK
               : ps_fail(PS_E_NO_MEMORY, 0, "no memory for Argon2id: it takes 19 MiB");
}

enum ps_err secret_hash_make(struct ps_bytes secret, struct ps_buf *ret_text)
{
    char text[crypto_pwhash_STRBYTES];

    if (!make((const char *)secret.data, secret.len, text)) {
        return ps_fail(PS_E_NO_MEMORY, 0, "no memory for Argon2id: it takes 19 MiB");
    }
    ps_buf_reset(ret_text);
    ps_buf_put_str(ret_text, text);
    return ps_buf_status(ret_text);
}

bool secret_hash_matches(struct ps_bytes text, struct ps_bytes secret)
{
    char whole[crypto_pwhash_STRBYTES] = "";
    const bool there = text.len != 0 && text.len < sizeof whole;

    memcpy(whole, there ? (const char *)text.data : nobody, there ? text.len : sizeof whole);
    return crypto_pwhash_str_verify(whole, (const char *)secret.data, secret.len) == 0 && there;
}
