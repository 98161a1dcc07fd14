#include "frontends/oidc/seal.h"

#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

enum { KEY_LEN = 32, NONCE_LEN = 12, TAG_LEN = 16 };

static void kdf_free_cleanup(EVP_KDF **kdf)
{
    EVP_KDF_free(*kdf);
}

static void kdf_context_free_cleanup(EVP_KDF_CTX **context)
{
    EVP_KDF_CTX_free(*context);
}

static void cipher_free_cleanup(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

static enum ps_err fail(const char *what)
{
    return ps_fail(PS_E_INTERNAL, 0, "OpenSSL: %s", what);
}

static enum ps_err derive(struct ps_bytes handle, uint8_t ret_key[KEY_LEN])
{
    static char hash[] = "SHA256";
    static char label[] = "privyseal-oidc seal 1";
    PS_CLEANUP(kdf_free_cleanup) EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    PS_CLEANUP(kdf_context_free_cleanup) EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)handle.data,
                                          handle.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, sizeof label - 1),
        OSSL_PARAM_construct_end(),
    };

    if (context == NULL || EVP_KDF_derive(context, ret_key, KEY_LEN, parameters) != 1) {
        return fail("HKDF");
    }
    return PS_OK;
}

static bool encrypt(EVP_CIPHER_CTX *context, const uint8_t *key, const uint8_t *nonce,
                    struct ps_bytes octets, uint8_t *out)
{
    int len = 0;

    return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           EVP_EncryptUpdate(context, out, &len, octets.data, (int)octets.len) == 1 &&
           EVP_EncryptFinal_ex(context, out + len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_LEN, out + octets.len) == 1;
}

static bool decrypt(EVP_CIPHER_CTX *context, const uint8_t *key, struct ps_bytes sealed,
                    uint8_t *out)
{
    const size_t len = sealed.len - SEAL_EXTRA;
    uint8_t tag[TAG_LEN];
    int got = 0;

    memcpy(tag, sealed.data + NONCE_LEN + len, TAG_LEN);
    return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, sealed.data) == 1 &&
           EVP_DecryptUpdate(context, out, &got, sealed.data + NONCE_LEN, (int)len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 &&
           EVP_DecryptFinal_ex(context, out + got, &got) == 1;
}

enum ps_err seal_close(struct ps_bytes handle, struct ps_bytes octets, struct ps_buf *out)
{
    PS_CLEANUP(cipher_free_cleanup) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t key[KEY_LEN];
    uint8_t *to = ps_buf_reserve(out, octets.len + SEAL_EXTRA);
    bool good;

    if (to == NULL || context == NULL) {
        return to == NULL ? ps_buf_status(out) : fail("no context");
    }
    PS_TRY(derive(handle, key));
    ps_random(to, NONCE_LEN);
    good = encrypt(context, key, to, octets, to + NONCE_LEN);
    ps_wipe(key, sizeof key);
    if (!good) {
        return fail("AES-GCM");
    }
    ps_buf_commit(out, octets.len + SEAL_EXTRA);
    return PS_OK;
}

enum ps_err seal_open(struct ps_bytes handle, struct ps_bytes sealed, struct ps_buf *out)
{
    PS_CLEANUP(cipher_free_cleanup) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t key[KEY_LEN];
    uint8_t *to;
    bool good;

    if (sealed.len < SEAL_EXTRA) {
        return ps_fail(PS_E_STORAGE, 0, "what was sealed is too short");
    }
    /* One octet more: there is something to write to when nothing was sealed. */
    to = ps_buf_reserve(out, sealed.len - SEAL_EXTRA + 1);
    if (to == NULL || context == NULL) {
        return to == NULL ? ps_buf_status(out) : fail("no context");
    }
    PS_TRY(derive(handle, key));
    good = decrypt(context, key, sealed, to);
    ps_wipe(key, sizeof key);
    if (!good) {
        return ps_fail(PS_E_STORAGE, 0, "what was sealed was changed");
    }
    ps_buf_commit(out, sealed.len - SEAL_EXTRA);
    return PS_OK;
}
