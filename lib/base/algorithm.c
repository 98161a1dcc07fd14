#include "lib/base/algorithm.h"

static const struct ps_key_type_info key_types[PS_KEY_COUNT] = {
    [PS_KEY_RSA_2048] = {"rsa-2048", PS_FAMILY_RSA, 2048, 0, 256, NULL, "RSA", 0},
    [PS_KEY_RSA_3072] = {"rsa-3072", PS_FAMILY_RSA, 3072, 0, 384, NULL, "RSA", 0},
    [PS_KEY_RSA_4096] = {"rsa-4096", PS_FAMILY_RSA, 4096, 0, 512, NULL, "RSA", 0},
    [PS_KEY_EC_P256] = {"ec-p256", PS_FAMILY_EC, 256, 32, 64, "P-256", "prime256v1", 1},
    [PS_KEY_EC_P384] = {"ec-p384", PS_FAMILY_EC, 384, 48, 96, "P-384", "secp384r1", 2},
    [PS_KEY_EC_P521] = {"ec-p521", PS_FAMILY_EC, 521, 66, 132, "P-521", "secp521r1", 3},
    [PS_KEY_EC_SECP256K1] = {"ec-secp256k1", PS_FAMILY_EC, 256, 32, 64, "secp256k1", "secp256k1",
                             8},
    [PS_KEY_ED25519] = {"ed25519", PS_FAMILY_EDWARDS, 255, 0, 64, "Ed25519", "ED25519", 6},
    [PS_KEY_AES_256] = {"aes-256", PS_FAMILY_SECRET, 256, 0, 0, NULL, NULL, 0},
    [PS_KEY_HMAC_SHA256] = {"hmac-sha256", PS_FAMILY_SECRET, 256, 0, 0, NULL, NULL, 0},
};

static const struct ps_alg_info algs[PS_ALG_COUNT] = {
    [PS_ALG_RS256] = {"RS256", PS_SCHEME_RSA_PKCS1, PS_FAMILY_RSA, PS_KEY_NONE, PS_SHA256, false,
                      10, -257},
    [PS_ALG_RS384] = {"RS384", PS_SCHEME_RSA_PKCS1, PS_FAMILY_RSA, PS_KEY_NONE, PS_SHA384, false,
                      10, -258},
    [PS_ALG_RS512] = {"RS512", PS_SCHEME_RSA_PKCS1, PS_FAMILY_RSA, PS_KEY_NONE, PS_SHA512, false,
                      10, -259},
    [PS_ALG_PS256] = {"PS256", PS_SCHEME_RSA_PSS, PS_FAMILY_RSA, PS_KEY_NONE, PS_SHA256, false, 10,
                      -37},
    [PS_ALG_PS384] = {"PS384", PS_SCHEME_RSA_PSS, PS_FAMILY_RSA, PS_KEY_NONE, PS_SHA384, false, 10,
                      -38},
    [PS_ALG_PS512] = {"PS512", PS_SCHEME_RSA_PSS, PS_FAMILY_RSA, PS_KEY_NONE, PS_SHA512, false, 10,
                      -39},
    [PS_ALG_ES256] = {"ES256", PS_SCHEME_ECDSA, PS_FAMILY_EC, PS_KEY_EC_P256, PS_SHA256, false, 1,
                      -7},
    [PS_ALG_ES384] = {"ES384", PS_SCHEME_ECDSA, PS_FAMILY_EC, PS_KEY_EC_P384, PS_SHA384, false, 12,
                      -35},
    [PS_ALG_ES512] = {"ES512", PS_SCHEME_ECDSA, PS_FAMILY_EC, PS_KEY_EC_P521, PS_SHA512, false, 5,
                      -36},
    [PS_ALG_ES256K] = {"ES256K", PS_SCHEME_ECDSA, PS_FAMILY_EC, PS_KEY_EC_SECP256K1, PS_SHA256,
                       false, 6, -47},
    [PS_ALG_EDDSA] = {"EdDSA", PS_SCHEME_EDDSA, PS_FAMILY_EDWARDS, PS_KEY_ED25519, PS_SHA512, true,
                      3, -8},
};

static const char *const usages[PS_USAGE_COUNT] = {
    [PS_USAGE_SIGN] = "sign",       [PS_USAGE_CERTIFY] = "certify", [PS_USAGE_DECRYPT] = "decrypt",
    [PS_USAGE_ENCRYPT] = "encrypt", [PS_USAGE_MAC] = "mac",         [PS_USAGE_WRAP] = "wrap",
};

static const char *const formats[PS_FORMAT_COUNT] = {
    [PS_FORMAT_JWS] = "jws",
    [PS_FORMAT_COSE] = "cose",
    [PS_FORMAT_DATA_INTEGRITY] = "data-integrity",
    [PS_FORMAT_RAW] = "raw",
    [PS_FORMAT_X509] = "x509",
    [PS_FORMAT_CMS] = "cms",
};

const struct ps_key_type_info *ps_key_type_info(enum ps_key_type type)
{
    return type > PS_KEY_NONE && type < PS_KEY_COUNT ? &key_types[type] : NULL;
}

const struct ps_alg_info *ps_alg_info(enum ps_alg alg)
{
    return alg > PS_ALG_NONE && alg < PS_ALG_COUNT ? &algs[alg] : NULL;
}

enum ps_key_type ps_key_type_by_name(struct ps_bytes name)
{
    for (unsigned i = PS_KEY_NONE + 1; i < PS_KEY_COUNT; i++) {
        if (ps_bytes_equal_str(name, key_types[i].name)) {
            return (enum ps_key_type)i;
        }
    }
    return PS_KEY_NONE;
}

enum ps_alg ps_alg_by_name(struct ps_bytes name)
{
    for (unsigned i = PS_ALG_NONE + 1; i < PS_ALG_COUNT; i++) {
        if (ps_bytes_equal_str(name, algs[i].name)) {
            return (enum ps_alg)i;
        }
    }
    return PS_ALG_NONE;
}

static unsigned by_name(const char *const *names, unsigned count, struct ps_bytes name)
{
    for (unsigned i = 1; i < count; i++) {
        if (ps_bytes_equal_str(name, names[i])) {
            return i;
        }
    }
    return 0;
}

enum ps_usage ps_usage_by_name(struct ps_bytes name)
{
    return (enum ps_usage)by_name(usages, PS_USAGE_COUNT, name);
}

enum ps_format ps_format_by_name(struct ps_bytes name)
{
    return (enum ps_format)by_name(formats, PS_FORMAT_COUNT, name);
}

const char *ps_usage_name(enum ps_usage usage)
{
    return usage > PS_USAGE_NONE && usage < PS_USAGE_COUNT ? usages[usage] : NULL;
}

const char *ps_format_name(enum ps_format format)
{
    return format > PS_FORMAT_NONE && format < PS_FORMAT_COUNT ? formats[format] : NULL;
}

bool ps_alg_fits(enum ps_alg alg, enum ps_key_type type)
{
    const struct ps_alg_info *info = ps_alg_info(alg);
    const struct ps_key_type_info *key = ps_key_type_info(type);

    if (info == NULL || key == NULL || info->family != key->family) {
        return false;
    }
    return info->curve == PS_KEY_NONE || info->curve == type;
}
