/*
 * scrypt without its cost, wherever it is called by a program that has this: the calls of a
 * program's own come before those of its libraries.
 *
 * A PIN is recognised by it (lib/ceremony/custody/pin_check.h), which takes 0.1 s as it is meant
 * to. Here the same octets come of the same PIN and salt, and others of others. Whoever asks for
 * less than the cost that a PIN has, or allows less memory than that takes, ends.
 */
#include "tests/quick_scrypt.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define COST_N 32768u
#define COST_R 8u
#define COST_P 1u

bool quick_scrypt_fails;

int EVP_PBE_scrypt(const char *secret, size_t secret_len, const unsigned char *salt,
                   size_t salt_len, uint64_t n, uint64_t r, uint64_t p, uint64_t memory_max,
                   unsigned char *out, size_t out_len)
{
    if (n != COST_N || r != COST_R || p != COST_P || memory_max < 128 * r * (n + p)) {
        abort();
    }
    if (quick_scrypt_fails) {
        return 0;
    }
    return PKCS5_PBKDF2_HMAC(secret, (int)secret_len, salt, (int)salt_len, 1, EVP_sha256(),
                             (int)out_len, out);
}
