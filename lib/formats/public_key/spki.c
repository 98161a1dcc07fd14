#include "lib/formats/public_key/internal.h"

#include "lib/formats/der.h"

/*
 * Everything in SubjectPublicKeyInfo before the point's octets: RFC 5480 with named curves and
 * uncompressed points, RFC 8410. There is one encoding of each key, so that it can be compared.
 */
struct spki_prefix {
    enum ps_key_type type;
    uint8_t len;
    uint8_t octets[27];
};

static const struct spki_prefix prefixes[] = {
    {PS_KEY_EC_P256, 27, {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                          0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                          0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04}},
    {PS_KEY_EC_P384, 24, {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                          0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04}},
    {PS_KEY_EC_P521, 26, {0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                          0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                          0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00, 0x04}},
    {PS_KEY_EC_SECP256K1, 24, {0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                               0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                               0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00, 0x04}},
    {PS_KEY_ED25519, 12, {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}},
};

/* RFC 3279 section 2.3.1: rsaEncryption with parameters NULL. */
static const uint8_t rsa_algorithm[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                        0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

static size_t point_len(enum ps_key_type type)
{
    const struct ps_key_type_info *info = ps_key_type_info(type);

    return info->family == PS_FAMILY_EC ? 2 * info->coordinate : 32;
}

static enum ps_err rsa_from_spki(struct ps_bytes der, struct key_parts *ret_parts)
{
    struct ps_reader reader = ps_reader(der);
    struct key_parts parts = {0};
    struct ps_bytes inside;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    PS_TRY(ps_reader_finish(&reader));
    reader = ps_reader(inside);
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    if (!ps_bytes_equal(inside, ps_bytes(rsa_algorithm, sizeof rsa_algorithm))) {
        return ps_fail(PS_E_INPUT, 0, "public key: an algorithm or encoding we do not take");
    }
    PS_TRY(der_take(&reader, DER_BIT_STRING, &inside));
    PS_TRY(ps_reader_finish(&reader));
    if (inside.len == 0 || inside.data[0] != 0) {
        return ps_fail(PS_E_INPUT, 0, "public key: a bit string with unused bits");
    }
    reader = ps_reader(ps_bytes_from(inside, 1));
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    PS_TRY(ps_reader_finish(&reader));
    reader = ps_reader(inside);
    PS_TRY(der_take_positive(&reader, &parts.n));
    PS_TRY(der_take_positive(&reader, &parts.e));
    PS_TRY(ps_reader_finish(&reader));
    parts.type = key_rsa_type(parts.n.len);
    *ret_parts = parts;
    return PS_OK;
}

enum ps_err key_parts_from_spki(struct ps_bytes der, struct key_parts *ret_parts)
{
    for (size_t i = 0; i < PS_COUNT_OF(prefixes); i++) {
        const struct spki_prefix *prefix = &prefixes[i];

        if (ps_bytes_starts_with(der, ps_bytes(prefix->octets, prefix->len))) {
            if (der.len != prefix->len + point_len(prefix->type)) {
                return ps_fail(PS_E_INPUT, 0, "public key: of a wrong length");
            }
            *ret_parts =
                (struct key_parts){.type = prefix->type, .point = ps_bytes_from(der, prefix->len)};
            return PS_OK;
        }
    }
    return rsa_from_spki(der, ret_parts);
}

static void put_rsa_spki(const struct key_parts *parts, struct ps_buf *out)
{
    const size_t numbers = der_positive_len(parts->n) + der_positive_len(parts->e);
    const size_t bits = 1 + der_header_len(numbers) + numbers;
    const size_t all =
        der_header_len(sizeof rsa_algorithm) + sizeof rsa_algorithm + der_header_len(bits) + bits;

    der_put_header(out, DER_SEQUENCE, all);
    der_put_header(out, DER_SEQUENCE, sizeof rsa_algorithm);
    ps_buf_put(out, ps_bytes(rsa_algorithm, sizeof rsa_algorithm));
    der_put_header(out, DER_BIT_STRING, bits);
    ps_buf_put_u8(out, 0);
    der_put_header(out, DER_SEQUENCE, numbers);
    der_put_positive(out, parts->n);
    der_put_positive(out, parts->e);
}

void key_parts_put_spki(const struct key_parts *parts, struct ps_buf *out)
{
    for (size_t i = 0; i < PS_COUNT_OF(prefixes); i++) {
        if (prefixes[i].type == parts->type) {
            ps_buf_put(out, ps_bytes(prefixes[i].octets, prefixes[i].len));
            ps_buf_put(out, parts->point);
            return;
        }
    }
    put_rsa_spki(parts, out);
}
