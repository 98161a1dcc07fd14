#include "lib/formats/jose/jwe_internal.h"

#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/*
 * Everything that can be wrong about a ciphertext ends in the same place, after the same work:
 * RFC 7516 section 11.5, "the recipient MUST NOT distinguish between format, padding, and length
 * errors of encrypted keys". What cannot be used has something random in its place, and the tag of
 * the content decides.
 */

static void cipher_context_free_cleanup(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

/* What stands in for a secret is drawn for many messages at once, and is not kept once it is used.
 */
static void draw(uint8_t *out, size_t len)
{
    static _Thread_local uint8_t drawn[1024];
    static _Thread_local size_t left;

    assert(len <= sizeof drawn);
    if (left < len) {
        ps_random(drawn, sizeof drawn);
        left = sizeof drawn;
    }
    left -= len;
    memcpy(out, drawn + left, len);
    ps_wipe(drawn + left, len);
}

static enum ps_err agree_key(const struct jwe_sealed *jwe, struct ps_bytes z, uint8_t *cek,
                             bool *ret_good)
{
    uint8_t key[JWE_CEK_MAX];
    enum ps_err err = jwe_derive_key(jwe, z, key);

    if (err == PS_OK && jwe_alg_info(jwe->alg)->wraps) {
        err =
            jwe_unwrap_key(key, jwe->encrypted_key, cek, jwe_enc_info(jwe->enc)->key_len, ret_good);
    } else if (err == PS_OK) {
        memcpy(cek, key, jwe_enc_info(jwe->enc)->key_len);
        /* RFC 7516 section 5.2, step 10: "verify that the JWE Encrypted Key value is an empty octet
         * sequence". */
        *ret_good = jwe->encrypted_key.len == 0;
    }
    ps_wipe(key, sizeof key);
    return err;
}

/* The content key, or a random one. */
static enum ps_err take_key(const struct jwe_sealed *jwe, struct ps_bytes secret, uint8_t *cek,
                            bool *ret_good)
{
    const size_t key_len = jwe_enc_info(jwe->enc)->key_len;
    uint8_t z[PUBLIC_KEY_Z_MAX];
    size_t z_len = JWE_CEK_MAX;
    enum ps_err err;

    draw(cek, JWE_CEK_MAX);
    if (jwe_alg_info(jwe->alg)->family == PS_FAMILY_RSA) {
        *ret_good = secret.len == key_len;
        if (*ret_good) {
            memcpy(cek, secret.data, key_len);
        }
        return PS_OK;
    }
    draw(z, sizeof z);
    if (secret.len != 0 && secret.len <= sizeof z) {
        memcpy(z, secret.data, secret.len);
        z_len = secret.len;
    }
    err = agree_key(jwe, ps_bytes(z, z_len), cek, ret_good);
    ps_wipe(z, sizeof z);
    return err;
}

/* Copies exactly `len` octets; zeros when there are more or fewer. */
static bool take_exactly(struct ps_bytes from, uint8_t *to, size_t len)
{
    if (from.len != len) {
        memset(to, 0, len);
        return false;
    }
    memcpy(to, from.data, len);
    return true;
}

/* False: OpenSSL does not do it at all. `*ret_good`: whether the tag is right. */
static bool decrypt(const struct jwe_sealed *jwe, const uint8_t *cek, uint8_t *to, bool *ret_good)
{
    PS_CLEANUP(cipher_context_free_cleanup) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = jwe_cipher(jwe->enc);
    uint8_t iv[JWE_GCM_IV];
    uint8_t tag[JWE_GCM_TAG];
    const bool iv_fits = take_exactly(jwe->iv, iv, sizeof iv);
    const bool tag_fits = take_exactly(jwe->tag, tag, sizeof tag);
    int len = 0;

    if (context == NULL || cipher == NULL ||
        EVP_DecryptInit_ex(context, cipher, NULL, cek, iv) != 1 ||
        EVP_DecryptUpdate(context, NULL, &len, jwe->header_b64.data, (int)jwe->header_b64.len) !=
            1 ||
        EVP_DecryptUpdate(context, to, &len, jwe->ciphertext.data, (int)jwe->ciphertext.len) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1) {
        return false;
    }
    *ret_good = EVP_DecryptFinal_ex(context, to + len, &len) == 1 && iv_fits && tag_fits;
    return true;
}

static enum ps_err open_content(const struct jwe_sealed *jwe, const uint8_t *cek, bool good,
                                struct ps_buf *out)
{
    /* One octet more, so that there is memory to point to when there is no content. */
    uint8_t *to = ps_buf_reserve(out, jwe->ciphertext.len + 1);
    bool tag_good = false;
    bool done;

    PS_TRY(ps_buf_status(out));
    done = decrypt(jwe, cek, to, &tag_good);
    ERR_clear_error();
    if (done && tag_good && good) {
        ps_buf_commit(out, jwe->ciphertext.len);
        return PS_OK;
    }
    ps_wipe(to, jwe->ciphertext.len);
    return done ? ps_fail(PS_E_DENIED, 0, "it cannot be decrypted")
                : ps_fail(PS_E_INTERNAL, 0, "OpenSSL does no AES-GCM");
}

enum ps_err jwe_open(const struct jwe_sealed *jwe, struct ps_bytes secret, struct ps_buf *out)
{
    uint8_t cek[JWE_CEK_MAX];
    bool good = false;
    enum ps_err err = take_key(jwe, secret, cek, &good);

    if (err == PS_OK) {
        err = open_content(jwe, cek, good, out);
    }
    ps_wipe(cek, sizeof cek);
    return err;
}
