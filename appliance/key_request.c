#include "appliance/key_request.h"

#include "lib/base/encode.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define SIGNATURE_MAX 80u /* octets of an ECDSA signature with P-256, in DER */

static void free_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

enum ps_err key_request_put_spki(const EVP_PKEY *key, const char *path, struct ps_buf *out)
{
    unsigned char *der = NULL;
    char group[32] = "";
    int len;

    if (EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
        strcmp(group, "prime256v1") != 0) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0,
                       "the key in %.120s is not on P-256; `openssl req -new` makes its request",
                       path);
    }
    len = i2d_PUBKEY(key, &der);
    if (len <= 0) {
        ERR_clear_error();
        return ps_fail(PS_E_INTERNAL, 0, "cannot write the public key of %.160s", path);
    }
    ps_buf_put(out, ps_bytes(der, (size_t)len));
    OPENSSL_free(der);
    return ps_buf_status(out);
}

static enum ps_err put_signature(EVP_PKEY *key, struct ps_bytes octets, struct ps_buf *out)
{
    PS_CLEANUP(free_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[SIGNATURE_MAX];
    size_t len = sizeof der;

    if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, der, &len, octets.data, octets.len) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_INTERNAL, 0, "cannot sign the request");
    }
    return x509_take_signature_value(PS_ALG_ES256, ps_bytes(der, len), out);
}

enum ps_err key_request_put(EVP_PKEY *key, const char *path, const struct x509_subject *subject,
                            const struct x509_sans *sans, struct ps_buf *out)
{
    PS_BUF_AUTO spki = {.max = KEY_REQUEST_SPKI_MAX};
    PS_BUF_AUTO info = {.max = X509_CSR_MAX};
    PS_BUF_AUTO signature = {.max = SIGNATURE_MAX};

    PS_TRY(key_request_put_spki(key, path, &spki));
    PS_TRY(x509_put_csr_info(subject, sans, ps_buf_bytes(&spki), &info));
    PS_TRY(put_signature(key, ps_buf_bytes(&info), &signature));
    return x509_put_signed(ps_buf_bytes(&info), PS_ALG_ES256, ps_buf_bytes(&signature), out);
}

enum ps_err key_request_put_pin(const EVP_PKEY *key, const char *path, struct ps_buf *out)
{
    PS_BUF_AUTO spki = {.max = KEY_REQUEST_SPKI_MAX};
    uint8_t sha256[PS_SHA256_LEN];

    PS_TRY(key_request_put_spki(key, path, &spki));
    ps_sha256(ps_buf_bytes(&spki), sha256);
    ps_buf_put_base64url(out, ps_bytes(sha256, sizeof sha256));
    return ps_buf_status(out);
}
