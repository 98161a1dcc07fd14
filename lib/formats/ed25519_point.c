#include "lib/formats/key_internal.h"

#include <openssl/bn.h>

/* p = 2^255 - 19 and d of edwards25519, RFC 8032 section 5.1; little-endian. */
static const uint8_t field_prime[32] = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
static const uint8_t curve_d[32] = {
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52};

/* The y of the points of order 8; those of order 1, 2 and 4 are 1, p - 1 and 0. */
static const uint8_t order_eight[2][32] = {
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

static void ctx_free_cleanup(BN_CTX **context)
{
    BN_CTX_free(*context);
}

/* x^2 = (y^2 - 1) / (d y^2 + 1) has a solution when numerator times denominator is a square. */
static bool has_x(const uint8_t y_octets[32], BN_CTX *context)
{
    BIGNUM *p = BN_CTX_get(context);
    BIGNUM *d = BN_CTX_get(context);
    BIGNUM *y = BN_CTX_get(context);
    BIGNUM *square = BN_CTX_get(context);
    BIGNUM *below = BN_CTX_get(context);
    BIGNUM *product = BN_CTX_get(context);

    /* Kronecker 0 is y = 1 or y = p - 1, which are of small order. */
    return product != NULL && BN_lebin2bn(field_prime, 32, p) != NULL &&
           BN_lebin2bn(curve_d, 32, d) != NULL && BN_lebin2bn(y_octets, 32, y) != NULL &&
           BN_cmp(y, p) < 0 && BN_mod_sqr(square, y, p, context) == 1 &&
           BN_mod_mul(below, d, square, p, context) == 1 && BN_add_word(below, 1) == 1 &&
           BN_mod_sub(square, square, BN_value_one(), p, context) == 1 &&
           BN_mod_mul(product, square, below, p, context) == 1 &&
           BN_kronecker(product, p, context) == 1;
}

bool ed25519_point_valid(const uint8_t octets[32])
{
    static const uint8_t zero[32];
    PS_CLEANUP(ctx_free_cleanup) BN_CTX *context = BN_CTX_new();
    uint8_t y[32];
    bool valid;

    memcpy(y, octets, sizeof y);
    y[31] &= 0x7f; /* the sign of x */
    if (context == NULL || memcmp(y, zero, sizeof y) == 0 ||
        memcmp(y, order_eight[0], sizeof y) == 0 || memcmp(y, order_eight[1], sizeof y) == 0) {
        return false;
    }
    BN_CTX_start(context);
    valid = has_x(y, context);
    BN_CTX_end(context);
    return valid;
}
