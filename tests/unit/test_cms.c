#include "tests/unit/signing.h"

#include "lib/formats/cms/cms.h"

#include <openssl/cms.h>

/* Detached CMS signatures, judged by OpenSSL. */

#define CONTENT "what is signed"

struct signer {
    EVP_PKEY *pkey;
    struct ps_buf certificate; /* DER */
};

static void signer_make(enum ps_key_type type, struct signer *signer)
{
    X509 *certificate = X509_new();
    uint8_t *der = NULL;
    int len;

    signer->pkey = signing_make_key(type);
    assert_non_null(certificate);
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 0x80), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                                MBSTRING_ASC, (const uint8_t *)"Signer", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)), 1);
    assert_int_equal(X509_set_pubkey(certificate, signer->pkey), 1);
    assert_true(X509_sign(certificate, signer->pkey, type == PS_KEY_ED25519 ? NULL : EVP_sha256()) >
                0);
    len = i2d_X509(certificate, &der);
    assert_true(len > 0);
    ps_buf_init(&signer->certificate, 4096);
    ps_buf_put(&signer->certificate, ps_bytes(der, (size_t)len));
    OPENSSL_free(der);
    X509_free(certificate);
}

static void signer_clear(struct signer *signer)
{
    EVP_PKEY_free(signer->pkey);
    ps_buf_clear(&signer->certificate);
}

static void put_attributes(const struct signer *signer, enum ps_alg algorithm, struct ps_buf *out)
{
    const struct ps_bytes content = ps_bytes_str(CONTENT);
    uint8_t digest[PS_HASH_MAX];
    uint8_t leaf[PS_SHA256_LEN];
    const struct cms_attributes attributes = {
        .algorithm = algorithm,
        .digest = ps_bytes(digest, ps_hash_len(cms_hash(algorithm))),
        .leaf_sha256 = ps_bytes(leaf, sizeof leaf),
        .time_ns = UINT64_C(1767323045) * 1000000000};

    ps_hash_parts(cms_hash(algorithm), &content, 1, digest);
    ps_sha256(ps_buf_bytes(&signer->certificate), leaf);
    assert_ok(cms_put_attributes(&attributes, out));
}

/* The signature in X.509's form. */
static void sign_attributes(const struct signer *signer, enum ps_alg algorithm,
                            struct ps_bytes attributes, struct ps_buf *out)
{
    PS_BUF_AUTO raw = {.max = PS_SIGNATURE_MAX};

    signing_sign(signer->pkey, algorithm, attributes, &raw);
    if (ps_alg_info(algorithm)->scheme == PS_SCHEME_ECDSA) {
        assert_ok(ecdsa_put_der(ps_buf_bytes(&raw), out));
    } else {
        ps_buf_put(out, ps_buf_bytes(&raw));
    }
}

static void make(const struct signer *signer, enum ps_alg algorithm, struct ps_buf *out)
{
    PS_BUF_AUTO attributes = {.max = CMS_ATTRIBUTES_MAX};
    PS_BUF_AUTO signature = {.max = PS_SIGNATURE_MAX + 16};
    struct cms_signed parts = {.algorithm = algorithm, .chain = ps_buf_bytes(&signer->certificate)};

    put_attributes(signer, algorithm, &attributes);
    sign_attributes(signer, algorithm, ps_buf_bytes(&attributes), &signature);
    parts.attributes = ps_buf_bytes(&attributes);
    parts.signature = ps_buf_bytes(&signature);
    assert_ok(cms_put_signed_data(&parts, out));
}

static bool verifies(struct ps_bytes message, const char *content)
{
    const uint8_t *at = message.data;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)message.len);
    BIO *data = BIO_new_mem_buf(content, -1);
    uint8_t *again = NULL;
    bool is_good;
    int len;

    assert_non_null(cms);
    assert_ptr_equal(at, message.data + message.len);
    len = i2d_CMS_ContentInfo(cms, &again);
    assert_int_equal(len, message.len);
    assert_memory_equal(again, message.data, message.len);
    is_good = CMS_verify(cms, NULL, NULL, data, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    OPENSSL_free(again);
    BIO_free(data);
    CMS_ContentInfo_free(cms);
    return is_good;
}

/* OpenSSL 3.0 verifies no EdDSA in CMS (error eddsa_digest_signverify_init:invalid digest). */
static void signatures_of_each_algorithm_verify(void **state)
{
    static const struct {
        enum ps_key_type type;
        enum ps_alg algorithms[6];
    } rows[] = {
        {PS_KEY_RSA_2048,
         {PS_ALG_RS256, PS_ALG_RS384, PS_ALG_RS512, PS_ALG_PS256, PS_ALG_PS384, PS_ALG_PS512}},
        {PS_KEY_EC_P256, {PS_ALG_ES256}},
        {PS_KEY_EC_P384, {PS_ALG_ES384}},
        {PS_KEY_EC_P521, {PS_ALG_ES512}},
        {PS_KEY_EC_SECP256K1, {PS_ALG_ES256K}},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct signer signer;

        signer_make(rows[i].type, &signer);
        for (size_t j = 0; j < 6 && rows[i].algorithms[j] != PS_ALG_NONE; j++) {
            PS_BUF_AUTO message = {.max = CMS_CHAIN_MAX};

            make(&signer, rows[i].algorithms[j], &message);
            assert_true(verifies(ps_buf_bytes(&message), CONTENT));
            assert_false(verifies(ps_buf_bytes(&message), CONTENT "!"));
        }
        signer_clear(&signer);
    }
}

/* RFC 8419: over the attributes, with SHA-512 of the content in them. */
static void eddsa_signs_the_attributes(void **state)
{
    struct signer signer;
    struct public_key *key;
    PS_BUF_AUTO attributes = {.max = CMS_ATTRIBUTES_MAX};
    PS_BUF_AUTO signature = {.max = PS_SIGNATURE_MAX};
    PS_BUF_AUTO message = {.max = CMS_CHAIN_MAX};

    (void)state;
    signer_make(PS_KEY_ED25519, &signer);
    assert_int_equal(cms_hash(PS_ALG_EDDSA), PS_SHA512);
    put_attributes(&signer, PS_ALG_EDDSA, &attributes);
    sign_attributes(&signer, PS_ALG_EDDSA, ps_buf_bytes(&attributes), &signature);
    key = signing_public(signer.pkey);
    assert_ok(
        public_key_verify(key, PS_ALG_EDDSA, ps_buf_bytes(&attributes), ps_buf_bytes(&signature)));
    make(&signer, PS_ALG_EDDSA, &message);
    assert_non_null(memmem(message.data, message.len, attributes.data + 1, attributes.len - 1));
    public_key_free(key);
    signer_clear(&signer);
}

/* Octet by octet, as RFC 5652 and RFC 5035 have them; sorted, as DER has them. */
static void attributes_are_those_of_the_standard(void **state)
{
    uint8_t digest[48];
    uint8_t leaf[32];
    const struct cms_attributes attributes = {.algorithm = PS_ALG_ES384,
                                              .digest = ps_bytes(digest, sizeof digest),
                                              .leaf_sha256 = ps_bytes(leaf, sizeof leaf),
                                              .time_ns = UINT64_C(1767323045) * 1000000000};
    PS_BUF_AUTO out = {.max = CMS_ATTRIBUTES_MAX};
    PS_BUF_AUTO expected = {.max = CMS_ATTRIBUTES_MAX};

    (void)state;
    memset(digest, 0xd1, sizeof digest);
    memset(leaf, 0x1e, sizeof leaf);
    ps_buf_put(&expected, LITERAL("\x31\x81\xb2"
                                  "\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
                                  "\x31\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
                                  "\x30\x1c\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"
                                  "\x31\x0f\x17\x0d"
                                  "260102030405Z"
                                  "\x30\x37\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f"
                                  "\x31\x28\x30\x26\x30\x24\x30\x22\x04\x20"));
    ps_buf_put(&expected, ps_bytes(leaf, sizeof leaf));
    ps_buf_put(&expected, LITERAL("\x30\x3f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
                                  "\x31\x32\x04\x30"));
    ps_buf_put(&expected, ps_bytes(digest, sizeof digest));
    assert_ok(cms_put_attributes(&attributes, &out));
    assert_int_equal(out.len, expected.len);
    assert_memory_equal(out.data, expected.data, expected.len);
}

static void dates_from_2050_on_are_written_with_four_digits(void **state)
{
    static const struct {
        uint64_t time_s;
        const char *written;
    } rows[] = {{UINT64_C(2524607999), "\x17\x0d"
                                       "491231235959Z"},
                {UINT64_C(2524608000), "\x18\x0f"
                                       "20500101000000Z"}};
    const uint8_t digest[32] = {0};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct cms_attributes attributes = {.algorithm = PS_ALG_ES256,
                                                  .digest = ps_bytes(digest, 32),
                                                  .leaf_sha256 = ps_bytes(digest, 32),
                                                  .time_ns = rows[i].time_s * 1000000000};
        PS_BUF_AUTO out = {.max = CMS_ATTRIBUTES_MAX};

        assert_ok(cms_put_attributes(&attributes, &out));
        assert_non_null(memmem(out.data, out.len, rows[i].written, strlen(rows[i].written)));
    }
}

static void digest_of_another_length_is_refused(void **state)
{
    static const struct {
        enum ps_alg algorithm;
        size_t good;
    } rows[] = {{PS_ALG_RS256, 32}, {PS_ALG_ES384, 48}, {PS_ALG_PS512, 64}, {PS_ALG_EDDSA, 64}};
    const uint8_t digest[65] = {0};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        for (size_t len = 0; len <= sizeof digest; len++) {
            const struct cms_attributes attributes = {.algorithm = rows[i].algorithm,
                                                      .digest = ps_bytes(digest, len),
                                                      .leaf_sha256 = ps_bytes(digest, 32)};
            PS_BUF_AUTO out = {.max = CMS_ATTRIBUTES_MAX};

            assert_fails(len == rows[i].good ? PS_OK : PS_E_INPUT,
                         cms_put_attributes(&attributes, &out));
        }
    }
}

static enum ps_err put_with_chain(struct ps_bytes chain)
{
    const uint8_t attributes[] = {0x31, 0x00};
    const uint8_t signature[] = {0};
    const struct cms_signed parts = {.algorithm = PS_ALG_ES256,
                                     .attributes = ps_bytes(attributes, sizeof attributes),
                                     .signature = ps_bytes(signature, sizeof signature),
                                     .chain = chain};
    PS_BUF_AUTO out = {.max = 2 * CMS_CHAIN_MAX};

    return cms_put_signed_data(&parts, &out);
}

static void chain_that_is_none_is_refused(void **state)
{
    struct signer signer;
    PS_BUF_AUTO chain = {.max = 2 * CMS_CHAIN_MAX};

    (void)state;
    signer_make(PS_KEY_EC_P256, &signer);
    assert_fails(PS_E_INPUT, put_with_chain(ps_bytes(NULL, 0)));
    assert_fails(PS_E_INPUT, put_with_chain(LITERAL("\x30\x00")));
    for (size_t len = 1; len < signer.certificate.len; len++) {
        assert_fails(PS_E_INPUT, put_with_chain(ps_bytes(signer.certificate.data, len)));
    }
    for (size_t count = 1; count <= 17; count++) {
        ps_buf_put(&chain, ps_buf_bytes(&signer.certificate));
        assert_fails(count <= 16 ? PS_OK : PS_E_LIMIT, put_with_chain(ps_buf_bytes(&chain)));
    }
    signer_clear(&signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_each_algorithm_verify),
        cmocka_unit_test(eddsa_signs_the_attributes),
        cmocka_unit_test(attributes_are_those_of_the_standard),
        cmocka_unit_test(dates_from_2050_on_are_written_with_four_digits),
        cmocka_unit_test(digest_of_another_length_is_refused),
        cmocka_unit_test(chain_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
