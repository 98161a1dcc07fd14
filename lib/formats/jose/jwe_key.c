#include "lib/formats/jose/jwe_internal.h"

#include "lib/base/secret.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdatomic.h>

/* AlgorithmID, PartyUInfo, PartyVInfo, SuppPubInfo. */
#define OTHER_INFO_MAX (4u + 16u + 2u * (4u + JWE_PARTY_MAX) + 4u)

static void kdf_free_cleanup(EVP_KDF **kdf)
{
    EVP_KDF_free(*kdf);
}

static void kdf_context_free_cleanup(EVP_KDF_CTX **context)
{
    EVP_KDF_CTX_free(*context);
}

static void cipher_context_free_cleanup(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

static enum ps_err openssl_failed(const char *what)
{
    const unsigned long code = ERR_get_error();

    ERR_clear_error();
    return ps_fail(PS_E_INTERNAL, (long)code, "OpenSSL cannot %s", what);
}

/* OpenSSL looks a cipher up by its name each time, which takes longer than a small message. */
const EVP_CIPHER *jwe_cipher(enum jwe_enc enc)
{
    static _Atomic(EVP_CIPHER *) ciphers[JWE_ENC_COUNT];
    EVP_CIPHER *cipher = atomic_load(&ciphers[enc]);
    EVP_CIPHER *first = NULL;

    if (cipher != NULL) {
        return cipher;
    }
    cipher = EVP_CIPHER_fetch(NULL, jwe_enc_info(enc)->cipher, NULL);
    if (!atomic_compare_exchange_strong(&ciphers[enc], &first, cipher)) {
        EVP_CIPHER_free(cipher);
        return first;
    }
    return cipher;
}

size_t jwe_agreed_len(enum jwe_alg alg, enum jwe_enc enc)
{
    return jwe_alg_info(alg)->wraps ? 32 : jwe_enc_info(enc)->key_len;
}

static void put_counted(struct ps_buf *out, struct ps_bytes octets)
{
    ps_buf_put_u32(out, (uint32_t)octets.len);
    ps_buf_put(out, octets);
}

/*
 * RFC 7518 section 4.6.2: "In the Direct Key Agreement case, Data is set to the octets of the ASCII
 * representation of the "enc" Header Parameter value. In the Key Agreement with Key Wrapping case,
 * Data is set to the octets of the ASCII representation of the "alg" (algorithm) Header Parameter
 * value."
 */
static void put_other_info(const struct jwe_sealed *jwe, size_t key_len, struct ps_buf *out)
{
    const struct jwe_alg_info *alg = jwe_alg_info(jwe->alg);

    put_counted(out, ps_bytes_str(alg->wraps ? alg->name : jwe_enc_info(jwe->enc)->name));
    put_counted(out, jwe->apu);
    put_counted(out, jwe->apv);
    ps_buf_put_u32(out, (uint32_t)(8 * key_len));
}

enum ps_err jwe_derive_key(const struct jwe_sealed *jwe, struct ps_bytes z,
                           uint8_t ret_key[JWE_CEK_MAX])
{
    /* NIST's single-step KDF with a hash is the Concat KDF. */
    PS_CLEANUP(kdf_free_cleanup) EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_SSKDF, NULL);
    PS_CLEANUP(kdf_context_free_cleanup) EVP_KDF_CTX *context = NULL;
    const size_t key_len = jwe_agreed_len(jwe->alg, jwe->enc);
    char digest[] = "SHA256";
    uint8_t octets[OTHER_INFO_MAX];
    struct ps_buf info = {.data = octets, .cap = sizeof octets, .max = sizeof octets};
    OSSL_PARAM params[4];

    put_other_info(jwe, key_len, &info);
    PS_TRY(ps_buf_status(&info));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)z.data, z.len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data, info.len);
    params[3] = OSSL_PARAM_construct_end();
    context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    if (context == NULL || EVP_KDF_derive(context, ret_key, key_len, params) != 1) {
        return openssl_failed("derive a key");
    }
    return PS_OK;
}

static EVP_CIPHER_CTX *wrap_context(const uint8_t kek[32], bool encrypts)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    if (context != NULL) {
        EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        if (EVP_CipherInit_ex(context, EVP_aes_256_wrap(), NULL, kek, NULL, encrypts ? 1 : 0) !=
            1) {
            EVP_CIPHER_CTX_free(context);
            context = NULL;
        }
    }
    return context;
}

enum ps_err jwe_wrap_key(const uint8_t kek[32], struct ps_bytes key, struct ps_buf *out)
{
    PS_CLEANUP(cipher_context_free_cleanup) EVP_CIPHER_CTX *context = wrap_context(kek, true);
    uint8_t *to = ps_buf_reserve(out, key.len + JWE_WRAP_EXTRA);
    int len = 0;

    PS_TRY(ps_buf_status(out));
    if (context == NULL || EVP_EncryptUpdate(context, to, &len, key.data, (int)key.len) != 1 ||
        len != (int)key.len + JWE_WRAP_EXTRA) {
        return openssl_failed("wrap a key");
    }
    ps_buf_commit(out, (size_t)len);
    return PS_OK;
}

enum ps_err jwe_unwrap_key(const uint8_t kek[32], struct ps_bytes wrapped, uint8_t *ret_key,
                           size_t len, bool *ret_good)
{
    PS_CLEANUP(cipher_context_free_cleanup) EVP_CIPHER_CTX *context = wrap_context(kek, false);
    const bool fits = wrapped.len == len + JWE_WRAP_EXTRA;
    uint8_t in[JWE_CEK_MAX + JWE_WRAP_EXTRA] = {0};
    uint8_t made[JWE_CEK_MAX + JWE_WRAP_EXTRA];
    int made_len = 0;
    bool good;

    if (context == NULL) {
        return openssl_failed("unwrap a key");
    }
    if (fits) {
        memcpy(in, wrapped.data, wrapped.len);
    }
    good = EVP_DecryptUpdate(context, made, &made_len, in, (int)len + JWE_WRAP_EXTRA) == 1 &&
           made_len == (int)len && fits;
    ERR_clear_error();
    if (good) {
        memcpy(ret_key, made, len);
    }
    ps_wipe(made, sizeof made);
    *ret_good = good;
    return PS_OK;
}
