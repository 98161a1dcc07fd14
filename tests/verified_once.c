/*
 * What libsodium has found good once is good, wherever it is asked by a program that has this, and
 * by the processes that it forks: the calls of a program's own come before those of its libraries.
 *
 * A test that changes one octet after the other of a log has thousands of copies of it verified,
 * and one that kills a keeper at each of its calls has a log read by hundreds of them, each from
 * its genesis: nearly all signatures and keys are those of the time before. Both calls say the same
 * of the same octets, and all that they are given has to be the same. What is not good is looked at
 * each time.
 */
#include <dlfcn.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PLACES = 1 << 14 };

struct digest {
    unsigned char octets[32];
};

/* One that two processes write to at once is neither's digest. */
static struct digest *places;
static __typeof__(&crypto_sign_verify_detached) verify;
static __typeof__(&crypto_core_ed25519_is_valid_point) is_valid_point;

__attribute__((constructor)) static void begin_program(void)
{
    void *const calls[] = {dlsym(RTLD_NEXT, "crypto_sign_verify_detached"),
                           dlsym(RTLD_NEXT, "crypto_core_ed25519_is_valid_point")};

    memcpy(&verify, &calls[0], sizeof verify);
    memcpy(&is_valid_point, &calls[1], sizeof is_valid_point);
    places = mmap(NULL, PLACES * sizeof *places, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                  -1, 0);
    if (verify == NULL || is_valid_point == NULL || places == MAP_FAILED || sodium_init() < 0) {
        abort();
    }
}

static struct digest *place_of(const struct digest *digest)
{
    return &places[(digest->octets[0] << 8 | digest->octets[1]) % PLACES];
}

static int is_known(const struct digest *digest)
{
    return memcmp(place_of(digest), digest, sizeof *digest) == 0;
}

static void begin(crypto_generichash_state *state, const char *call)
{
    (void)crypto_generichash_init(state, NULL, 0, sizeof(struct digest));
    (void)crypto_generichash_update(state, (const unsigned char *)call, strlen(call));
}

/* The signature and the key have one length each. */
int crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                unsigned long long len, const unsigned char *key)
{
    crypto_generichash_state state;
    struct digest digest;

    begin(&state, "signature");
    (void)crypto_generichash_update(&state, signature, crypto_sign_BYTES);
    (void)crypto_generichash_update(&state, key, crypto_sign_PUBLICKEYBYTES);
    (void)crypto_generichash_update(&state, message, len);
    (void)crypto_generichash_final(&state, digest.octets, sizeof digest);
    if (!is_known(&digest)) {
        if (verify(signature, message, len, key) != 0) {
            return -1;
        }
        *place_of(&digest) = digest;
    }
    return 0;
}

int crypto_core_ed25519_is_valid_point(const unsigned char *point)
{
    crypto_generichash_state state;
    struct digest digest;

    begin(&state, "point");
    (void)crypto_generichash_update(&state, point, crypto_core_ed25519_BYTES);
    (void)crypto_generichash_final(&state, digest.octets, sizeof digest);
    if (!is_known(&digest)) {
        if (is_valid_point(point) == 0) {
            return 0;
        }
        *place_of(&digest) = digest;
    }
    return 1;
}
