#include "appliance/supervisor/tls_files.h"

#include "lib/system/file.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The files of a listener, made anew for each test; a test then spoils one. */
static char directory[64];
static char certificate[100];
static char key[100];
static char other_key[100];
static char empty[100];
static char missing[] = "/nonexistent/cert.pem";
static struct config_listener listener;

static void write_bio(const char *path, BIO *bio, unsigned mode)
{
    char *octets = NULL;
    const long len = BIO_get_mem_data(bio, &octets);

    assert_int_equal(file_write(path, ps_bytes(octets, (size_t)len), mode), PS_OK);
    BIO_free_all(bio);
}

static EVP_PKEY *write_key(const char *path)
{
    EVP_PKEY *made = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());

    assert_non_null(made);
    assert_int_equal(PEM_write_bio_PrivateKey(bio, made, NULL, NULL, 0, NULL, NULL), 1);
    write_bio(path, bio, 0600);
    return made;
}

static void write_certificate(EVP_PKEY *made)
{
    X509 *x509 = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(X509_set_version(x509, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
    assert_int_equal(X509_set_pubkey(x509, made), 1);
    assert_true(X509_sign(x509, made, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
    write_bio(certificate, bio, 0644);
    X509_free(x509);
}

static int set_up(void **state)
{
    EVP_PKEY *made;

    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-tls-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", directory);
    (void)snprintf(key, sizeof key, "%s/key.pem", directory);
    (void)snprintf(other_key, sizeof other_key, "%s/other.pem", directory);
    (void)snprintf(empty, sizeof empty, "%s/empty.pem", directory);
    made = write_key(key);
    write_certificate(made);
    EVP_PKEY_free(made);
    EVP_PKEY_free(write_key(other_key));
    assert_int_equal(file_write(empty, ps_bytes_str("nothing\n"), 0600), PS_OK);
    listener =
        (struct config_listener){.certificate = certificate, .key = key, .client_ca = certificate};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(certificate);
    (void)unlink(key);
    (void)unlink(other_key);
    (void)unlink(empty);
    return rmdir(directory);
}

static void files_that_belong_together_are_taken(void **state)
{
    struct tls_files files;

    (void)state;
    assert_int_equal(tls_files_load(&listener, &files), PS_OK);
    assert_true(files.not_after_s > (uint64_t)time(NULL));
    assert_true(files.not_after_s <= (uint64_t)time(NULL) + 3600);
    assert_true(ps_bytes_starts_with(ps_secret_bytes(files.key), ps_bytes_str("-----BEGIN ")));
    assert_true(files.certificate.len != 0 && files.client_ca.len != 0);
    tls_files_clear(&files);
    assert_null(files.key);
}

static void assert_refused(enum ps_err err, const char *text)
{
    struct tls_files files;

    assert_int_equal(tls_files_load(&listener, &files), err);
    if (strstr(ps_detail()->text, text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, ps_detail()->text);
    }
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    (void)state;
    listener.key = other_key;
    assert_refused(PS_E_INPUT, "is not that of the certificate");
}

static void files_without_what_they_should_hold_are_named(void **state)
{
    (void)state;
    listener.key = empty;
    assert_refused(PS_E_INPUT, "no private key in PEM");
    listener.key = key;
    listener.client_ca = empty;
    assert_refused(PS_E_INPUT, "empty.pem holds no certificate");
    listener.client_ca = certificate;
    listener.certificate = empty;
    assert_refused(PS_E_INPUT, "empty.pem holds no certificate");
    listener.certificate = missing;
    assert_refused(PS_E_NOT_FOUND, "/nonexistent/cert.pem");
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(key, 0640), 0);
    assert_refused(PS_E_DENIED, "chmod 0600");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_that_belong_together_are_taken),
        TEST(a_key_of_another_certificate_is_refused),
        TEST(files_without_what_they_should_hold_are_named),
        TEST(a_key_that_others_may_read_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
