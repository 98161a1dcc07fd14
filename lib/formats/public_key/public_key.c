#include "lib/formats/public_key/public_key.h"

#include "lib/base/encode.h"
#include "lib/formats/public_key/internal.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <sodium.h>
#include <stdlib.h>

/* Of SubjectPublicKeyInfo: RSA-4096 takes 550 octets. */
#define ED25519_LEN 32u /* RFC 8032 section 5.1.2 */
#define SPKI_MAX    1024u

/* Of what RFC 7638 hashes: RSA-4096 takes 720 octets. */
#define THUMBPRINT_MAX 1024u

/* A public exponent of more octets only makes verification slow. */
#define EXPONENT_MAX 8u

static void params_free_cleanup(OSSL_PARAM **params)
{
    OSSL_PARAM_free(*params);
}

static void builder_free_cleanup(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

static void bn_free_cleanup(BIGNUM **bn)
{
    BN_free(*bn);
}

static void context_free_cleanup(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

enum ps_key_type key_rsa_type(size_t modulus_len)
{
    for (unsigned type = PS_KEY_NONE + 1; type < PS_KEY_COUNT; type++) {
        const struct ps_key_type_info *info = ps_key_type_info((enum ps_key_type)type);

        if (info->family == PS_FAMILY_RSA && modulus_len == info->bits / 8) {
            return (enum ps_key_type)type;
        }
    }
    return PS_KEY_NONE;
}

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "public key: %s", what);
}

static enum ps_err check_rsa(const struct key_parts *parts)
{
    const struct ps_bytes n = parts->n;
    const struct ps_bytes e = parts->e;

    if (parts->type == PS_KEY_NONE || key_rsa_type(n.len) != parts->type ||
        (n.data[0] & 0x80) == 0) {
        return bad("an RSA modulus that is not of 2048, 3072 or 4096 bits");
    }
    if ((n.data[n.len - 1] & 1) == 0) {
        return bad("an even RSA modulus");
    }
    if (e.len > EXPONENT_MAX) {
        return bad("an RSA exponent of more than 64 bits");
    }
    /* 65537 is the least odd number of three octets with a top octet that is not zero. */
    if (e.len < 3 || e.data[0] == 0 || (e.data[e.len - 1] & 1) == 0) {
        return bad("an RSA exponent that is even or below 65537");
    }
    return PS_OK;
}

static enum ps_err make_params(OSSL_PARAM_BLD *builder, EVP_PKEY_CTX *context, EVP_PKEY **ret_pkey)
{
    PS_CLEANUP(params_free_cleanup) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);

    if (params == NULL || EVP_PKEY_fromdata_init(context) != 1) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (EVP_PKEY_fromdata(context, ret_pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        return bad("no RSA key");
    }
    return PS_OK;
}

static enum ps_err make_rsa(const struct key_parts *parts, EVP_PKEY **ret_pkey)
{
    PS_CLEANUP(builder_free_cleanup) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    PS_CLEANUP(context_free_cleanup)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    PS_CLEANUP(bn_free_cleanup)
    BIGNUM *n = BN_bin2bn(parts->n.data, (int)parts->n.len, NULL);
    PS_CLEANUP(bn_free_cleanup)
    BIGNUM *e = BN_bin2bn(parts->e.data, (int)parts->e.len, NULL);

    if (builder == NULL || context == NULL || n == NULL || e == NULL ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return make_params(builder, context, ret_pkey);
}

/* RFC 8032 section 5.1.3 */
static enum ps_err check_ed25519(const struct key_parts *parts)
{
    return crypto_core_ed25519_is_valid_point(parts->point.data) != 0
               ? PS_OK
               : bad("no Ed25519 key: not a point, or not one of the prime-order group");
}

enum ps_err key_parts_check_form(const struct key_parts *parts)
{
    const struct ps_key_type_info *info = ps_key_type_info(parts->type);

    if (info != NULL && info->family == PS_FAMILY_EC) {
        return parts->point.len == 2 * info->coordinate
                   ? PS_OK
                   : bad("coordinates that are not of the field's length");
    }
    if (info != NULL && info->family == PS_FAMILY_EDWARDS) {
        return parts->point.len == ED25519_LEN ? PS_OK : bad("no Ed25519 key: not 32 octets");
    }
    return check_rsa(parts);
}

/*
 * Of a key on a curve none yet: it is made when more than one signature is verified with it. Of
 * Ed25519 never, which OpenSSL verifies nothing of.
 */
static enum ps_err make_pkey(const struct key_parts *parts, EVP_PKEY **ret_pkey)
{
    const struct ps_key_type_info *info = ps_key_type_info(parts->type);

    PS_TRY(key_parts_check_form(parts));
    if (info->family == PS_FAMILY_EC) {
        return curve_check_point(parts->type, parts->point);
    }
    return info->family == PS_FAMILY_EDWARDS ? check_ed25519(parts) : make_rsa(parts, ret_pkey);
}

static void fill_kid(const struct key_parts *parts, char kid[PUBLIC_KEY_KID_LEN])
{
    uint8_t octets[THUMBPRINT_MAX];
    struct ps_buf text = {.data = octets, .cap = sizeof octets, .max = sizeof octets};
    uint8_t digest[PS_SHA256_LEN];

    key_parts_put_thumbprint(parts, &text);
    assert(text.err == PS_OK);
    ps_sha256(ps_buf_bytes(&text), digest);
    ps_base64url_encode(ps_bytes(digest, sizeof digest), kid);
}

enum ps_err public_key_from_parts(const struct key_parts *parts, struct public_key **ret_key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = calloc(1, sizeof *key);
    enum ps_err err;

    if (key == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&key->spki, SPKI_MAX);
    err = make_pkey(parts, &key->pkey);
    ERR_clear_error();
    PS_TRY(err);
    key_parts_put_spki(parts, &key->spki);
    PS_TRY(ps_buf_status(&key->spki));
    PS_TRY(key_parts_from_spki(ps_buf_bytes(&key->spki), &key->parts));
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

enum ps_err public_key_from_spki(struct ps_bytes der, struct public_key **ret_key)
{
    struct key_parts parts;

    PS_TRY(key_parts_from_spki(der, &parts));
    return public_key_from_parts(&parts, ret_key);
}

void public_key_free(struct public_key *key)
{
    if (key == NULL) {
        return;
    }
    for (unsigned i = 0; i < PS_ALG_COUNT; i++) {
        EVP_PKEY_CTX_free(key->verifiers[i]);
    }
    EVP_PKEY_free(key->pkey);
    ps_buf_clear(&key->spki);
    free(key);
}

enum ps_key_type public_key_type(const struct public_key *key)
{
    return key->parts.type;
}

/* A key stays const for who reads it; what is made when it is asked for is a cache. */
static struct public_key *cache_of(const struct public_key *key)
{
    return (struct public_key *)(uintptr_t)key;
}

/* Who only verifies never asks for it. */
struct ps_bytes public_key_kid(const struct public_key *key)
{
    if (key->kid[0] == '\0') {
        fill_kid(&key->parts, cache_of(key)->kid);
    }
    return ps_bytes(key->kid, sizeof key->kid);
}

enum ps_err key_pkey(const struct public_key *key, EVP_PKEY **ret_pkey)
{
    if (key->pkey == NULL) {
        PS_TRY(curve_make_key(key->parts.type, key->parts.point, &cache_of(key)->pkey));
    }
    *ret_pkey = key->pkey;
    return PS_OK;
}

struct ps_bytes public_key_spki(const struct public_key *key)
{
    return ps_buf_bytes(&key->spki);
}
