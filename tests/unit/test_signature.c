#include "tests/unit/signing.h"

#include "lib/base/encode.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <pthread.h>

static const enum ps_alg ecdsa_algs[] = {PS_ALG_ES256, PS_ALG_ES384, PS_ALG_ES512, PS_ALG_ES256K};

/* The order of the curve as OpenSSL has it, big-endian. */
static size_t curve_order(enum ps_alg alg, uint8_t *out)
{
    const struct ps_key_type_info *info = ps_key_type_info(ps_alg_info(alg)->curve);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(OBJ_txt2nid(info->group));

    assert_non_null(group);
    assert_int_equal(BN_bn2binpad(EC_GROUP_get0_order(group), out, (int)info->coordinate),
                     (int)info->coordinate);
    EC_GROUP_free(group);
    return info->coordinate;
}

static void every_algorithm_verifies_what_openssl_signed(void **state)
{
    const struct ps_bytes message = LITERAL("what was signed");

    (void)state;
    for (unsigned i = PS_ALG_NONE + 1; i < PS_ALG_COUNT; i++) {
        const enum ps_alg alg = (enum ps_alg)i;
        EVP_PKEY *pkey = signing_make_key(signing_type_for(alg));
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
        PS_BUF_AUTO signature;

        signing_sign(pkey, alg, message, &signature);
        /* Twice: the second time with the context of the first. */
        assert_ok(public_key_verify(key, alg, message, ps_buf_bytes(&signature)));
        assert_ok(public_key_verify(key, alg, message, ps_buf_bytes(&signature)));
        assert_fails(PS_E_DENIED, public_key_verify(key, alg, LITERAL("what was not signed"),
                                                    ps_buf_bytes(&signature)));
        assert_ok(public_key_verify(key, alg, message, ps_buf_bytes(&signature)));
        for (size_t bit = 0; bit < signature.len * 8; bit += 37) {
            signature.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_fails(PS_E_DENIED,
                         public_key_verify(key, alg, message, ps_buf_bytes(&signature)));
            signature.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(ERR_peek_error(), 0);
        EVP_PKEY_free(pkey);
    }
}

#define SIGNERS 3

struct signer {
    EVP_PKEY *pkey;
    uint8_t spki[200];
    size_t spki_len;
    struct ps_buf signature;
};

static void make_signers(enum ps_alg alg, struct ps_bytes message, struct signer signers[SIGNERS])
{
    for (size_t i = 0; i < SIGNERS; i++) {
        uint8_t *to = signers[i].spki;

        signers[i].pkey = signing_make_key(signing_type_for(alg));
        signers[i].spki_len = (size_t)i2d_PUBKEY(signers[i].pkey, &to);
        assert_true(signers[i].spki_len <= sizeof signers[i].spki);
        signing_sign(signers[i].pkey, alg, message, &signers[i].signature);
    }
}

static void clear_signers(struct signer signers[SIGNERS])
{
    for (size_t i = 0; i < SIGNERS; i++) {
        EVP_PKEY_free(signers[i].pkey);
        ps_buf_clear(&signers[i].signature);
    }
}

/* The first signature that a key verifies. */
static enum ps_err verify_first(const struct signer *of, enum ps_alg alg, struct ps_bytes message,
                                const struct ps_buf *signature)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    PS_TRY(public_key_from_spki(ps_bytes(of->spki, of->spki_len), &key));
    return public_key_verify(key, alg, message, ps_buf_bytes(signature));
}

static void assert_no_key(const struct signer *of)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    uint8_t spki[sizeof of->spki];

    memcpy(spki, of->spki, of->spki_len);
    spki[of->spki_len - 1] ^= 1;
    assert_fails(PS_E_INPUT, public_key_from_spki(ps_bytes(spki, of->spki_len), &key));
}

static void first_signatures_are_verified_with_the_key_that_is_asked(void **state)
{
    const struct ps_bytes message = LITERAL("what was signed");

    (void)state;
    for (size_t a = 0; a < PS_COUNT_OF(ecdsa_algs); a++) {
        const enum ps_alg alg = ecdsa_algs[a];
        struct signer signers[SIGNERS];

        make_signers(alg, message, signers);
        for (size_t i = 0; i < SIGNERS * SIGNERS; i++) {
            const struct signer *of = &signers[i / SIGNERS];
            const struct signer *by = &signers[i % SIGNERS];

            assert_int_equal(verify_first(of, alg, message, &by->signature),
                             of == by ? PS_OK : PS_E_DENIED);
            assert_no_key(by);
            assert_int_equal(verify_first(of, alg, message, &by->signature),
                             of == by ? PS_OK : PS_E_DENIED);
        }
        assert_int_equal(ERR_peek_error(), 0);
        clear_signers(signers);
    }
}

/* Two keys are there, and one is asked after the other was made. */
static void a_key_that_was_made_between_is_not_the_one_that_is_asked(void **state)
{
    const struct ps_bytes message = LITERAL("what was signed");
    struct signer signers[SIGNERS];

    (void)state;
    make_signers(PS_ALG_ES256, message, signers);
    for (unsigned uses = 0; uses < 3; uses++) {
        PS_CLEANUP(public_key_free_cleanup)
        struct public_key *key = signing_public(signers[0].pkey);
        PS_CLEANUP(public_key_free_cleanup)
        struct public_key *other = signing_public(signers[1].pkey);

        for (unsigned i = 0; i < uses; i++) {
            assert_ok(
                public_key_verify(key, PS_ALG_ES256, message, ps_buf_bytes(&signers[0].signature)));
        }
        assert_fails(PS_E_DENIED, public_key_verify(key, PS_ALG_ES256, message,
                                                    ps_buf_bytes(&signers[1].signature)));
        assert_ok(
            public_key_verify(other, PS_ALG_ES256, message, ps_buf_bytes(&signers[1].signature)));
        assert_ok(
            public_key_verify(key, PS_ALG_ES256, message, ps_buf_bytes(&signers[0].signature)));
    }
    clear_signers(signers);
}

#define TURNS 40

struct verifying {
    const struct signer *signers;
    struct ps_bytes message;
    unsigned wrong; /* answers */
};

static void *verify_some(void *context)
{
    struct verifying *verifying = context;

    for (size_t i = 0; i < TURNS * SIGNERS; i++) {
        const struct signer *of = &verifying->signers[i % SIGNERS];
        const struct signer *by = &verifying->signers[i / SIGNERS % SIGNERS];
        const enum ps_err err = verify_first(of, PS_ALG_ES256, verifying->message, &by->signature);

        verifying->wrong += err == (of == by ? PS_OK : PS_E_DENIED) ? 0 : 1;
    }
    ps_hash_end_thread();
    return NULL;
}

static void threads_verify_at_once(void **state)
{
    const struct ps_bytes message = LITERAL("what was signed");
    struct signer signers[SIGNERS];
    struct verifying verifying[4];
    pthread_t threads[4];

    (void)state;
    make_signers(PS_ALG_ES256, message, signers);
    for (size_t i = 0; i < PS_COUNT_OF(threads); i++) {
        verifying[i] = (struct verifying){.signers = signers, .message = message};
        assert_int_equal(pthread_create(&threads[i], NULL, verify_some, &verifying[i]), 0);
    }
    for (size_t i = 0; i < PS_COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(verifying[i].wrong, 0);
    }
    clear_signers(signers);
}

static void signatures_of_another_length_do_not_verify(void **state)
{
    static const enum ps_alg algs[] = {PS_ALG_RS256, PS_ALG_PS256, PS_ALG_ES256, PS_ALG_ES512,
                                       PS_ALG_EDDSA};
    const struct ps_bytes message = LITERAL("m");

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(algs); i++) {
        EVP_PKEY *pkey = signing_make_key(signing_type_for(algs[i]));
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
        uint8_t longer[PS_SIGNATURE_MAX + 2] = {0};
        PS_BUF_AUTO signature;

        signing_sign(pkey, algs[i], message, &signature);
        memcpy(longer + 1, signature.data, signature.len);
        assert_fails(PS_E_DENIED, public_key_verify(key, algs[i], message, ps_bytes(NULL, 0)));
        assert_fails(PS_E_DENIED,
                     public_key_verify(key, algs[i], message, ps_bytes(longer, signature.len + 1)));
        assert_fails(PS_E_DENIED, public_key_verify(key, algs[i], message,
                                                    ps_bytes(longer + 1, signature.len + 1)));
        assert_fails(PS_E_DENIED, public_key_verify(key, algs[i], message,
                                                    ps_bytes(longer + 1, signature.len - 1)));
        EVP_PKEY_free(pkey);
    }
}

static void a_key_refuses_the_algorithms_of_others(void **state)
{
    EVP_PKEY *pkey = signing_make_key(PS_KEY_EC_P256);
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
    const uint8_t signature[64] = {1};

    (void)state;
    for (unsigned alg = PS_ALG_NONE; alg < PS_ALG_COUNT; alg++) {
        if (alg != PS_ALG_ES256) {
            assert_fails(PS_E_INPUT, public_key_verify(key, (enum ps_alg)alg, LITERAL("m"),
                                                       ps_bytes(signature, 64)));
        }
    }
    assert_fails(PS_E_INPUT,
                 public_key_verify(key, (enum ps_alg)77, LITERAL("m"), ps_bytes(signature, 64)));
    EVP_PKEY_free(pkey);
}

static void digests_are_verified_and_have_their_length(void **state)
{
    EVP_PKEY *pkey = signing_make_key(PS_KEY_EC_P384);
    EVP_PKEY *edwards = signing_make_key(PS_KEY_ED25519);
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
    PS_CLEANUP(public_key_free_cleanup) struct public_key *ed_key = signing_public(edwards);
    const struct ps_bytes message = LITERAL("m");
    uint8_t digest[64] = {0};
    PS_BUF_AUTO signature;

    (void)state;
    signing_sign(pkey, PS_ALG_ES384, message, &signature);
    ps_hash_parts(PS_SHA384, &message, 1, digest);
    assert_ok(public_key_verify_digest(key, PS_ALG_ES384, ps_bytes(digest, 48),
                                       ps_buf_bytes(&signature)));
    assert_fails(PS_E_INPUT, public_key_verify_digest(key, PS_ALG_ES384, ps_bytes(digest, 47),
                                                      ps_buf_bytes(&signature)));
    assert_fails(PS_E_INPUT, public_key_verify_digest(key, PS_ALG_ES384, ps_bytes(digest, 49),
                                                      ps_buf_bytes(&signature)));
    assert_fails(PS_E_INPUT, public_key_verify_digest(ed_key, PS_ALG_EDDSA, ps_bytes(digest, 64),
                                                      ps_buf_bytes(&signature)));
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(edwards);
}

/* RFC 7518 section 3.5 fixes the salt's length; OpenSSL would take any. */
static void pss_with_another_salt_does_not_verify(void **state)
{
    EVP_PKEY *pkey = signing_make_key(PS_KEY_RSA_2048);
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
    static const int salts[] = {0, 20, 31, 33, 64};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(salts); i++) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *inner = NULL;
        uint8_t signature[256];
        size_t len = sizeof signature;

        assert_int_equal(EVP_DigestSignInit(context, &inner, EVP_sha256(), NULL, pkey), 1);
        assert_true(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salts[i]) > 0);
        assert_int_equal(EVP_DigestSign(context, signature, &len, (const uint8_t *)"m", 1), 1);
        EVP_MD_CTX_free(context);
        assert_fails(PS_E_DENIED,
                     public_key_verify(key, PS_ALG_PS256, LITERAL("m"), ps_bytes(signature, len)));
    }
    EVP_PKEY_free(pkey);
}

static void r_or_s_of_zero_or_n_does_not_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(ecdsa_algs); i++) {
        const enum ps_alg alg = ecdsa_algs[i];
        EVP_PKEY *pkey = signing_make_key(signing_type_for(alg));
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
        uint8_t out[PS_SIGNATURE_MAX];
        uint8_t order[66];
        const size_t len = curve_order(alg, order);
        size_t out_len;
        PS_BUF_AUTO good;

        signing_sign(pkey, alg, LITERAL("m"), &good);
        for (size_t half = 0; half < 2; half++) {
            for (int value = 0; value < 3; value++) {
                uint8_t raw[132];

                memcpy(raw, good.data, 2 * len);
                /* 0, n, and the largest that fits. */
                memset(raw + half * len, value == 2 ? 0xff : 0, len);
                if (value == 1) {
                    memcpy(raw + half * len, order, len);
                }
                assert_fails(PS_E_DENIED,
                             public_key_verify(key, alg, LITERAL("m"), ps_bytes(raw, 2 * len)));
                assert_fails(PS_E_INPUT,
                             signature_log_form(alg, ps_bytes(raw, 2 * len), out, &out_len));
            }
        }
        EVP_PKEY_free(pkey);
    }
}

static void both_mirrored_signatures_have_one_log_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(ecdsa_algs); i++) {
        const enum ps_alg alg = ecdsa_algs[i];
        EVP_PKEY *pkey = signing_make_key(signing_type_for(alg));
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = signing_public(pkey);
        uint8_t order[66];
        const size_t len = curve_order(alg, order);

        for (int round = 0; round < 8; round++) {
            uint8_t mirrored[132];
            uint8_t one[PS_SIGNATURE_MAX];
            uint8_t other[PS_SIGNATURE_MAX];
            size_t one_len = 0;
            size_t other_len = 0;
            BIGNUM *n = BN_bin2bn(order, (int)len, NULL);
            BIGNUM *s;
            PS_BUF_AUTO raw;

            signing_sign(pkey, alg, LITERAL("m"), &raw);
            s = BN_bin2bn(raw.data + len, (int)len, NULL);
            assert_int_equal(BN_sub(s, n, s), 1);
            memcpy(mirrored, raw.data, len);
            assert_int_equal(BN_bn2binpad(s, mirrored + len, (int)len), (int)len);
            BN_free(n);
            BN_free(s);
            assert_ok(public_key_verify(key, alg, LITERAL("m"), ps_bytes(mirrored, 2 * len)));
            assert_ok(signature_log_form(alg, ps_buf_bytes(&raw), one, &one_len));
            assert_ok(signature_log_form(alg, ps_bytes(mirrored, 2 * len), other, &other_len));
            assert_bytes(ps_bytes(one, one_len), ps_bytes(other, other_len));
            assert_ok(public_key_verify(key, alg, LITERAL("m"), ps_bytes(one, one_len)));
        }
        EVP_PKEY_free(pkey);
    }
}

static void other_signatures_are_their_own_log_form(void **state)
{
    uint8_t signature[PS_SIGNATURE_MAX + 1];
    uint8_t out[PS_SIGNATURE_MAX];
    size_t len = 0;

    (void)state;
    memset(signature, 0xab, sizeof signature);
    assert_ok(signature_log_form(PS_ALG_RS256, ps_bytes(signature, 256), out, &len));
    assert_bytes(ps_bytes(out, len), ps_bytes(signature, 256));
    assert_ok(signature_log_form(PS_ALG_PS512, ps_bytes(signature, 512), out, &len));
    assert_bytes(ps_bytes(out, len), ps_bytes(signature, 512));
    assert_ok(signature_log_form(PS_ALG_EDDSA, ps_bytes(signature, 64), out, &len));
    assert_bytes(ps_bytes(out, len), ps_bytes(signature, 64));
    assert_fails(PS_E_INPUT, signature_log_form(PS_ALG_EDDSA, ps_bytes(signature, 63), out, &len));
    assert_fails(PS_E_INPUT, signature_log_form(PS_ALG_RS256, ps_bytes(signature, 513), out, &len));
    assert_fails(PS_E_INPUT, signature_log_form(PS_ALG_RS256, ps_bytes(signature, 0), out, &len));
    assert_fails(PS_E_INPUT, signature_log_form(PS_ALG_NONE, ps_bytes(signature, 64), out, &len));
    assert_fails(PS_E_INPUT, signature_log_form(PS_ALG_ES256, ps_bytes(signature, 63), out, &len));
}

static void raw_and_der_are_each_others_inverse(void **state)
{
    static const size_t coordinates[] = {32, 48, 66};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(coordinates); i++) {
        const size_t len = coordinates[i];

        for (size_t zeros = 0; zeros < len; zeros++) {
            uint8_t raw[132] = {0};
            PS_BUF_AUTO der;
            PS_BUF_AUTO back;

            ps_buf_init(&der, 160);
            ps_buf_init(&back, 160);
            memset(raw + zeros, zeros % 2 == 0 ? 0x80 : 0x7f, len - zeros);
            raw[2 * len - 1] = 1;
            assert_ok(ecdsa_put_der(ps_bytes(raw, 2 * len), &der));
            assert_ok(ecdsa_from_der(ps_buf_bytes(&der), len, &back));
            assert_bytes(ps_buf_bytes(&back), ps_bytes(raw, 2 * len));
        }
    }
}

static void der_that_is_not_the_one_encoding_is_an_input_error(void **state)
{
    static const char *const wrong[] = {
        "",
        "30",
        "3006020101020101ff", /* octets after it */
        "3006020101020101"
        "00",                   /* the same */
        "30060201010201",       /* cut */
        "3007020101020101",     /* longer than it is */
        "3005020101020101",     /* shorter than it is */
        "308106020101020101",   /* length not in its shortest form */
        "30820006020101020101", /* the same */
        "3080020101020101"
        "0000",               /* indefinite */
        "3106020101020101",   /* a set */
        "300702020001020101", /* zero in front */
        "3006020100020101",   /* R is zero */
        "3006020101020100",   /* S is zero */
        "3006020181020101",   /* R is negative */
        "3005020002"
        "0101",                   /* an empty integer */
        "3006030101020101",       /* a bit string */
        "3009020101020101020101", /* three of them */
        "3003020101",             /* one of them */
        "3026022101000000000000000000000000000000000000000000000000000000000000000002"
        "0101",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO der;
        PS_BUF_AUTO out;

        ps_buf_init(&der, 256);
        ps_buf_init(&out, 256);
        assert_ok(ps_hex_decode(ps_bytes_str(wrong[i]), &der));
        assert_fails(PS_E_INPUT, ecdsa_from_der(ps_buf_bytes(&der), 32, &out));
        assert_int_equal(out.len, 0);
    }
}

static void raw_signatures_of_no_curve_have_no_der(void **state)
{
    uint8_t raw[140];
    PS_BUF_AUTO out;

    (void)state;
    memset(raw, 1, sizeof raw);
    ps_buf_init(&out, 256);
    assert_fails(PS_E_INPUT, ecdsa_put_der(ps_bytes(raw, 0), &out));
    assert_fails(PS_E_INPUT, ecdsa_put_der(ps_bytes(raw, 63), &out));
    assert_fails(PS_E_INPUT, ecdsa_put_der(ps_bytes(raw, 62), &out));
    assert_fails(PS_E_INPUT, ecdsa_put_der(ps_bytes(raw, 134), &out));
    memset(raw, 0, 32);
    assert_fails(PS_E_INPUT, ecdsa_put_der(ps_bytes(raw, 64), &out));
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_verifies_what_openssl_signed),
        cmocka_unit_test(first_signatures_are_verified_with_the_key_that_is_asked),
        cmocka_unit_test(a_key_that_was_made_between_is_not_the_one_that_is_asked),
        cmocka_unit_test(threads_verify_at_once),
        cmocka_unit_test(signatures_of_another_length_do_not_verify),
        cmocka_unit_test(a_key_refuses_the_algorithms_of_others),
        cmocka_unit_test(digests_are_verified_and_have_their_length),
        cmocka_unit_test(pss_with_another_salt_does_not_verify),
        cmocka_unit_test(r_or_s_of_zero_or_n_does_not_verify),
        cmocka_unit_test(both_mirrored_signatures_have_one_log_form),
        cmocka_unit_test(other_signatures_are_their_own_log_form),
        cmocka_unit_test(raw_and_der_are_each_others_inverse),
        cmocka_unit_test(der_that_is_not_the_one_encoding_is_an_input_error),
        cmocka_unit_test(raw_signatures_of_no_curve_have_no_der),
    };

    return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
