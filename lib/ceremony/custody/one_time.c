#include "lib/ceremony/custody/one_time.h"

#include "lib/base/encode.h"
#include "lib/base/secret.h"
#include "lib/ceremony/words/pgp_words.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <strings.h>

enum { COORDINATE = 32, POINT_LEN = 1 + 2 * COORDINATE, SPKI_ROOM = 256 };

struct one_time_key {
    EVP_PKEY *pair;
    struct public_key *public_key;
};

PS_DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)
PS_DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)

void one_time_free(struct one_time_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pair);
        public_key_free(key->public_key);
        free(key);
    }
}

static enum ps_err internal(void)
{
    ERR_clear_error();
    return ps_fail(PS_E_INTERNAL, 0, "OpenSSL does no P-256");
}

static enum ps_err fill(struct one_time_key *key)
{
    uint8_t spki[SPKI_ROOM];
    uint8_t *at = spki;
    int len;

    key->pair = EVP_EC_gen("P-256");
    len = key->pair == NULL ? 0 : i2d_PUBKEY(key->pair, NULL);
    if (len <= 0 || len > SPKI_ROOM || i2d_PUBKEY(key->pair, &at) != len) {
        return internal();
    }
    return public_key_from_spki(ps_bytes(spki, (size_t)len), &key->public_key);
}

enum ps_err one_time_new(struct one_time_key **ret_key)
{
    PS_CLEANUP(one_time_free_cleanup) struct one_time_key *key = calloc(1, sizeof *key);

    if (key == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(fill(key));
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

const struct public_key *one_time_public(const struct one_time_key *key)
{
    return key->public_key;
}

/* --- Words --- */

static bool put_thumbprint(const struct public_key *key, uint8_t out[PS_SHA256_LEN])
{
    PS_BUF_AUTO octets = {.max = PS_SHA256_LEN};

    if (ps_base64url_decode(public_key_kid(key), &octets) != PS_OK || octets.len != PS_SHA256_LEN) {
        return false;
    }
    memcpy(out, octets.data, PS_SHA256_LEN);
    return true;
}

void one_time_put_words(const struct public_key *key, struct ps_buf *out)
{
    uint8_t thumbprint[PS_SHA256_LEN] = {0};

    if (put_thumbprint(key, thumbprint)) {
        pgp_words_put(ps_bytes(thumbprint, ONE_TIME_WORDS), out);
    }
}

static bool is_between(uint8_t c)
{
    return c == ' ' || c == '-' || c == ',' || c == '\t' || c == '\n';
}

static struct ps_bytes take_word(struct ps_bytes *text)
{
    size_t len = 0;
    struct ps_bytes word;

    while (text->len != 0 && is_between(text->data[0])) {
        *text = ps_bytes_from(*text, 1);
    }
    while (len < text->len && !is_between(text->data[len])) {
        len++;
    }
    word = ps_bytes(text->data, len);
    *text = ps_bytes_from(*text, len);
    return word;
}

bool one_time_words_are(const struct public_key *key, struct ps_bytes typed)
{
    uint8_t thumbprint[PS_SHA256_LEN];

    if (!put_thumbprint(key, thumbprint)) {
        return false;
    }
    for (size_t i = 0; i < ONE_TIME_WORDS; i++) {
        const char *word = pgp_word(i, thumbprint[i]);
        const struct ps_bytes given = take_word(&typed);

        if (given.data == NULL || given.len != strlen(word) ||
            strncasecmp((const char *)given.data, word, given.len) != 0) {
            return false;
        }
    }
    return take_word(&typed).len == 0;
}

/* --- Sealing and opening --- */

enum ps_err one_time_seal(const struct public_key *to, struct ps_bytes share, struct ps_buf *out)
{
    const struct jwe_header header = {.alg = JWE_ECDH_ES, .enc = JWE_A256GCM};

    if (public_key_type(to) != PS_KEY_EC_P256) {
        return ps_fail(PS_E_INPUT, 0, "the keeper's key for an unlock is on P-256");
    }
    return jwe_seal(to, &header, share, out);
}

/* SEC 1 section 2.3.4: OpenSSL refuses what is not on the curve. */
static EVP_PKEY *peer_of(const struct one_time_key *key, struct ps_bytes point)
{
    uint8_t octets[POINT_LEN];
    EVP_PKEY *peer = EVP_PKEY_new();

    if (peer == NULL || point.len != sizeof octets - 1) {
        EVP_PKEY_free(peer);
        return NULL;
    }
    octets[0] = 0x04;
    memcpy(octets + 1, point.data, point.len);
    if (EVP_PKEY_copy_parameters(peer, key->pair) != 1 ||
        EVP_PKEY_set1_encoded_public_key(peer, octets, sizeof octets) != 1) {
        EVP_PKEY_free(peer);
        return NULL;
    }
    return peer;
}

/* False: there is no secret with this point. */
static bool agree(const struct one_time_key *key, struct ps_bytes point, uint8_t *z, size_t *len)
{
    PS_CLEANUP(EVP_PKEY_free_cleanup) EVP_PKEY *peer = peer_of(key, point);
    PS_CLEANUP(EVP_PKEY_CTX_free_cleanup)
    EVP_PKEY_CTX *context = peer == NULL ? NULL : EVP_PKEY_CTX_new(key->pair, NULL);

    return context != NULL && EVP_PKEY_derive_init(context) == 1 &&
           EVP_PKEY_derive_set_peer(context, peer) == 1 && EVP_PKEY_derive(context, z, len) == 1;
}

enum ps_err one_time_open(const struct one_time_key *key, struct ps_bytes point,
                          const struct jwe_sealed *sealed, struct ps_buf *out)
{
    uint8_t z[PUBLIC_KEY_Z_MAX];
    size_t len = sizeof z;
    enum ps_err err;

    if (sealed->alg != JWE_ECDH_ES || sealed->enc != JWE_A256GCM) {
        return ps_fail(PS_E_INPUT, 0, "a share is sealed with ECDH-ES and A256GCM");
    }
    if (!agree(key, point, z, &len)) {
        len = 0;
    }
    ERR_clear_error();
    err = jwe_open(sealed, ps_bytes(z, len), out);
    ps_wipe(z, sizeof z);
    return err == PS_E_DENIED
               ? ps_fail(err, 0,
                         "it is not sealed to the present key of this unlock: fetch it "
                         "again, compare its words with the console, and seal once more")
               : err;
}
