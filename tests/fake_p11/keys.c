#include "keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

#include "curve.h"

/* RSA's attributes beside OpenSSL's names; the first two make the public key. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
} rsa_numbers[] = {
    {CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N},
    {CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E},
    {CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D},
    {CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1},
    {CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2},
    {CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2},
    {CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};
/* More than an uncompressed point of the largest curve has. */
#define POINT_MAX 256

#define RSA_PUBLIC  2
#define RSA_PRIVATE (sizeof(rsa_numbers) / sizeof(rsa_numbers[0]))

static EVP_PKEY *pkey_build(const char *type, bool private, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    int selection = private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (params && context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &pkey, selection, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *load_rsa(const struct attrs *attrs, bool private)
{
    BIGNUM *numbers[RSA_PRIVATE] = {NULL};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    bool sound = build != NULL;
    for (size_t i = 0; i < (private ? RSA_PRIVATE : RSA_PUBLIC); i++) {
        const struct attr *attr = attrs_get(attrs, rsa_numbers[i].type);
        if (!attr)
            continue;
        numbers[i] = BN_bin2bn(attr->data, (int)attr->length, NULL);
        sound = sound && numbers[i] &&
                OSSL_PARAM_BLD_push_BN(build, rsa_numbers[i].name, numbers[i]) == 1;
    }
    EVP_PKEY *pkey = sound && numbers[0] && numbers[1] && (!private || numbers[2])
                         ? pkey_build("RSA", private, build)
                         : NULL;
    for (size_t i = 0; i < RSA_PRIVATE; i++)
        BN_clear_free(numbers[i]);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

/* A private object holds no point, so it is computed. */
static size_t point_of_scalar(const struct curve *curve, const BIGNUM *scalar,
                              unsigned char point[POINT_MAX])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve->nid);
    EC_POINT *public = group ? EC_POINT_new(group) : NULL;
    size_t length = 0;
    if (public && EC_POINT_mul(group, public, scalar, NULL, NULL, NULL) == 1)
        length = EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point, POINT_MAX,
                                    NULL);
    EC_POINT_free(public);
    EC_GROUP_free(group);
    return length;
}

static EVP_PKEY *build_ec(const struct curve *curve, const BIGNUM *scalar,
                          const unsigned char *point, size_t length)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, length) == 1 &&
        (!scalar || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar) == 1))
        pkey = pkey_build("EC", scalar != NULL, build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *load_ec_private(const struct curve *curve, const struct attr *value)
{
    if (!value || value->length == 0 || value->length > curve->octets)
        return NULL;
    BIGNUM *scalar = BN_bin2bn(value->data, (int)value->length, NULL);
    unsigned char point[POINT_MAX];
    size_t length = scalar && !BN_is_zero(scalar) ? point_of_scalar(curve, scalar, point) : 0;
    EVP_PKEY *pkey = length ? build_ec(curve, scalar, point, length) : NULL;
    BN_clear_free(scalar);
    return pkey;
}

static EVP_PKEY *load_curve(const struct attrs *attrs, bool private)
{
    const struct curve *curve = curve_of_params(attrs_get(attrs, CKA_EC_PARAMS));
    if (!curve || curve->key_type != attrs_get_ulong(attrs, CKA_KEY_TYPE, CKK_EC))
        return NULL;
    if (private) {
        const struct attr *value = attrs_get(attrs, CKA_VALUE);
        if (curve->key_type == CKK_EC)
            return load_ec_private(curve, value);
        return value ? EVP_PKEY_new_raw_private_key(curve->nid, NULL, value->data, value->length)
                     : NULL;
    }
    const struct attr *attr = attrs_get(attrs, CKA_EC_POINT);
    const unsigned char *point;
    size_t length;
    if (!attr || !curve_point(curve, attr->data, attr->length, &point, &length))
        return NULL;
    if (curve->key_type == CKK_EC)
        return build_ec(curve, NULL, point, length);
    return EVP_PKEY_new_raw_public_key(curve->nid, NULL, point, length);
}

EVP_PKEY *keys_load(const struct attrs *attrs)
{
    bool private = attrs_get_ulong(attrs, CKA_CLASS, CKO_PUBLIC_KEY) == CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = attrs_get_ulong(attrs, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    if (type == CKK_RSA)
        return load_rsa(attrs, private);
    if (type == CKK_EC || type == CKK_EC_EDWARDS)
        return load_curve(attrs, private);
    return NULL;
}

CK_KEY_TYPE keys_type(const EVP_PKEY *pkey)
{
    int id = EVP_PKEY_get_base_id(pkey);
    if (id == EVP_PKEY_RSA)
        return CKK_RSA;
    if (id == EVP_PKEY_EC)
        return CKK_EC;
    return id == EVP_PKEY_ED25519 ? CKK_EC_EDWARDS : CK_UNAVAILABLE_INFORMATION;
}

static CK_RV store_number(EVP_PKEY *pkey, const char *name, size_t octets, struct attrs *attrs,
                          CK_ATTRIBUTE_TYPE type)
{
    BIGNUM *number = NULL;
    unsigned char value[1024];
    if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1)
        return CKR_FUNCTION_FAILED;
    size_t length = octets ? octets : (size_t)BN_num_bytes(number);
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (length <= sizeof(value) && BN_bn2binpad(number, value, (int)length) >= 0)
        rv = attrs_set(attrs, type, value, length);
    BN_clear_free(number);
    OPENSSL_cleanse(value, sizeof(value));
    return rv;
}

static CK_RV store_rsa(EVP_PKEY *pkey, size_t count, struct attrs *attrs)
{
    for (size_t i = 0; i < count; i++) {
        CK_RV rv = store_number(pkey, rsa_numbers[i].name, 0, attrs, rsa_numbers[i].type);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

static CK_RV store_info(EVP_PKEY *pkey, struct attrs *attrs)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(pkey, &der);
    if (length <= 0)
        return CKR_FUNCTION_FAILED;
    CK_RV rv = attrs_set(attrs, CKA_PUBLIC_KEY_INFO, der, (CK_ULONG)length);
    OPENSSL_free(der);
    return rv;
}

static CK_RV store_params(const struct curve *curve, struct attrs *attrs)
{
    if (attrs_get(attrs, CKA_EC_PARAMS))
        return CKR_OK;
    return attrs_set(attrs, CKA_EC_PARAMS, curve->params, curve->params_length);
}

static size_t public_octets(EVP_PKEY *pkey, unsigned char octets[POINT_MAX])
{
    size_t length = POINT_MAX;
    if (keys_type(pkey) == CKK_EC_EDWARDS)
        return EVP_PKEY_get_raw_public_key(pkey, octets, &length) == 1 ? length : 0;
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, octets, POINT_MAX,
                                        &length) != 1)
        return 0;
    return length;
}

static CK_RV store_point(EVP_PKEY *pkey, struct attrs *attrs)
{
    unsigned char point[POINT_MAX];
    unsigned char *der = NULL;
    size_t length = public_octets(pkey, point);
    ASN1_OCTET_STRING *string = ASN1_OCTET_STRING_new();
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (length && string && ASN1_OCTET_STRING_set(string, point, (int)length) == 1) {
        int size = i2d_ASN1_OCTET_STRING(string, &der);
        if (size > 0)
            rv = attrs_set(attrs, CKA_EC_POINT, der, (CK_ULONG)size);
    }
    ASN1_OCTET_STRING_free(string);
    OPENSSL_free(der);
    return rv;
}

CK_RV keys_store_public(EVP_PKEY *pkey, struct attrs *attrs)
{
    CK_RV rv = store_info(pkey, attrs);
    if (rv != CKR_OK)
        return rv;
    if (keys_type(pkey) == CKK_RSA) {
        rv = store_rsa(pkey, RSA_PUBLIC, attrs);
        if (rv != CKR_OK)
            return rv;
        return attrs_set_ulong(attrs, CKA_MODULUS_BITS, (CK_ULONG)EVP_PKEY_get_bits(pkey));
    }
    const struct curve *curve = curve_of_pkey(pkey);
    if (!curve)
        return CKR_CURVE_NOT_SUPPORTED;
    rv = store_params(curve, attrs);
    return rv == CKR_OK ? store_point(pkey, attrs) : rv;
}

static CK_RV store_seed(EVP_PKEY *pkey, struct attrs *attrs)
{
    unsigned char seed[32];
    size_t length = sizeof(seed);
    if (EVP_PKEY_get_raw_private_key(pkey, seed, &length) != 1)
        return CKR_FUNCTION_FAILED;
    CK_RV rv = attrs_set(attrs, CKA_VALUE, seed, length);
    OPENSSL_cleanse(seed, sizeof(seed));
    return rv;
}

CK_RV keys_store_private(EVP_PKEY *pkey, struct attrs *attrs)
{
    CK_RV rv = store_info(pkey, attrs);
    if (rv != CKR_OK)
        return rv;
    if (keys_type(pkey) == CKK_RSA)
        return store_rsa(pkey, RSA_PRIVATE, attrs);
    const struct curve *curve = curve_of_pkey(pkey);
    if (!curve)
        return CKR_CURVE_NOT_SUPPORTED;
    rv = store_params(curve, attrs);
    if (rv != CKR_OK)
        return rv;
    if (curve->key_type == CKK_EC_EDWARDS)
        return store_seed(pkey, attrs);
    return store_number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, curve->octets, attrs, CKA_VALUE);
}

static CK_RV check_secret(struct attrs *attrs)
{
    const struct attr *value = attrs_get(attrs, CKA_VALUE);
    CK_KEY_TYPE type = attrs_get_ulong(attrs, CKA_KEY_TYPE, 0);
    if (!value)
        return CKR_TEMPLATE_INCOMPLETE;
    if (attrs_get_ulong(attrs, CKA_VALUE_LEN, value->length) != value->length)
        return CKR_TEMPLATE_INCONSISTENT;
    if (type != CKK_AES && type != CKK_GENERIC_SECRET && type != CKK_SHA256_HMAC)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (type == CKK_AES && value->length != 16 && value->length != 24 && value->length != 32)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return attrs_set_ulong(attrs, CKA_VALUE_LEN, value->length);
}

static CK_RV check_complete(const struct attrs *attrs)
{
    CK_KEY_TYPE type = attrs_get_ulong(attrs, CKA_KEY_TYPE, 0);
    bool private = attrs_get_ulong(attrs, CKA_CLASS, 0) == CKO_PRIVATE_KEY;
    if (type == CKK_RSA)
        return attrs_get(attrs, CKA_MODULUS) && attrs_get(attrs, CKA_PUBLIC_EXPONENT) &&
                       (!private || attrs_get(attrs, CKA_PRIVATE_EXPONENT))
                   ? CKR_OK
                   : CKR_TEMPLATE_INCOMPLETE;
    if (type != CKK_EC && type != CKK_EC_EDWARDS)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!attrs_get(attrs, CKA_EC_PARAMS) || !attrs_get(attrs, private ? CKA_VALUE : CKA_EC_POINT))
        return CKR_TEMPLATE_INCOMPLETE;
    return curve_of_params(attrs_get(attrs, CKA_EC_PARAMS)) ? CKR_OK : CKR_CURVE_NOT_SUPPORTED;
}

CK_RV keys_check_created(struct attrs *attrs)
{
    if (!attrs_get(attrs, CKA_KEY_TYPE))
        return CKR_TEMPLATE_INCOMPLETE;
    CK_OBJECT_CLASS class = attrs_get_ulong(attrs, CKA_CLASS, 0);
    if (class == CKO_SECRET_KEY)
        return check_secret(attrs);
    CK_RV rv = check_complete(attrs);
    if (rv != CKR_OK)
        return rv;
    EVP_PKEY *pkey = keys_load(attrs);
    if (!pkey)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (class == CKO_PRIVATE_KEY)
        rv = store_info(pkey, attrs);
    else
        rv = keys_store_public(pkey, attrs);
    EVP_PKEY_free(pkey);
    return rv;
}

CK_RV keys_to_pkcs8(EVP_PKEY *pkey, unsigned char **ret_der, size_t *ret_length)
{
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
    PKCS8_PRIV_KEY_INFO_free(info);
    if (length <= 0)
        return CKR_KEY_NOT_WRAPPABLE;
    *ret_der = der;
    *ret_length = (size_t)length;
    return CKR_OK;
}

EVP_PKEY *keys_from_pkcs8(const unsigned char *der, size_t length)
{
    const unsigned char *at = der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)length);
    EVP_PKEY *pkey = info && at == der + length ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return pkey;
}
