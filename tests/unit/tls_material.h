#ifndef TESTS_UNIT_TLS_MATERIAL_H
#define TESTS_UNIT_TLS_MATERIAL_H

#include "tests/unit/support.h"

#include "lib/base/hash.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* Authorities and certificates of P-256 keys, made with OpenSSL. */
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char key_pem[1024];
    char certificate_pem[1536];
    uint8_t spki[PS_SHA256_LEN];
};

struct identity_wish {
    const char *name;
    const struct identity *issuer; /* NULL: itself, an authority */
    bool is_authority;
    const char *names;   /* subjectAltName, as in openssl's configuration; NULL: none */
    const char *purpose; /* extendedKeyUsage; NULL: none */
    long begins_s;       /* from now */
    long ends_s;
    bool lacks_key_ids; /* then issuers are found by name alone */
};

static inline PS_UNUSED void put_pem(BIO *bio, char *out, size_t room)
{
    const int len = BIO_read(bio, out, (int)room - 1);

    assert_true(len > 0 && (size_t)len < room - 1);
    out[len] = '\0';
    BIO_free(bio);
}

static inline PS_UNUSED void add_extension(X509 *certificate, const struct identity *issuer,
                                           int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    if (value == NULL) {
        return;
    }
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer->certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline PS_UNUSED void write_certificate(struct identity *identity)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_X509(bio, identity->certificate), 1);
    put_pem(bio, identity->certificate_pem, sizeof identity->certificate_pem);
}

static inline PS_UNUSED void write_out(struct identity *identity)
{
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    int len;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, identity->key, NULL, NULL, 0, NULL, NULL), 1);
    put_pem(bio, identity->key_pem, sizeof identity->key_pem);
    write_certificate(identity);
    len = i2d_PUBKEY(identity->key, &der);
    assert_true(len > 0);
    ps_sha256(ps_bytes(der, (size_t)len), identity->spki);
    OPENSSL_free(der);
}

static inline PS_UNUSED void make_identity(const struct identity_wish *wish,
                                           struct identity *ret_identity)
{
    static long serial = 1000;
    struct identity *identity = ret_identity;
    const struct identity *issuer = wish->issuer == NULL ? identity : wish->issuer;
    X509_NAME *name = X509_NAME_new();
    X509 *certificate = X509_new();

    identity->key = EVP_EC_gen("P-256");
    identity->certificate = certificate;
    assert_non_null(identity->key);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)wish->name, -1, -1, 0),
                     1);
    (void)X509_set_version(certificate, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    (void)X509_set_subject_name(certificate, name);
    (void)X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), wish->begins_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), wish->ends_s);
    (void)X509_set_pubkey(certificate, identity->key);
    add_extension(certificate, issuer, NID_basic_constraints,
                  wish->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(certificate, issuer, NID_key_usage,
                  wish->is_authority ? "critical,keyCertSign" : "critical,digitalSignature");
    add_extension(certificate, issuer, NID_subject_key_identifier,
                  wish->lacks_key_ids ? NULL : "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier,
                  wish->lacks_key_ids ? NULL : "keyid:always");
    add_extension(certificate, issuer, NID_subject_alt_name, wish->names);
    add_extension(certificate, issuer, NID_ext_key_usage, wish->purpose);
    assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
    X509_NAME_free(name);
    write_out(identity);
}

static inline PS_UNUSED void free_identity(struct identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    *identity = (struct identity){.key = NULL};
}

#endif
