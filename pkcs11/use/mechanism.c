#include "pkcs11/use/mechanism.h"

#include <assert.h>

#define DER(...)                                                                                   \
    {                                                                                              \
        .data = (const uint8_t[]){__VA_ARGS__}, .len = sizeof((const uint8_t[]){__VA_ARGS__})      \
    }

/*
 * Curves: RFC 5480 section 2.1.1.1 (P-256, P-384, P-521), SEC 2 (secp256k1), RFC 8410 section 3
 * (Ed25519); the PrintableString "edwards25519" is PKCS#11 v3.1, section 6.3.9.
 */
static const struct mechanism_key_type key_types[PS_KEY_COUNT] = {
    [PS_KEY_RSA_2048] = {.ck = CKK_RSA},
    [PS_KEY_RSA_3072] = {.ck = CKK_RSA},
    [PS_KEY_RSA_4096] = {.ck = CKK_RSA},
    [PS_KEY_EC_P256] = {.ck = CKK_EC,
                        .oid = DER(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07)},
    [PS_KEY_EC_P384] = {.ck = CKK_EC, .oid = DER(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22)},
    [PS_KEY_EC_P521] = {.ck = CKK_EC, .oid = DER(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23)},
    [PS_KEY_EC_SECP256K1] = {.ck = CKK_EC, .oid = DER(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a)},
    [PS_KEY_ED25519] = {.ck = CKK_EC_EDWARDS,
                        .oid = DER(0x06, 0x03, 0x2b, 0x65, 0x70),
                        .name = DER(0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5',
                                    '1', '9')},
    [PS_KEY_AES_256] = {.ck = CKK_AES},
    [PS_KEY_HMAC_SHA256] = {.ck = CKK_GENERIC_SECRET},
};

#define MECHANISM(id)                                                                              \
    {                                                                                              \
        id, #id                                                                                    \
    }

static const struct {
    CK_MECHANISM_TYPE type;
    const char *name;
} names[] = {
    MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN),
    MECHANISM(CKM_RSA_PKCS),
    MECHANISM(CKM_RSA_X_509),
    MECHANISM(CKM_RSA_PKCS_OAEP),
    MECHANISM(CKM_RSA_PKCS_PSS),
    MECHANISM(CKM_EC_KEY_PAIR_GEN),
    MECHANISM(CKM_ECDSA),
    MECHANISM(CKM_ECDH1_DERIVE),
    MECHANISM(CKM_EC_EDWARDS_KEY_PAIR_GEN),
    MECHANISM(CKM_EDDSA),
    MECHANISM(CKM_GENERIC_SECRET_KEY_GEN),
    MECHANISM(CKM_SHA256_HMAC),
    MECHANISM(CKM_AES_KEY_GEN),
    MECHANISM(CKM_AES_ECB),
    MECHANISM(CKM_AES_GCM),
    MECHANISM(CKM_AES_KEY_WRAP),
    MECHANISM(CKM_AES_KEY_WRAP_PAD),
    MECHANISM(CKM_AES_KEY_WRAP_KWP),
};

static const struct {
    CK_MECHANISM_TYPE hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
    struct ps_bytes digest_info; /* what stands before the digest: RFC 8017, 9.2, note 1 */
} hashes[] = {
    [PS_SHA1] = {0, 0, {NULL, 0}},
    [PS_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256,
                   DER(0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                       0x02, 0x01, 0x05, 0x00, 0x04, 0x20)},
    [PS_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384,
                   DER(0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                       0x02, 0x02, 0x05, 0x00, 0x04, 0x30)},
    [PS_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512,
                   DER(0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                       0x02, 0x03, 0x05, 0x00, 0x04, 0x40)},
};

const struct mechanism_key_type *mechanism_key_type(enum ps_key_type type)
{
    assert(type > PS_KEY_NONE && type < PS_KEY_COUNT);
    return &key_types[type];
}

static bool is_curve(enum ps_key_type type, struct ps_bytes params, const struct profile *profile)
{
    const struct mechanism_key_type *row = &key_types[type];
    const struct profile_key_type *quirk = &profile->key_types[type];

    return ps_bytes_equal(params, row->oid) ||
           (row->name.len != 0 && ps_bytes_equal(params, row->name)) ||
           (quirk->offered && ps_bytes_equal(params, ps_bytes(quirk->params, quirk->params_len)));
}

enum ps_key_type mechanism_recognise(CK_KEY_TYPE ck, struct ps_bytes ec_params, size_t modulus_bits,
                                     const struct profile *profile)
{
    for (unsigned i = PS_KEY_NONE + 1; i < PS_KEY_COUNT; i++) {
        const enum ps_key_type type = (enum ps_key_type)i;
        const struct ps_key_type_info *info = ps_key_type_info(type);

        if (key_types[i].ck != ck) {
            continue;
        }
        if (info->family == PS_FAMILY_SECRET ||
            (info->family == PS_FAMILY_RSA && info->bits == modulus_bits) ||
            (key_types[i].oid.len != 0 && is_curve(type, ec_params, profile))) {
            return type;
        }
    }
    return PS_KEY_NONE;
}

static struct ps_bytes put_digest_info(enum ps_hash hash, struct ps_bytes digest,
                                       struct mechanism_call *call)
{
    const struct ps_bytes prefix = hashes[hash].digest_info;

    memcpy(call->digest_info, prefix.data, prefix.len);
    memcpy(call->digest_info + prefix.len, digest.data, digest.len);
    return ps_bytes(call->digest_info, prefix.len + digest.len);
}

static void set_parameter(const struct ps_alg_info *alg, const struct profile *profile,
                          struct mechanism_call *call)
{
    if (alg->scheme == PS_SCHEME_RSA_PSS) {
        /* RFC 7518, section 3.5: the salt has the length of the hash, MGF1 uses the same hash. */
        call->parameter.pss = (CK_RSA_PKCS_PSS_PARAMS){
            .hashAlg = hashes[alg->hash].hash,
            .mgf = hashes[alg->hash].mgf,
            .sLen = ps_hash_len(alg->hash),
        };
        call->mechanism.pParameter = &call->parameter.pss;
        call->mechanism.ulParameterLen = sizeof call->parameter.pss;
    } else if (alg->scheme == PS_SCHEME_EDDSA && profile->eddsa_params) {
        call->parameter.eddsa = (CK_EDDSA_PARAMS){.phFlag = CK_FALSE};
        call->mechanism.pParameter = &call->parameter.eddsa;
        call->mechanism.ulParameterLen = sizeof call->parameter.eddsa;
    }
}

enum ps_err mechanism_prepare(const struct profile *profile, enum ps_alg alg, enum ps_key_type type,
                              struct ps_bytes data, struct mechanism_call *ret_call)
{
    const struct ps_alg_info *info = ps_alg_info(alg);

    if (info == NULL || !ps_alg_fits(alg, type)) {
        return ps_fail(PS_E_DENIED, 0, "keys of this type do not sign with this algorithm");
    }
    if (!profile->algorithms[alg].offered) {
        return ps_fail(PS_E_DENIED, 0, "the token does not offer %s", info->name);
    }
    if (!info->signs_message && data.len != ps_hash_len(info->hash)) {
        return ps_fail(PS_E_INPUT, 0, "%s signs %zu octets, not %zu", info->name,
                       ps_hash_len(info->hash), data.len);
    }
    ret_call->mechanism = (CK_MECHANISM){.mechanism = profile->algorithms[alg].mechanism};
    ret_call->data =
        info->scheme == PS_SCHEME_RSA_PKCS1 ? put_digest_info(info->hash, data, ret_call) : data;
    ret_call->signature_len = ps_key_type_info(type)->signature_max;
    set_parameter(info, profile, ret_call);
    return PS_OK;
}

/* "0x" and up to eight hexadecimal digits. */
static bool read_code(struct ps_bytes text, CK_MECHANISM_TYPE *ret_mechanism)
{
    CK_MECHANISM_TYPE value = 0;

    if (text.len < 3 || text.len > 10 || text.data[0] != '0' || text.data[1] != 'x') {
        return false;
    }
    for (size_t i = 2; i < text.len; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = text.data[i] == 0 ? NULL : strchr(digits, text.data[i]);

        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (CK_MECHANISM_TYPE)(digit - digits);
    }
    *ret_mechanism = value;
    return true;
}

bool mechanism_by_name(struct ps_bytes name, CK_MECHANISM_TYPE *ret_mechanism)
{
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (ps_bytes_equal_str(name, names[i].name)) {
            *ret_mechanism = names[i].type;
            return true;
        }
    }
    return read_code(name, ret_mechanism);
}

const char *mechanism_name(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (names[i].type == mechanism) {
            return names[i].name;
        }
    }
    return NULL;
}
