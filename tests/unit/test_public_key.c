#include "tests/unit/signing.h"
#include "tests/unit/vectors.h"

#include "lib/base/encode.h"

#include <openssl/err.h>

/* RFC 7515 appendix A.3 and RFC 8037 appendix A.2. */
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

static enum ps_err from_jwk(const char *text)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    return public_key_from_jwk(ps_bytes_str(text), &key);
}

static void check_encodings(struct json_value row, const struct public_key *key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *from_spki = NULL;
    PS_CLEANUP(public_key_free_cleanup) struct public_key *from_pem = NULL;
    PS_BUF_AUTO spki;
    PS_BUF_AUTO pem;

    ps_buf_init(&spki, 1024);
    ps_buf_init(&pem, 2048);
    if (text_of(row, "spki").len == 0) {
        return;
    }
    assert_ok(ps_base64url_decode(text_of(row, "spki"), &spki));
    assert_bytes(public_key_spki(key), ps_buf_bytes(&spki));
    public_key_put_pem(key, &pem);
    assert_bytes(ps_buf_bytes(&pem), text_of(row, "pem"));
    assert_ok(public_key_from_spki(ps_buf_bytes(&spki), &from_spki));
    assert_ok(public_key_from_pem(ps_buf_bytes(&pem), &from_pem));
    assert_bytes(public_key_kid(from_spki), public_key_kid(key));
    assert_bytes(public_key_kid(from_pem), public_key_kid(key));
}

static void published_keys_have_their_thumbprints_and_encodings(void **state)
{
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("jose/jwk.json", &vectors);
    assert_true(json_count(vectors.rows) >= 9);
    while (vectors_next(&vectors, &row)) {
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        PS_CLEANUP(public_key_free_cleanup) struct public_key *again = NULL;
        struct json_value jwk;
        PS_BUF_AUTO out;

        ps_buf_init(&out, 2048);
        assert_true(json_member(row, "jwk", &jwk));
        assert_ok(public_key_from_jwk_value(jwk, &key));
        assert_bytes(public_key_kid(key), text_of(row, "kid"));
        check_encodings(row, key);
        public_key_put_jwk(key, PS_ALG_NONE, NULL, &out);
        assert_ok(public_key_from_jwk(ps_buf_bytes(&out), &again));
        assert_bytes(public_key_spki(again), public_key_spki(key));
    }
    vectors_close(&vectors);
}

static void a_jwk_is_written_in_lexical_order(void **state)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 1024);
    assert_ok(public_key_from_jwk(
        LITERAL("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}"), &key));
    assert_int_equal(public_key_type(key), PS_KEY_EC_P256);
    public_key_put_jwk(key, PS_ALG_ES256, "sig", &out);
    assert_text(ps_buf_bytes(&out),
                "{\"alg\":\"ES256\",\"crv\":\"P-256\",\"kid\":"
                "\"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U\",\"kty\":\"EC\",\"use\":\"sig\","
                "\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}");
}

static void malformed_jwks_are_input_errors(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"kty\":\"EC\"}",
        "{\"kty\":5}",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-224\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\",\"y\":\"" ED_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}",
        /* Coordinates cut by an octet, longer by one, with padding, with other spare bits. */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"zSdw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF\","
        "\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AH_NzidwxfRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF\","
        "\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "=\",\"y\":\"" EC_Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\","
        "\"y\":\"" EC_Y "\"}",
        /* Not on the curve: y and x changed places; all zero. */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y "\",\"y\":\"" EC_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        /* The right point on another curve. */
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
        /* Private members. */
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\",\"d\":\"" ED_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\",\"\\u0064\":\"\"}",
        "{\"kty\":\"EC\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, from_jwk(wrong[i]));
    }
    assert_ok(from_jwk("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\",\"use\":\"sig\","
                       "\"unknown\":[1]}"));
}

/* The eight points of small order, and encodings that RFC 8032 does not have. */
static void ed25519_points_without_a_key_behind_them_are_refused(void **state)
{
    static const char *const wrong[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        /* p, p + 1 and the largest: not below p. */
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        /* y = 2 has no x. */
        "0200000000000000000000000000000000000000000000000000000000000000",
    };
    static const uint8_t prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                     0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        PS_BUF_AUTO spki;

        ps_buf_init(&spki, 64);
        ps_buf_put(&spki, ps_bytes(prefix, sizeof prefix));
        assert_ok(ps_hex_decode(ps_bytes_str(wrong[i]), &spki));
        assert_fails(PS_E_INPUT, public_key_from_spki(ps_buf_bytes(&spki), &key));
    }
}

static void every_generated_ed25519_key_is_taken(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        uint8_t *der = NULL;
        const int len = i2d_PUBKEY(pkey, &der);

        assert_true(len > 0);
        assert_ok(public_key_from_spki(ps_bytes(der, (size_t)len), &key));
        assert_bytes(public_key_spki(key), ps_bytes(der, (size_t)len));
        OPENSSL_free(der);
        EVP_PKEY_free(pkey);
    }
}

/* A modulus of `octets` octets that begins with `first` and ends with `last`. */
static enum ps_err rsa_jwk(size_t octets, uint8_t first, uint8_t last, const char *exponent)
{
    uint8_t modulus[1024];
    PS_BUF_AUTO jwk;

    ps_buf_init(&jwk, 4096);
    memset(modulus, 0x55, sizeof modulus);
    modulus[0] = first;
    modulus[octets - 1] = last;
    ps_buf_put_str(&jwk, "{\"kty\":\"RSA\",\"n\":\"");
    ps_buf_put_base64url(&jwk, ps_bytes(modulus, octets));
    ps_buf_printf(&jwk, "\",\"e\":\"%s\"}", exponent);
    ps_buf_put_u8(&jwk, '\0');
    return from_jwk((const char *)jwk.data);
}

static void rsa_keys_outside_the_bounds_are_refused(void **state)
{
    (void)state;
    assert_ok(rsa_jwk(256, 0x80, 0x01, "AQAB"));
    assert_ok(rsa_jwk(384, 0xff, 0x01, "AQAB"));
    assert_ok(rsa_jwk(512, 0x80, 0x01, "AQAB"));
    assert_ok(rsa_jwk(256, 0x80, 0x01, "__________8")); /* 2^64 - 1 */
    assert_fails(PS_E_INPUT, rsa_jwk(128, 0x80, 0x01, "AQAB"));
    assert_fails(PS_E_INPUT, rsa_jwk(255, 0xff, 0x01, "AQAB"));
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x7f, 0x01, "AQAB")); /* 2047 bits */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x00, 0x01, "AQAB"));
    assert_fails(PS_E_INPUT, rsa_jwk(257, 0x80, 0x01, "AQAB"));
    assert_fails(PS_E_INPUT, rsa_jwk(513, 0x80, 0x01, "AQAB"));
    assert_fails(PS_E_INPUT, rsa_jwk(1024, 0x80, 0x01, "AQAB"));
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x02, "AQAB")); /* even */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, ""));
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "AQ"));           /* 1 */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "Aw"));           /* 3 */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "EQ"));           /* 17 */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "__8"));          /* 65535 */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "AQAA"));         /* 65536 */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "AQAC"));         /* even */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "AAEAAQ"));       /* zero in front */
    assert_fails(PS_E_INPUT, rsa_jwk(256, 0x80, 0x01, "AQAAAAAAAAAB")); /* 65 bits */
}

static void spki_that_is_not_the_one_encoding_is_refused(void **state)
{
    static const enum ps_key_type types[] = {PS_KEY_EC_P256, PS_KEY_EC_P521, PS_KEY_ED25519,
                                             PS_KEY_RSA_2048};

    (void)state;
    for (size_t t = 0; t < PS_COUNT_OF(types); t++) {
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        EVP_PKEY *pkey = signing_make_key(types[t]);
        uint8_t der[1024] = {0};
        uint8_t *to = der;
        const size_t len = (size_t)i2d_PUBKEY(pkey, &to);

        assert_fails(PS_E_INPUT, public_key_from_spki(ps_bytes(der, len + 1), &key));
        for (size_t cut = 0; cut < len; cut++) {
            assert_fails(PS_E_INPUT, public_key_from_spki(ps_bytes(der, cut), &key));
        }
        /* Each bit of the head: lengths, tags, identifiers, unused bits, the form of the point. */
        for (size_t bit = 0; bit < 23 * 8 && bit < (len - 32) * 8; bit++) {
            der[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_fails(PS_E_INPUT, public_key_from_spki(ps_bytes(der, len), &key));
            der[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_ok(public_key_from_spki(ps_bytes(der, len), &key));
        assert_int_equal(public_key_type(key), types[t]);
        EVP_PKEY_free(pkey);
    }
}

static void compressed_points_and_explicit_parameters_are_refused(void **state)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    uint8_t *der = NULL;
    int len;

    (void)state;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, "point-format", "compressed"), 1);
    len = i2d_PUBKEY(pkey, &der);
    assert_fails(PS_E_INPUT, public_key_from_spki(ps_bytes(der, (size_t)len), &key));
    OPENSSL_free(der);
    der = NULL;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, "point-format", "uncompressed"), 1);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, "encoding", "explicit"), 1);
    len = i2d_PUBKEY(pkey, &der);
    assert_fails(PS_E_INPUT, public_key_from_spki(ps_bytes(der, (size_t)len), &key));
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
}

static void pem_that_is_not_one_public_key_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nMCowBQYDK2VwAyEA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
        "x-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\nx",
    };
    /* RFC 8410 section 10.1. */
    static const char good[] =
        "-----BEGIN PUBLIC "
        "KEY-----\r\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\r\n"
        "-----END PUBLIC KEY-----\r\n";
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, public_key_from_pem(ps_bytes_str(wrong[i]), &key));
    }
    assert_ok(public_key_from_pem(ps_bytes_str(good), &key));
    assert_int_equal(public_key_type(key), PS_KEY_ED25519);
}

static size_t make_certificate(EVP_PKEY *pkey, uint8_t **ret_der)
{
    X509 *certificate = X509_new();
    int len;

    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const uint8_t *)"test", -1, -1, 0);
    assert_int_equal(X509_set_pubkey(certificate, pkey), 1);
    assert_true(X509_sign(certificate, pkey, EVP_sha256()) > 0);
    len = i2d_X509(certificate, ret_der);
    X509_free(certificate);
    assert_true(len > 0);
    return (size_t)len;
}

static void a_certificate_yields_its_key(void **state)
{
    static const enum ps_key_type types[] = {PS_KEY_EC_P384, PS_KEY_RSA_2048, PS_KEY_EC_SECP256K1};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
        EVP_PKEY *pkey = signing_make_key(types[i]);
        uint8_t *der = NULL;
        const size_t len = make_certificate(pkey, &der);

        assert_ok(public_key_from_certificate(ps_bytes(der, len), &key));
        assert_int_equal(public_key_type(key), types[i]);
        public_key_free(key);
        key = NULL;
        for (size_t cut = 0; cut < len; cut += 7) {
            assert_fails(PS_E_INPUT, public_key_from_certificate(ps_bytes(der, cut), &key));
        }
        OPENSSL_free(der);
        EVP_PKEY_free(pkey);
    }
}

static void certificates_with_other_keys_or_octets_after_them_are_refused(void **state)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    EVP_PKEY *pkey = EVP_RSA_gen(1024);
    EVP_PKEY *good = EVP_EC_gen("P-256");
    uint8_t *der = NULL;
    uint8_t *longer;
    size_t len = make_certificate(pkey, &der);

    (void)state;
    assert_fails(PS_E_INPUT, public_key_from_certificate(ps_bytes(der, len), &key));
    OPENSSL_free(der);
    der = NULL;
    len = make_certificate(good, &der);
    longer = calloc(1, len + 1);
    assert_non_null(longer);
    memcpy(longer, der, len);
    assert_fails(PS_E_INPUT, public_key_from_certificate(ps_bytes(longer, len + 1), &key));
    assert_int_equal(ERR_peek_error(), 0);
    free(longer);
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(good);
}

static struct public_key *key_of(enum ps_key_type type)
{
    EVP_PKEY *pkey = signing_make_key(type);
    struct public_key *key = NULL;
    uint8_t *der = NULL;
    const int len = i2d_PUBKEY(pkey, &der);

    assert_true(len > 0);
    assert_ok(public_key_from_spki(ps_bytes(der, (size_t)len), &key));
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
    return key;
}

static void ciphertext_is_as_long_as_the_modulus_and_below_it(void **state)
{
    struct public_key *rsa = key_of(PS_KEY_RSA_2048);
    struct public_key *ec = key_of(PS_KEY_EC_P256);
    const struct ps_bytes spki = public_key_spki(rsa);
    uint8_t octets[257];

    (void)state;
    /* The modulus stands before the exponent 65537, which takes five octets. */
    memcpy(octets, spki.data + spki.len - 261, 256);
    assert_false(public_key_may_open(rsa, ps_bytes(octets, 256)));
    octets[255]--;
    assert_true(public_key_may_open(rsa, ps_bytes(octets, 256)));
    memset(octets, 0, sizeof octets);
    assert_true(public_key_may_open(rsa, ps_bytes(octets, 256)));
    assert_false(public_key_may_open(rsa, ps_bytes(octets, 255)));
    assert_false(public_key_may_open(rsa, ps_bytes(octets, 257)));
    assert_false(public_key_may_open(rsa, ps_bytes(NULL, 0)));
    assert_false(public_key_may_open(ec, ps_bytes(octets, 256)));
    assert_false(public_key_may_open(ec, ps_bytes(NULL, 0)));
    public_key_free(rsa);
    public_key_free(ec);
}

static void point_is_one_of_the_keys_own_curve(void **state)
{
    struct public_key *own = key_of(PS_KEY_EC_P256);
    struct public_key *peer = key_of(PS_KEY_EC_P256);
    struct public_key *other = key_of(PS_KEY_EC_SECP256K1);
    struct public_key *rsa = key_of(PS_KEY_RSA_2048);
    uint8_t octets[65] = {0};

    (void)state;
    assert_true(public_key_has_point(own, public_key_point(own)));
    assert_true(public_key_has_point(own, public_key_point(peer)));
    assert_false(public_key_has_point(own, public_key_point(other)));
    assert_false(public_key_has_point(own, ps_bytes(octets, 64)));
    memcpy(octets, public_key_point(peer).data, 64);
    assert_false(public_key_has_point(own, ps_bytes(octets, 63)));
    assert_false(public_key_has_point(own, ps_bytes(octets, 65)));
    assert_false(public_key_has_point(own, ps_bytes(NULL, 0)));
    octets[63] ^= 1;
    assert_false(public_key_has_point(own, ps_bytes(octets, 64)));
    assert_int_equal(public_key_point(rsa).len, 0);
    assert_false(public_key_has_point(rsa, ps_bytes(octets, 64)));
    assert_int_equal(ERR_peek_error(), 0);
    public_key_free(own);
    public_key_free(peer);
    public_key_free(other);
    public_key_free(rsa);
}

static enum ps_err check_form(const char *text)
{
    struct json_value jwk;

    assert_ok(json_parse(json, ps_bytes_str(text), &JSON_LIMITS_REQUEST, &jwk));
    return public_key_check_jwk_form(jwk);
}

/* What nothing is verified with is checked for all but its point. */
static void the_form_of_a_jwk_is_all_but_its_point(void **state)
{
    static const char x[] = "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc";
    char text[512];

    (void)state;
    (void)snprintf(text, sizeof text,
                   "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", x, x);
    assert_ok(check_form(text));
    (void)snprintf(text, sizeof text,
                   "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"%s\",\"y\":\"%s\"}", x, x);
    assert_fails(PS_E_INPUT, check_form(text));
    (void)snprintf(text, sizeof text,
                   "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", x,
                   x, x);
    assert_fails(PS_E_INPUT, check_form(text));
    (void)snprintf(text, sizeof text, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", x);
    assert_ok(check_form(text));
    assert_fails(PS_E_INPUT, check_form("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}"));
    assert_fails(PS_E_INPUT, check_form("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}"));
    assert_fails(PS_E_INPUT, check_form("{\"kty\":\"oct\",\"k\":\"AAAA\"}"));
    assert_fails(PS_E_INPUT, check_form("[]"));
    assert_fails(PS_E_INPUT, check_form("{}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_of_a_jwk_is_all_but_its_point),
        cmocka_unit_test(published_keys_have_their_thumbprints_and_encodings),
        cmocka_unit_test(a_jwk_is_written_in_lexical_order),
        cmocka_unit_test(malformed_jwks_are_input_errors),
        cmocka_unit_test(ed25519_points_without_a_key_behind_them_are_refused),
        cmocka_unit_test(every_generated_ed25519_key_is_taken),
        cmocka_unit_test(rsa_keys_outside_the_bounds_are_refused),
        cmocka_unit_test(spki_that_is_not_the_one_encoding_is_refused),
        cmocka_unit_test(compressed_points_and_explicit_parameters_are_refused),
        cmocka_unit_test(pem_that_is_not_one_public_key_is_refused),
        cmocka_unit_test(a_certificate_yields_its_key),
        cmocka_unit_test(certificates_with_other_keys_or_octets_after_them_are_refused),
        cmocka_unit_test(ciphertext_is_as_long_as_the_modulus_and_below_it),
        cmocka_unit_test(point_is_one_of_the_keys_own_curve),
    };

    return cmocka_run_group_tests_name("public_key", tests, make_reader, free_reader);
}
