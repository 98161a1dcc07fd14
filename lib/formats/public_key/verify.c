#include "lib/formats/public_key/public_key.h"

#include "lib/formats/public_key/internal.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <sodium.h>

static const char *const digest_names[] = {
    [PS_SHA1] = "SHA1", [PS_SHA256] = "SHA256", [PS_SHA384] = "SHA384", [PS_SHA512] = "SHA512"};

static void context_free_cleanup(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static enum ps_err does_not_verify(void)
{
    ERR_clear_error();
    return ps_fail(PS_E_DENIED, 0, "the signature does not verify");
}

static enum ps_err openssl_failed(void)
{
    const unsigned long code = ERR_get_error();

    ERR_clear_error();
    return ps_fail(PS_E_INTERNAL, (long)code, "OpenSSL cannot set up a verification");
}

/* RFC 7518 section 3.5: MGF1 with the same hash, and a salt of the hash's length. */
static bool set_padding(EVP_PKEY_CTX *context, const struct ps_alg_info *info)
{
    const EVP_MD *md = EVP_get_digestbyname(digest_names[info->hash]);

    switch (info->scheme) {
    case PS_SCHEME_RSA_PKCS1:
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
               EVP_PKEY_CTX_set_signature_md(context, md) == 1;
    case PS_SCHEME_RSA_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    case PS_SCHEME_ECDSA:
        return true; /* of a hash it would look at the length, as public_key_verify_digest does */
    case PS_SCHEME_EDDSA:
        break;
    }
    return false;
}

/* Setting one up costs as much as half an RSA verification, so each key keeps one per algorithm. */
static enum ps_err verifier_of(struct public_key *key, enum ps_alg alg, EVP_PKEY_CTX **ret_context)
{
    if (key->verifiers[alg] == NULL) {
        PS_CLEANUP(context_free_cleanup) EVP_PKEY_CTX *context = NULL;
        EVP_PKEY *pkey;

        PS_TRY(key_pkey(key, &pkey));
        context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
        if (context == NULL || EVP_PKEY_verify_init(context) != 1 ||
            !set_padding(context, ps_alg_info(alg))) {
            return openssl_failed();
        }
        key->verifiers[alg] = context;
        context = NULL;
    }
    *ret_context = key->verifiers[alg];
    return PS_OK;
}

static enum ps_err verify_rsa(struct public_key *key, enum ps_alg alg, struct ps_bytes digest,
                              struct ps_bytes signature)
{
    EVP_PKEY_CTX *context;

    if (signature.len != key->parts.n.len) {
        return does_not_verify();
    }
    PS_TRY(verifier_of(key, alg, &context));
    if (EVP_PKEY_verify(context, signature.data, signature.len, digest.data, digest.len) != 1) {
        return does_not_verify();
    }
    return PS_OK;
}

static enum ps_err verify_ecdsa(struct public_key *key, enum ps_alg alg, struct ps_bytes digest,
                                struct ps_bytes signature)
{
    uint8_t octets[160];
    struct ps_buf der = {.data = octets, .cap = sizeof octets, .max = sizeof octets};
    EVP_PKEY_CTX *context;
    bool verifies = false;

    if (ecdsa_check_raw(key->parts.type, signature) != PS_OK) {
        return does_not_verify();
    }
    PS_TRY(ecdsa_put_der(signature, &der));
    if (!key->is_used) {
        key->is_used = true;
        if (curve_verify_once(&key->parts, digest, ps_buf_bytes(&der), &verifies) == PS_OK) {
            return verifies ? PS_OK : does_not_verify();
        }
    }
    PS_TRY(verifier_of(key, alg, &context));
    if (EVP_PKEY_verify(context, der.data, der.len, digest.data, digest.len) != 1) {
        return does_not_verify();
    }
    return PS_OK;
}

/* RFC 8032 section 5.1.7, without the cofactor; docs/decisions/0010 says why not by OpenSSL. */
static enum ps_err verify_eddsa(const struct public_key *key, struct ps_bytes message,
                                struct ps_bytes signature)
{
    if (sodium_init() < 0) {
        return ps_fail(PS_E_INTERNAL, 0, "libsodium does not start");
    }
    if (signature.len != crypto_sign_BYTES ||
        crypto_sign_verify_detached(signature.data, message.data, message.len,
                                    key->parts.point.data) != 0) {
        return does_not_verify();
    }
    return PS_OK;
}

static enum ps_err check_fits(const struct public_key *key, enum ps_alg alg)
{
    if (!ps_alg_fits(alg, key->parts.type)) {
        return ps_fail(PS_E_INPUT, 0, "a key of type %s does not do this algorithm",
                       ps_key_type_info(key->parts.type)->name);
    }
    return PS_OK;
}

enum ps_err public_key_verify_digest(struct public_key *key, enum ps_alg alg,
                                     struct ps_bytes digest, struct ps_bytes signature)
{
    const struct ps_alg_info *info = ps_alg_info(alg);

    PS_TRY(check_fits(key, alg));
    if (info->signs_message) {
        return ps_fail(PS_E_INPUT, 0, "%s signs messages, not digests", info->name);
    }
    if (digest.len != ps_hash_len(info->hash)) {
        return ps_fail(PS_E_INPUT, 0, "a digest of %zu octets, %s wants %zu", digest.len,
                       info->name, ps_hash_len(info->hash));
    }
    return info->scheme == PS_SCHEME_ECDSA ? verify_ecdsa(key, alg, digest, signature)
                                           : verify_rsa(key, alg, digest, signature);
}

enum ps_err public_key_verify(struct public_key *key, enum ps_alg alg, struct ps_bytes message,
                              struct ps_bytes signature)
{
    const struct ps_alg_info *info = ps_alg_info(alg);
    uint8_t digest[PS_HASH_MAX];

    PS_TRY(check_fits(key, alg));
    if (info->signs_message) {
        return verify_eddsa(key, message, signature);
    }
    ps_hash_parts(info->hash, &message, 1, digest);
    return public_key_verify_digest(key, alg, ps_bytes(digest, ps_hash_len(info->hash)), signature);
}
