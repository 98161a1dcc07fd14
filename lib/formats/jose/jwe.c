#include "lib/formats/jose/jwe_internal.h"

#include "lib/base/encode.h"

static const struct jwe_alg_info algs[JWE_ALG_COUNT] = {
    [JWE_RSA_OAEP_256] = {"RSA-OAEP-256", PS_FAMILY_RSA, false},
    [JWE_ECDH_ES] = {"ECDH-ES", PS_FAMILY_EC, false},
    [JWE_ECDH_ES_A256KW] = {"ECDH-ES+A256KW", PS_FAMILY_EC, true},
};

static const struct jwe_enc_info encs[JWE_ENC_COUNT] = {
    [JWE_A128GCM] = {"A128GCM", 16, "AES-128-GCM"},
    [JWE_A256GCM] = {"A256GCM", 32, "AES-256-GCM"},
};

const struct jwe_alg_info *jwe_alg_info(enum jwe_alg alg)
{
    return alg > JWE_ALG_NONE && alg < JWE_ALG_COUNT ? &algs[alg] : NULL;
}

const struct jwe_enc_info *jwe_enc_info(enum jwe_enc enc)
{
    return enc > JWE_ENC_NONE && enc < JWE_ENC_COUNT ? &encs[enc] : NULL;
}

const char *jwe_alg_name(enum jwe_alg alg)
{
    return jwe_alg_info(alg) == NULL ? NULL : algs[alg].name;
}

const char *jwe_enc_name(enum jwe_enc enc)
{
    return jwe_enc_info(enc) == NULL ? NULL : encs[enc].name;
}

enum jwe_alg jwe_alg_by_name(struct ps_bytes name)
{
    for (unsigned i = JWE_ALG_NONE + 1; i < JWE_ALG_COUNT; i++) {
        if (ps_bytes_equal_str(name, algs[i].name)) {
            return (enum jwe_alg)i;
        }
    }
    return JWE_ALG_NONE;
}

enum jwe_enc jwe_enc_by_name(struct ps_bytes name)
{
    for (unsigned i = JWE_ENC_NONE + 1; i < JWE_ENC_COUNT; i++) {
        if (ps_bytes_equal_str(name, encs[i].name)) {
            return (enum jwe_enc)i;
        }
    }
    return JWE_ENC_NONE;
}

bool jwe_alg_fits(enum jwe_alg alg, enum ps_key_type type)
{
    const struct jwe_alg_info *info = jwe_alg_info(alg);
    const struct ps_key_type_info *key = ps_key_type_info(type);

    if (info == NULL || key == NULL || info->family != key->family) {
        return false;
    }
    return info->family == PS_FAMILY_RSA || type == PS_KEY_EC_P256 || type == PS_KEY_EC_P384;
}

void jwe_put_compact(const struct jwe_sealed *jwe, struct ps_buf *out)
{
    const struct ps_bytes parts[] = {jwe->encrypted_key, jwe->iv, jwe->ciphertext, jwe->tag};
    size_t len = jwe->header_b64.len;

    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        len += 1 + ps_base64url_len(parts[i].len);
    }
    /* Room for all of it at once. */
    (void)ps_buf_reserve(out, len);
    ps_buf_put(out, jwe->header_b64);
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        ps_buf_put_u8(out, '.');
        ps_buf_put_base64url(out, parts[i]);
    }
}
