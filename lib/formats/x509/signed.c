#include "lib/formats/x509/internal.h"

#include "lib/formats/public_key/public_key.h"

/* OIDs of RFC 3279, 4055, 5758 and 8410. */
#define RSA_PREFIX 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01
#define EC_PREFIX  0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03
#define SHA_PREFIX 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02

static const uint8_t rsa_pss[] = {RSA_PREFIX, 0x0a};
static const uint8_t mgf1[] = {RSA_PREFIX, 0x08};

struct identifier {
    uint8_t len;
    uint8_t oid[9];
};

static const struct identifier identifiers[PS_ALG_COUNT] = {
    [PS_ALG_RS256] = {9, {RSA_PREFIX, 0x0b}}, [PS_ALG_RS384] = {9, {RSA_PREFIX, 0x0c}},
    [PS_ALG_RS512] = {9, {RSA_PREFIX, 0x0d}}, [PS_ALG_ES256] = {8, {EC_PREFIX, 0x02}},
    [PS_ALG_ES384] = {8, {EC_PREFIX, 0x03}},  [PS_ALG_ES512] = {8, {EC_PREFIX, 0x04}},
    [PS_ALG_ES256K] = {8, {EC_PREFIX, 0x02}}, [PS_ALG_EDDSA] = {3, {0x2b, 0x65, 0x70}},
};

static void put_hash(enum ps_hash hash, struct ps_buf *out)
{
    static const uint8_t last[] = {[PS_SHA256] = 1, [PS_SHA384] = 2, [PS_SHA512] = 3};
    const uint8_t oid[] = {SHA_PREFIX, last[hash]};
    const size_t start = der_begin(out);

    der_put(out, DER_OID, ps_bytes(oid, sizeof oid));
    der_put(out, DER_NULL, ps_bytes(NULL, 0));
    der_end(out, DER_SEQUENCE, start);
}

/* RFC 4055 section 3.1: MGF1 with the same hash, and a salt of its length. */
static void put_pss_parameters(enum ps_hash hash, struct ps_buf *out)
{
    const uint8_t salt = (uint8_t)ps_hash_len(hash);
    const size_t start = der_begin(out);
    size_t field = der_begin(out);
    size_t inside;

    put_hash(hash, out);
    der_end(out, DER_CONTEXT_SET(0), field);
    field = der_begin(out);
    inside = der_begin(out);
    der_put(out, DER_OID, ps_bytes(mgf1, sizeof mgf1));
    put_hash(hash, out);
    der_end(out, DER_SEQUENCE, inside);
    der_end(out, DER_CONTEXT_SET(1), field);
    field = der_begin(out);
    der_put_positive(out, ps_bytes(&salt, 1));
    der_end(out, DER_CONTEXT_SET(2), field);
    der_end(out, DER_SEQUENCE, start);
}

void x509_put_algorithm(enum ps_alg algorithm, struct ps_buf *out)
{
    const struct ps_alg_info *info = ps_alg_info(algorithm);
    const size_t start = der_begin(out);

    if (info->scheme == PS_SCHEME_RSA_PSS) {
        der_put(out, DER_OID, ps_bytes(rsa_pss, sizeof rsa_pss));
        put_pss_parameters(info->hash, out);
    } else {
        der_put(out, DER_OID, ps_bytes(identifiers[algorithm].oid, identifiers[algorithm].len));
    }
    if (info->scheme == PS_SCHEME_RSA_PKCS1) {
        der_put(out, DER_NULL, ps_bytes(NULL, 0));
    }
    der_end(out, DER_SEQUENCE, start);
}

enum ps_alg x509_algorithm(struct ps_bytes identifier, enum ps_key_type signer)
{
    uint8_t octets[96];

    for (unsigned i = PS_ALG_NONE + 1; i < PS_ALG_COUNT; i++) {
        struct ps_buf own = {.data = octets, .cap = sizeof octets, .max = sizeof octets};

        x509_put_algorithm((enum ps_alg)i, &own);
        if (ps_bytes_equal(ps_buf_bytes(&own), identifier) &&
            (signer == PS_KEY_NONE || ps_alg_fits((enum ps_alg)i, signer))) {
            return (enum ps_alg)i;
        }
    }
    return PS_ALG_NONE;
}

enum ps_err x509_put_signature_value(enum ps_alg algorithm, struct ps_bytes signature,
                                     struct ps_buf *out)
{
    if (ps_alg_info(algorithm)->scheme == PS_SCHEME_ECDSA) {
        return ecdsa_put_der(signature, out);
    }
    ps_buf_put(out, signature);
    return ps_buf_status(out);
}

enum ps_err x509_take_signature_value(enum ps_alg algorithm, struct ps_bytes value,
                                      struct ps_buf *out)
{
    const struct ps_alg_info *info = ps_alg_info(algorithm);

    if (info->scheme == PS_SCHEME_ECDSA) {
        return ecdsa_from_der(value, ps_key_type_info(info->curve)->coordinate, out);
    }
    ps_buf_put(out, value);
    return ps_buf_status(out);
}

enum ps_err x509_put_signed(struct ps_bytes signed_part, enum ps_alg algorithm,
                            struct ps_bytes signature, struct ps_buf *out)
{
    const size_t start = der_begin(out);
    size_t bits;

    ps_buf_put(out, signed_part);
    x509_put_algorithm(algorithm, out);
    bits = der_begin(out);
    ps_buf_put_u8(out, 0); /* no unused bits */
    PS_TRY(x509_put_signature_value(algorithm, signature, out));
    der_end(out, DER_BIT_STRING, bits);
    der_end(out, DER_SEQUENCE, start);
    return ps_buf_status(out);
}
