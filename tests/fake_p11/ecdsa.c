/* There is no other way than EC_POINTs_make_affine to many coordinates with one inversion. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "curve.h"

/* How many nonces share the two inversions, modulo the order and in the field. */
#define STOCK 32

/* A number modulo the order, in Montgomery's form, and the base point times that number. */
struct multiple {
    BIGNUM *k;
    EC_POINT *point;
};

struct nonce {
    struct multiple at; /* then its number is inverted */
    BIGNUM *product;    /* of this number and those before it */
    BIGNUM *r;
};

struct ecdsa {
    EC_GROUP *group;
    BN_CTX *context;
    BN_MONT_CTX *order;
    BIGNUM *key; /* in Montgomery's form */
    BIGNUM *work;
    int octets; /* of a coordinate */
    struct multiple next, step;
    size_t left; /* of the stock, which is used from its end */
    struct nonce stock[STOCK];
};

static const BIGNUM *order_of(const struct ecdsa *ecdsa)
{
    return EC_GROUP_get0_order(ecdsa->group);
}

static bool multiply(struct ecdsa *ecdsa, BIGNUM *to, const BIGNUM *a, const BIGNUM *b)
{
    return BN_mod_mul_montgomery(to, a, b, ecdsa->order, ecdsa->context) == 1;
}

static bool new_multiple(const struct ecdsa *ecdsa, struct multiple *multiple)
{
    multiple->k = BN_new();
    multiple->point = EC_POINT_new(ecdsa->group);
    return multiple->k && multiple->point;
}

static void free_multiple(struct multiple *multiple)
{
    BN_clear_free(multiple->k);
    EC_POINT_clear_free(multiple->point);
}

static bool new_nonce(const struct ecdsa *ecdsa, struct nonce *nonce)
{
    nonce->product = BN_new();
    nonce->r = BN_new();
    return new_multiple(ecdsa, &nonce->at) && nonce->product && nonce->r;
}

static bool draw(struct ecdsa *ecdsa, struct multiple *multiple)
{
    return new_multiple(ecdsa, multiple) && BN_priv_rand_range(multiple->k, order_of(ecdsa)) == 1 &&
           !BN_is_zero(multiple->k) &&
           EC_POINT_mul(ecdsa->group, multiple->point, multiple->k, NULL, NULL, ecdsa->context) &&
           BN_to_montgomery(multiple->k, multiple->k, ecdsa->order, ecdsa->context) == 1;
}

static bool take_key(struct ecdsa *ecdsa, const EVP_PKEY *pkey)
{
    BIGNUM *key = NULL;
    bool sound = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &key) == 1 &&
                 BN_MONT_CTX_set(ecdsa->order, order_of(ecdsa), ecdsa->context) == 1 &&
                 BN_to_montgomery(ecdsa->key, key, ecdsa->order, ecdsa->context) == 1;
    BN_clear_free(key);
    return sound;
}

static bool prepare(struct ecdsa *ecdsa, const EVP_PKEY *pkey, const struct curve *curve)
{
    ecdsa->octets = (int)curve->octets;
    ecdsa->group = EC_GROUP_new_by_curve_name(curve->nid);
    ecdsa->context = BN_CTX_new();
    ecdsa->order = BN_MONT_CTX_new();
    ecdsa->key = BN_new();
    ecdsa->work = BN_new();
    bool sound = ecdsa->group && ecdsa->context && ecdsa->order && ecdsa->key && ecdsa->work;
    for (size_t i = 0; sound && i < STOCK; i++)
        sound = new_nonce(ecdsa, &ecdsa->stock[i]);
    return sound && take_key(ecdsa, pkey) && draw(ecdsa, &ecdsa->next) && draw(ecdsa, &ecdsa->step);
}

struct ecdsa *ecdsa_new(EVP_PKEY *pkey)
{
    const struct curve *curve = curve_of_pkey(pkey);
    struct ecdsa *ecdsa = curve && curve->key_type == CKK_EC ? calloc(1, sizeof(*ecdsa)) : NULL;
    if (!ecdsa || prepare(ecdsa, pkey, curve))
        return ecdsa;
    ecdsa_free(ecdsa);
    return NULL;
}

void ecdsa_free(struct ecdsa *ecdsa)
{
    if (!ecdsa)
        return;
    for (size_t i = 0; i < STOCK; i++) {
        free_multiple(&ecdsa->stock[i].at);
        BN_clear_free(ecdsa->stock[i].product);
        BN_free(ecdsa->stock[i].r);
    }
    free_multiple(&ecdsa->next);
    free_multiple(&ecdsa->step);
    BN_clear_free(ecdsa->key);
    BN_clear_free(ecdsa->work);
    BN_MONT_CTX_free(ecdsa->order);
    BN_CTX_free(ecdsa->context);
    EC_GROUP_free(ecdsa->group);
    free(ecdsa);
}

/* One addition on the curve instead of a multiplication. */
static bool step(struct ecdsa *ecdsa, struct multiple *ret_at)
{
    struct multiple *next = &ecdsa->next;
    return BN_copy(ret_at->k, next->k) && EC_POINT_copy(ret_at->point, next->point) &&
           BN_mod_add_quick(next->k, next->k, ecdsa->step.k, order_of(ecdsa)) == 1 &&
           EC_POINT_add(ecdsa->group, next->point, next->point, ecdsa->step.point,
                        ecdsa->context) == 1;
}

/* Montgomery's trick: the inverse of the product of all gives those of each, from the last on. */
static bool invert_stock(struct ecdsa *ecdsa)
{
    struct nonce *stock = ecdsa->stock;
    BIGNUM *rest = ecdsa->work;
    bool sound = BN_copy(stock[0].product, stock[0].at.k) != NULL;
    for (size_t i = 1; sound && i < STOCK; i++)
        sound = multiply(ecdsa, stock[i].product, stock[i - 1].product, stock[i].at.k);
    sound = sound &&
            BN_from_montgomery(rest, stock[STOCK - 1].product, ecdsa->order, ecdsa->context) == 1 &&
            BN_mod_inverse(rest, rest, order_of(ecdsa), ecdsa->context) &&
            BN_to_montgomery(rest, rest, ecdsa->order, ecdsa->context) == 1;
    for (size_t i = STOCK - 1; sound && i > 0; i--) {
        sound = multiply(ecdsa, stock[i].product, rest, stock[i - 1].product) &&
                multiply(ecdsa, rest, rest, stock[i].at.k);
        BN_swap(stock[i].at.k, stock[i].product);
    }
    return sound && BN_copy(stock[0].at.k, rest);
}

/* r is the first coordinate modulo the order. */
static bool read_stock(struct ecdsa *ecdsa)
{
    EC_POINT *points[STOCK];
    for (size_t i = 0; i < STOCK; i++)
        points[i] = ecdsa->stock[i].at.point;
    bool sound = EC_POINTs_make_affine(ecdsa->group, STOCK, points, ecdsa->context) == 1;
    for (size_t i = 0; sound && i < STOCK; i++) {
        BIGNUM *r = ecdsa->stock[i].r;
        /* With the third coordinate 1 the first is the affine one. */
        sound = EC_POINT_get_Jprojective_coordinates_GFp(ecdsa->group, points[i], r, NULL, NULL,
                                                         ecdsa->context) == 1 &&
                BN_nnmod(r, r, order_of(ecdsa), ecdsa->context) == 1;
    }
    return sound;
}

static bool fill_stock(struct ecdsa *ecdsa)
{
    bool sound = true;
    for (size_t i = 0; sound && i < STOCK; i++)
        sound = step(ecdsa, &ecdsa->stock[i].at);
    sound = sound && invert_stock(ecdsa) && read_stock(ecdsa);
    ecdsa->left = sound ? STOCK : 0;
    return sound;
}

/* FIPS 186-5, 6.4.1: of a digest longer than the order, its leftmost bits; here below the order. */
static bool take_digest(struct ecdsa *ecdsa, const unsigned char *digest, size_t length)
{
    BIGNUM *e = ecdsa->work;
    int bits = BN_num_bits(order_of(ecdsa));
    int most = (bits + 7) / 8;
    int used = length < (size_t)most ? (int)length : most;
    return BN_bin2bn(digest, used, e) &&
           (8 * used <= bits || BN_rshift(e, e, 8 * used - bits) == 1) &&
           (BN_cmp(e, order_of(ecdsa)) < 0 || BN_sub(e, e, order_of(ecdsa)) == 1);
}

/* s = (e + r d) / k */
static bool compute(struct ecdsa *ecdsa, struct nonce *nonce)
{
    BIGNUM *s = nonce->product;
    return multiply(ecdsa, s, nonce->r, ecdsa->key) &&
           BN_mod_add_quick(s, s, ecdsa->work, order_of(ecdsa)) == 1 &&
           multiply(ecdsa, s, s, nonce->at.k);
}

bool ecdsa_sign(struct ecdsa *ecdsa, const unsigned char *digest, size_t length,
                unsigned char *signature)
{
    struct nonce *nonce;
    do {
        if (ecdsa->left == 0 && !fill_stock(ecdsa))
            return false;
        nonce = &ecdsa->stock[--ecdsa->left];
        if (!take_digest(ecdsa, digest, length) || !compute(ecdsa, nonce))
            return false;
    } while (BN_is_zero(nonce->r) || BN_is_zero(nonce->product));
    return BN_bn2binpad(nonce->r, signature, ecdsa->octets) == ecdsa->octets &&
           BN_bn2binpad(nonce->product, signature + ecdsa->octets, ecdsa->octets) == ecdsa->octets;
}
