#include "lib/base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define HASHES 4

static const char *const names[HASHES] = {"SHA1", "SHA256", "SHA384", "SHA512"};
static const size_t lengths[HASHES] = {20, 32, 48, 64};

size_t ps_hash_len(enum ps_hash hash)
{
    return lengths[hash];
}

static void must(int succeeded)
{
    if (succeeded != 1) {
        (void)fputs("OpenSSL cannot hash; its installation is broken\n", stderr);
        abort();
    }
}

/*
 * Fetching a digest costs more than hashing a small message, so each thread keeps a context per
 * hash that is set up once and started anew.
 */
static _Thread_local EVP_MD_CTX *contexts[HASHES];

static EVP_MD_CTX *context_of(enum ps_hash hash)
{
    if (contexts[hash] == NULL) {
        EVP_MD *md = EVP_MD_fetch(NULL, names[hash], NULL);

        contexts[hash] = EVP_MD_CTX_new();
        must(md != NULL && contexts[hash] != NULL);
        must(EVP_DigestInit_ex2(contexts[hash], md, NULL));
        EVP_MD_free(md);
        return contexts[hash];
    }
    must(EVP_DigestInit_ex2(contexts[hash], NULL, NULL));
    return contexts[hash];
}

void ps_hash_parts(enum ps_hash hash, const struct ps_bytes *parts, size_t count, uint8_t *out)
{
    EVP_MD_CTX *context = context_of(hash);

    for (size_t i = 0; i < count; i++) {
        must(EVP_DigestUpdate(context, parts[i].data, parts[i].len));
    }
    must(EVP_DigestFinal_ex(context, out, NULL));
}

void ps_sha256(struct ps_bytes octets, uint8_t out[PS_SHA256_LEN])
{
    ps_hash_parts(PS_SHA256, &octets, 1, out);
}

void ps_hash_end_thread(void)
{
    for (size_t i = 0; i < HASHES; i++) {
        EVP_MD_CTX_free(contexts[i]);
        contexts[i] = NULL;
    }
}

void ps_random(void *out, size_t len)
{
    uint8_t *to = out;

    while (len != 0) {
        const ssize_t got = getrandom(to, len, 0);

        if (got < 0 && errno != EINTR) {
            abort();
        }
        if (got > 0) {
            to += got;
            len -= (size_t)got;
        }
    }
}
