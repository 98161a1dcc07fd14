#include "lib/formats/public_key/public_key.h"

#include "lib/formats/public_key/internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

static void context_free_cleanup(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static void pkey_free_cleanup(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static enum ps_err openssl_failed(const char *what)
{
    const unsigned long code = ERR_get_error();

    ERR_clear_error();
    return ps_fail(PS_E_INTERNAL, (long)code, "OpenSSL cannot %s", what);
}

static bool set_oaep(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
}

enum ps_err public_key_encrypt_oaep(const struct public_key *key, struct ps_bytes message,
                                    struct ps_buf *out)
{
    PS_CLEANUP(context_free_cleanup) EVP_PKEY_CTX *context = NULL;
    size_t len = key->parts.n.len;
    uint8_t *to;

    if (ps_key_type_info(key->parts.type)->family != PS_FAMILY_RSA) {
        return ps_fail(PS_E_INPUT, 0, "a key that does no RSA");
    }
    to = ps_buf_reserve(out, len);
    if (to == NULL) {
        return ps_buf_status(out);
    }
    context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    if (context == NULL || EVP_PKEY_encrypt_init(context) != 1 || !set_oaep(context) ||
        EVP_PKEY_encrypt(context, to, &len, message.data, message.len) != 1) {
        return openssl_failed("encrypt to an RSA key");
    }
    ps_buf_commit(out, len);
    return PS_OK;
}

static enum ps_err make_ephemeral(const struct public_key *key, EVP_PKEY **ret_pkey,
                                  struct public_key **ret_ephemeral)
{
    PS_CLEANUP(pkey_free_cleanup)
    EVP_PKEY *pkey = EVP_EC_gen(ps_key_type_info(key->parts.type)->group);
    struct key_parts parts = {.type = key->parts.type};
    uint8_t point[1 + 2 * 66];
    size_t len = 0;

    if (pkey == NULL ||
        EVP_PKEY_get_octet_string_param(pkey, "pub", point, sizeof point, &len) != 1) {
        return openssl_failed("make an ephemeral key");
    }
    parts.point = ps_bytes_from(ps_bytes(point, len), 1);
    PS_TRY(public_key_from_parts(&parts, ret_ephemeral));
    *ret_pkey = pkey;
    pkey = NULL;
    return PS_OK;
}

enum ps_err public_key_agree(const struct public_key *key, struct public_key **ret_ephemeral,
                             uint8_t ret_z[PUBLIC_KEY_Z_MAX], size_t *ret_z_len)
{
    PS_CLEANUP(context_free_cleanup) EVP_PKEY_CTX *context = NULL;
    PS_CLEANUP(pkey_free_cleanup) EVP_PKEY *pkey = NULL;
    PS_CLEANUP(public_key_free_cleanup) struct public_key *ephemeral = NULL;
    size_t len = PUBLIC_KEY_Z_MAX;
    EVP_PKEY *peer;

    if (ps_key_type_info(key->parts.type)->family != PS_FAMILY_EC) {
        return ps_fail(PS_E_INPUT, 0, "a key that does no ECDH");
    }
    PS_TRY(key_pkey(key, &peer));
    PS_TRY(make_ephemeral(key, &pkey, &ephemeral));
    context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (context == NULL || EVP_PKEY_derive_init(context) != 1 ||
        EVP_PKEY_derive_set_peer(context, peer) != 1 ||
        EVP_PKEY_derive(context, ret_z, &len) != 1) {
        return openssl_failed("agree on a secret");
    }
    *ret_z_len = len;
    *ret_ephemeral = ephemeral;
    ephemeral = NULL;
    return PS_OK;
}
