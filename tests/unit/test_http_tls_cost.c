#include "tests/unit/tls_service.h"

#include <openssl/rsa.h>

/* What a stranger can have the server compute before it knows who that is. */

/* The good certificate, for an RSA key with the exponent. */
static void make_rsa(const char *exponent, struct identity *ret_identity)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    BIGNUM *number = NULL;
    EVP_PKEY *key = NULL;

    assert_true(BN_dec2bn(&number, exponent) > 0);
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, number), 1);
    assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
    BN_free(number);
    EVP_PKEY_CTX_free(context);
    make_client("DNS:oidc.example", ret_identity);
    EVP_PKEY_free(ret_identity->key);
    ret_identity->key = key;
    assert_int_equal(X509_set_pubkey(ret_identity->certificate, key), 1);
    assert_true(X509_sign(ret_identity->certificate, authority.key, EVP_sha256()) > 0);
}

static bool is_served(const struct identity *identity)
{
    struct tls_client client;
    bool served;

    tls_open(&client, identity, NULL);
    served = tls_wait(&client, step_connect) == 1 && ask(&client);
    tls_close(&client);
    return served;
}

/* 65537, and a prime of 40 bits: what it takes to verify grows with the exponent. */
static void an_rsa_key_has_a_short_exponent(void **state)
{
    struct identity usual;
    struct identity dear;

    (void)state;
    make_rsa("65537", &usual);
    assert_true(is_served(&usual));
    assert_int_equal(last_caller.kind, HTTP_CALLER_TLS);
    make_rsa("1099511627689", &dear);
    assert_false(is_served(&dear));
    free_identity(&usual);
    free_identity(&dear);
}

/* The good certificate, and so many octets of comment. */
static void make_long(size_t octets, struct identity *ret_identity)
{
    char *comment = malloc(octets + 1);
    X509_EXTENSION *extension;

    assert_non_null(comment);
    memset(comment, 'x', octets);
    comment[octets] = '\0';
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, comment);
    assert_non_null(extension);
    make_client("DNS:oidc.example", ret_identity);
    assert_int_equal(X509_add_ext(ret_identity->certificate, extension, -1), 1);
    assert_true(X509_sign(ret_identity->certificate, authority.key, EVP_sha256()) > 0);
    X509_EXTENSION_free(extension);
    free(comment);
}

static void the_certificates_of_a_client_are_short(void **state)
{
    static const size_t octets[] = {14000, 17000};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(octets); i++) {
        struct identity identity;

        make_long(octets[i], &identity);
        assert_int_equal(is_served(&identity), i == 0);
        free_identity(&identity);
    }
}

/* Of 8192 bits an exchange takes a hundred times what one on a curve takes. */
static void keys_are_not_agreed_on_in_finite_fields(void **state)
{
    char groups[][10] = {"ffdhe2048", "ffdhe8192"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(groups); i++) {
        struct tls_client client;

        tls_open(&client, &good, NULL);
        assert_int_equal(SSL_set1_groups_list(client.ssl, groups[i]), 1);
        assert_int_not_equal(tls_wait(&client, step_connect), 1);
        tls_close(&client);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_rsa_key_has_a_short_exponent),
        TEST(the_certificates_of_a_client_are_short),
        TEST(keys_are_not_agreed_on_in_finite_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
