#include "signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

#include "curve.h"
#include "ecdsa.h"

static const struct mechanism *mechanism_in(const struct operation *operation)
{
    return atomic_load(&operation->mechanism);
}

static bool is_rsa(const struct mechanism *mechanism)
{
    return mechanism->key_type == CKK_RSA;
}

static bool set_padding(EVP_PKEY_CTX *context, const struct operation *operation)
{
    const struct mechanism *mechanism = mechanism_in(operation);
    const struct parameters *parameters = &operation->parameters;
    if (mechanism->family == FAMILY_RSA_RAW)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1;
    if (mechanism->family == FAMILY_RSA_PKCS) {
        if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1)
            return false;
        return !mechanism->hash ||
               EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(mechanism->hash)) == 1;
    }
    const EVP_MD *hash = EVP_get_digestbyname(parameters->hash);
    const EVP_MD *mask = EVP_get_digestbyname(parameters->mask_hash);
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context, hash) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, mask) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)parameters->salt_length) == 1;
}

static bool prepare_pkey(struct operation *operation, bool signing)
{
    if (operation->pkey_context)
        return true;
    EVP_PKEY *pkey = object_pkey(operation->key);
    EVP_PKEY_CTX *context = pkey ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    if (context && (signing ? EVP_PKEY_sign_init(context) : EVP_PKEY_verify_init(context)) == 1 &&
        (!is_rsa(mechanism_in(operation)) || set_padding(context, operation))) {
        operation->pkey_context = context;
        return true;
    }
    EVP_PKEY_CTX_free(context);
    return false;
}

static bool prepare_ecdsa(struct operation *operation)
{
    EVP_PKEY *pkey = object_pkey(operation->key);
    if (!operation->ecdsa && pkey)
        operation->ecdsa = ecdsa_new(pkey);
    return operation->ecdsa != NULL;
}

static bool prepare_key(struct operation *operation, bool signing)
{
    if (signing && mechanism_in(operation)->family == FAMILY_ECDSA)
        return prepare_ecdsa(operation);
    return prepare_pkey(operation, signing);
}

static bool prepare_digest(struct operation *operation)
{
    const char *hash = mechanism_in(operation)->hash;
    if (!operation->digest)
        operation->digest = EVP_MD_CTX_new();
    return operation->digest &&
           (!hash || EVP_DigestInit_ex(operation->digest, EVP_get_digestbyname(hash), NULL) == 1);
}

static bool prepare_mac(struct operation *operation)
{
    const struct attr *value = attrs_get(&operation->key->attrs, CKA_VALUE);
    char hash[16];
    if (!operation->mac) {
        EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        operation->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
        EVP_MAC_free(hmac);
    }
    strncpy(hash, mechanism_in(operation)->hash, sizeof(hash) - 1);
    hash[sizeof(hash) - 1] = '\0';
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
        OSSL_PARAM_construct_end(),
    };
    return operation->mac && value &&
           EVP_MAC_init(operation->mac, value->data, value->length, params) == 1;
}

CK_RV signature_prepare(struct operation *operation, bool signing)
{
    const struct mechanism *mechanism = mechanism_in(operation);
    bool sound = true;
    if (mechanism->family == FAMILY_HMAC)
        sound = prepare_mac(operation);
    else if (mechanism->family == FAMILY_EDDSA)
        sound = object_pkey(operation->key) && prepare_digest(operation);
    else
        sound = prepare_key(operation, signing) && (!mechanism->hash || prepare_digest(operation));
    return sound ? CKR_OK : CKR_FUNCTION_FAILED;
}

static size_t coordinate_octets(const struct operation *operation)
{
    const struct curve *curve = curve_of_params(attrs_get(&operation->key->attrs, CKA_EC_PARAMS));
    return curve ? curve->octets : 0;
}

CK_ULONG signature_length(const struct operation *operation)
{
    const struct mechanism *mechanism = mechanism_in(operation);
    if (mechanism->family == FAMILY_HMAC)
        return (CK_ULONG)EVP_MD_get_size(EVP_get_digestbyname(mechanism->hash));
    if (mechanism->key_type == CKK_RSA)
        return (CK_ULONG)EVP_PKEY_get_size(object_pkey(operation->key));
    return 2 * coordinate_octets(operation);
}

bool signature_takes_parts(const struct operation *operation)
{
    return mechanism_in(operation)->hash != NULL;
}

CK_RV signature_update(struct operation *operation, const unsigned char *data, CK_ULONG length)
{
    int done = mechanism_in(operation)->family == FAMILY_HMAC
                   ? EVP_MAC_update(operation->mac, data, length)
                   : EVP_DigestUpdate(operation->digest, data, length);
    return done == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* What goes into the key's operation: the digest, or the caller's octets. */
struct input {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char block[SIGNATURE_MAX]; /* of raw RSA: filled up with zeros in front */
    const unsigned char *octets;
    size_t length;
};

static CK_RV check_length(const struct operation *operation, size_t length)
{
    const struct mechanism *mechanism = mechanism_in(operation);
    size_t modulus = is_rsa(mechanism) ? signature_length(operation) : 0;
    bool fits = length > 0;
    if (mechanism->family == FAMILY_RSA_PKCS)
        fits = length + 11 <= modulus;
    else if (mechanism->family == FAMILY_RSA_RAW)
        fits = length <= modulus;
    else if (mechanism->family == FAMILY_RSA_PSS)
        fits = length == (size_t)EVP_MD_get_size(EVP_get_digestbyname(operation->parameters.hash));
    return fits ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static CK_RV take_input(struct operation *operation, const unsigned char *data, CK_ULONG length,
                        struct input *input)
{
    const struct mechanism *mechanism = mechanism_in(operation);
    input->octets = data;
    input->length = length;
    if (mechanism->hash) {
        unsigned size = 0;
        if ((data && EVP_DigestUpdate(operation->digest, data, length) != 1) ||
            EVP_DigestFinal_ex(operation->digest, input->digest, &size) != 1)
            return CKR_FUNCTION_FAILED;
        input->octets = input->digest;
        input->length = size;
        return CKR_OK;
    }
    CK_RV rv = check_length(operation, length);
    if (rv == CKR_OK && mechanism->family == FAMILY_RSA_RAW) {
        size_t modulus = signature_length(operation);
        memset(input->block, 0, modulus - length);
        memcpy(input->block + modulus - length, data, length);
        input->octets = input->block;
        input->length = modulus;
    }
    return rv;
}

static CK_RV make_pkey(struct operation *operation, const struct input *input,
                       unsigned char *signature)
{
    size_t length = SIGNATURE_MAX;
    bool made = operation->ecdsa
                    ? ecdsa_sign(operation->ecdsa, input->octets, input->length, signature)
                    : EVP_PKEY_sign(operation->pkey_context, signature, &length, input->octets,
                                    input->length) == 1;
    return made ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV make_eddsa(struct operation *operation, const unsigned char *data, CK_ULONG length,
                        unsigned char *signature)
{
    EVP_PKEY *pkey = object_pkey(operation->key);
    size_t size = 64;
    bool sound = EVP_MD_CTX_reset(operation->digest) == 1 &&
                 EVP_DigestSignInit(operation->digest, NULL, NULL, NULL, pkey) == 1 &&
                 EVP_DigestSign(operation->digest, signature, &size, data, length) == 1;
    return sound ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV make_mac(struct operation *operation, const unsigned char *data, CK_ULONG length,
                      unsigned char *signature)
{
    size_t size = 0;
    if (data && EVP_MAC_update(operation->mac, data, length) != 1)
        return CKR_FUNCTION_FAILED;
    return EVP_MAC_final(operation->mac, signature, &size, EVP_MAX_MD_SIZE) == 1
               ? CKR_OK
               : CKR_FUNCTION_FAILED;
}

CK_RV signature_make(struct operation *operation, const unsigned char *data, CK_ULONG length,
                     unsigned char *signature)
{
    struct input input;
    unsigned char mac[EVP_MAX_MD_SIZE];
    const struct mechanism *mechanism = mechanism_in(operation);
    if (mechanism->family == FAMILY_HMAC) {
        CK_RV rv = make_mac(operation, data, length, mac);
        if (rv == CKR_OK)
            memcpy(signature, mac, signature_length(operation));
        return rv;
    }
    if (mechanism->family == FAMILY_EDDSA)
        return make_eddsa(operation, data, length, signature);
    CK_RV rv = take_input(operation, data, length, &input);
    return rv == CKR_OK ? make_pkey(operation, &input, signature) : rv;
}

static int halves_to_der(const unsigned char *signature, size_t octets, unsigned char **ret_der)
{
    ECDSA_SIG *built = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)octets, NULL);
    BIGNUM *s = BN_bin2bn(signature + octets, (int)octets, NULL);
    int length = 0;
    if (built && r && s && ECDSA_SIG_set0(built, r, s) == 1) {
        length = i2d_ECDSA_SIG(built, ret_der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(built);
    return length;
}

static bool check_pkey(struct operation *operation, const struct input *input,
                       const unsigned char *signature, size_t size)
{
    EVP_PKEY_CTX *context = operation->pkey_context;
    if (is_rsa(mechanism_in(operation)))
        return EVP_PKEY_verify(context, signature, size, input->octets, input->length) == 1;
    unsigned char *der = NULL;
    int length = halves_to_der(signature, size / 2, &der);
    bool good = length > 0 &&
                EVP_PKEY_verify(context, der, (size_t)length, input->octets, input->length) == 1;
    OPENSSL_free(der);
    return good;
}

static bool check_eddsa(struct operation *operation, const unsigned char *data, CK_ULONG length,
                        const unsigned char *signature, size_t size)
{
    EVP_PKEY *pkey = object_pkey(operation->key);
    return EVP_MD_CTX_reset(operation->digest) == 1 &&
           EVP_DigestVerifyInit(operation->digest, NULL, NULL, NULL, pkey) == 1 &&
           EVP_DigestVerify(operation->digest, signature, size, data, length) == 1;
}

CK_RV signature_check(struct operation *operation, const unsigned char *data, CK_ULONG length,
                      const unsigned char *signature, CK_ULONG signature_size)
{
    const struct mechanism *mechanism = mechanism_in(operation);
    struct input input;
    if (signature_size != signature_length(operation))
        return CKR_SIGNATURE_LEN_RANGE;
    bool good = false;
    if (mechanism->family == FAMILY_HMAC) {
        unsigned char mac[EVP_MAX_MD_SIZE];
        CK_RV rv = make_mac(operation, data, length, mac);
        if (rv != CKR_OK)
            return rv;
        good = CRYPTO_memcmp(mac, signature, signature_size) == 0;
    } else if (mechanism->family == FAMILY_EDDSA) {
        good = check_eddsa(operation, data, length, signature, signature_size);
    } else {
        CK_RV rv = take_input(operation, data, length, &input);
        if (rv != CKR_OK)
            return rv;
        good = check_pkey(operation, &input, signature, signature_size);
    }
    return good ? CKR_OK : CKR_SIGNATURE_INVALID;
}
