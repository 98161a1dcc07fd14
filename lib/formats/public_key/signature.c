#include "lib/formats/public_key/public_key.h"

#include "lib/formats/der.h"
#include "lib/formats/public_key/internal.h"

/* SEC 2 version 2.0 and FIPS 186-4 appendix D.1.2: the order n of the base point, big-endian. */
static const uint8_t order_p256[32] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const uint8_t order_p384[48] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
static const uint8_t order_p521[66] = {
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b,
    0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c,
    0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09};
static const uint8_t order_secp256k1[32] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};

static const uint8_t *order_of(enum ps_key_type curve, size_t *ret_len)
{
    static const struct {
        enum ps_key_type curve;
        const uint8_t *order;
        size_t len;
    } orders[] = {
        {PS_KEY_EC_P256, order_p256, sizeof order_p256},
        {PS_KEY_EC_P384, order_p384, sizeof order_p384},
        {PS_KEY_EC_P521, order_p521, sizeof order_p521},
        {PS_KEY_EC_SECP256K1, order_secp256k1, sizeof order_secp256k1},
    };

    for (size_t i = 0; i < PS_COUNT_OF(orders); i++) {
        if (orders[i].curve == curve) {
            *ret_len = orders[i].len;
            return orders[i].order;
        }
    }
    return NULL;
}

static bool in_range(const uint8_t *number, const uint8_t *order, size_t len)
{
    return der_without_zeros(ps_bytes(number, len)).len != 0 && memcmp(number, order, len) < 0;
}

enum ps_err ecdsa_check_raw(enum ps_key_type curve, struct ps_bytes raw)
{
    size_t len = 0;
    const uint8_t *order = order_of(curve, &len);

    if (order == NULL || raw.len != 2 * len) {
        return ps_fail(PS_E_INPUT, 0, "not R || S of the curve's length");
    }
    if (!in_range(raw.data, order, len) || !in_range(raw.data + len, order, len)) {
        return ps_fail(PS_E_INPUT, 0, "R or S is not from 1 to n - 1");
    }
    return PS_OK;
}

static bool coordinate_known(size_t len)
{
    return len == 32 || len == 48 || len == 66;
}

enum ps_err ecdsa_put_der(struct ps_bytes raw, struct ps_buf *out)
{
    const struct ps_bytes r = ps_bytes(raw.data, raw.len / 2);
    const struct ps_bytes s = ps_bytes_from(raw, raw.len / 2);
    const size_t start = out->len;

    if (raw.len % 2 != 0 || !coordinate_known(raw.len / 2)) {
        return ps_fail(PS_E_INPUT, 0, "an ECDSA signature of %zu octets", raw.len);
    }
    if (der_without_zeros(r).len == 0 || der_without_zeros(s).len == 0) {
        return ps_fail(PS_E_INPUT, 0, "an ECDSA signature with a zero in it");
    }
    der_put_header(out, DER_SEQUENCE, der_positive_len(r) + der_positive_len(s));
    der_put_positive(out, r);
    der_put_positive(out, s);
    if (out->err != PS_OK) {
        out->len = start;
    }
    return ps_buf_status(out);
}

static void put_padded(struct ps_buf *out, struct ps_bytes number, size_t len)
{
    static const uint8_t zeros[66];

    ps_buf_put(out, ps_bytes(zeros, len - number.len));
    ps_buf_put(out, number);
}

enum ps_err ecdsa_from_der(struct ps_bytes der, size_t coordinate, struct ps_buf *out)
{
    struct ps_reader reader = ps_reader(der);
    struct ps_bytes inside;
    struct ps_bytes r;
    struct ps_bytes s;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    PS_TRY(ps_reader_finish(&reader));
    reader = ps_reader(inside);
    PS_TRY(der_take_positive(&reader, &r));
    PS_TRY(der_take_positive(&reader, &s));
    PS_TRY(ps_reader_finish(&reader));
    if (!coordinate_known(coordinate) || r.len > coordinate || s.len > coordinate) {
        return ps_fail(PS_E_INPUT, 0, "an ECDSA signature too long for its curve");
    }
    put_padded(out, r, coordinate);
    put_padded(out, s, coordinate);
    return ps_buf_status(out);
}

/* to = order - number, which is not larger. */
static void subtract(const uint8_t *order, const uint8_t *number, size_t len, uint8_t *to)
{
    unsigned borrow = 0;

    for (size_t i = len; i > 0; i--) {
        const unsigned take = number[i - 1] + borrow;

        to[i - 1] = (uint8_t)(order[i - 1] - take);
        borrow = order[i - 1] < take ? 1 : 0;
    }
}

static enum ps_err ecdsa_log_form(enum ps_key_type curve, struct ps_bytes raw, uint8_t *out)
{
    size_t len = 0;
    const uint8_t *order = order_of(curve, &len);
    uint8_t mirrored[66];

    PS_TRY(ecdsa_check_raw(curve, raw));
    memcpy(out, raw.data, raw.len);
    subtract(order, raw.data + len, len, mirrored);
    if (memcmp(mirrored, raw.data + len, len) < 0) {
        memcpy(out + len, mirrored, len);
    }
    return PS_OK;
}

enum ps_err signature_log_form(enum ps_alg alg, struct ps_bytes signature, uint8_t *out,
                               size_t *ret_len)
{
    const struct ps_alg_info *info = ps_alg_info(alg);

    if (info == NULL || signature.len == 0 || signature.len > PS_SIGNATURE_MAX ||
        (info->scheme == PS_SCHEME_EDDSA && signature.len != 64)) {
        return ps_fail(PS_E_INPUT, 0, "not a signature of this algorithm");
    }
    if (info->scheme == PS_SCHEME_ECDSA) {
        PS_TRY(ecdsa_log_form(info->curve, signature, out));
    } else {
        memcpy(out, signature.data, signature.len);
    }
    *ret_len = signature.len;
    return PS_OK;
}
