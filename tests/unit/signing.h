#ifndef TESTS_UNIT_SIGNING_H
#define TESTS_UNIT_SIGNING_H

#include "tests/unit/support.h"

#include "lib/formats/public_key/public_key.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Keys and signatures by OpenSSL, for tests of what verifies them. */

/* By the call that tests/rsa_pairs.c stands before, where a program has it. */
static inline PS_UNUSED EVP_PKEY *signing_make_rsa(int bits)
{
    EVP_PKEY *pkey = EVP_PKEY_new();
    BIGNUM *e = BN_new();

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    RSA *rsa = RSA_new();

    assert_int_equal(BN_set_word(e, RSA_F4), 1);
    assert_int_equal(RSA_generate_key_ex(rsa, bits, e, NULL), 1);
    assert_int_equal(EVP_PKEY_assign_RSA(pkey, rsa), 1);
#pragma GCC diagnostic pop
    BN_free(e);
    return pkey;
}

static inline PS_UNUSED EVP_PKEY *signing_make_key(enum ps_key_type type)
{
    const struct ps_key_type_info *info = ps_key_type_info(type);
    EVP_PKEY *pkey;

    if (info->family == PS_FAMILY_RSA) {
        pkey = signing_make_rsa((int)info->bits);
    } else if (info->family == PS_FAMILY_EC) {
        pkey = EVP_EC_gen(info->group);
    } else {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, info->group);
    }
    assert_non_null(pkey);
    return pkey;
}

static inline PS_UNUSED struct public_key *signing_public(EVP_PKEY *pkey)
{
    struct public_key *key = NULL;
    uint8_t *der = NULL;
    const int len = i2d_PUBKEY(pkey, &der);

    assert_true(len > 0);
    assert_ok(public_key_from_spki(ps_bytes(der, (size_t)len), &key));
    OPENSSL_free(der);
    return key;
}

static inline PS_UNUSED const EVP_MD *signing_md(const struct ps_alg_info *info)
{
    static const char *const names[] = {"SHA1", "SHA256", "SHA384", "SHA512"};

    return info->scheme == PS_SCHEME_EDDSA ? NULL : EVP_get_digestbyname(names[info->hash]);
}

/* The raw form: R || S for ECDSA. */
static inline PS_UNUSED void signing_sign(EVP_PKEY *pkey, enum ps_alg alg, struct ps_bytes message,
                                          struct ps_buf *out)
{
    const struct ps_alg_info *info = ps_alg_info(alg);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    uint8_t octets[PS_SIGNATURE_MAX + 16];
    size_t len = sizeof octets;

    assert_int_equal(EVP_DigestSignInit(context, &inner, signing_md(info), NULL, pkey), 1);
    if (info->scheme == PS_SCHEME_RSA_PSS) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST) > 0);
    }
    assert_int_equal(EVP_DigestSign(context, octets, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(context);
    ps_buf_init(out, PS_SIGNATURE_MAX);
    if (info->scheme == PS_SCHEME_ECDSA) {
        const size_t coordinate = ps_key_type_info(info->curve)->coordinate;

        assert_ok(ecdsa_from_der(ps_bytes(octets, len), coordinate, out));
    } else {
        ps_buf_put(out, ps_bytes(octets, len));
    }
}

static inline PS_UNUSED enum ps_key_type signing_type_for(enum ps_alg alg)
{
    const enum ps_key_type curve = ps_alg_info(alg)->curve;

    return curve == PS_KEY_NONE ? PS_KEY_RSA_2048 : curve;
}

#endif
