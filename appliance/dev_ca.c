#include "appliance/dev_internal.h"

#include "appliance/file.h"
#include "lib/base/encode.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VALID_DAYS 30
#define RENEW_DAYS 7
#define DAY_S      86400
#define PEM_MAX    65536u

const char *const dev_clients[DEV_CLIENT_MAX] = {"oidc", "certify", "operator"};

static void free_x509(X509 **x509)
{
    X509_free(*x509);
}

static void free_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static void free_bio(BIO **bio)
{
    BIO_free_all(*bio);
}

static enum ps_err fail_openssl(const char *what)
{
    const unsigned long code = ERR_get_error();
    char text[160];

    ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return ps_fail(PS_E_INTERNAL, (long)code, "%s: %s", what, text);
}

/* One certificate with its key: who it is for, and where it lies. */
struct credential {
    const char *directory; /* in DIR */
    const char *name;      /* common name */
    bool is_ca;
    const char *usage;     /* extendedKeyUsage; NULL: none */
    const char *addresses; /* subjectAltName */
    EVP_PKEY *key;
    X509 *certificate;
};

static void clear_credential(struct credential *credential)
{
    EVP_PKEY_free(credential->key);
    X509_free(credential->certificate);
}

static void path_of(const struct dev *dev, const struct credential *credential, const char *file,
                    char ret_path[DEV_PATH_MAX])
{
    char name[DEV_TEXT_MAX];

    (void)snprintf(name, sizeof name, "%.100s/%.100s", credential->directory, file);
    dev_path(dev, name, ret_path);
}

static enum ps_err write_bio(const char *path, BIO *bio, unsigned mode)
{
    char *octets = NULL;
    const long len = BIO_get_mem_data(bio, &octets);

    return file_write(path, ps_bytes(octets, (size_t)len), mode);
}

static enum ps_err make_key(const char *path, EVP_PKEY **ret_key)
{
    PS_CLEANUP(free_pkey) EVP_PKEY *key = EVP_EC_gen("P-256");
    PS_CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_secmem());

    if (key == NULL || bio == NULL ||
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        return fail_openssl("making a TLS key");
    }
    PS_TRY(write_bio(path, bio, 0600));
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

static enum ps_err load_pem(const char *path, BIO **ret_bio)
{
    PS_CLEANUP(ps_buf_wipe) struct ps_buf text;
    BIO *bio;

    PS_TRY(file_read(path, PEM_MAX, &text));
    bio = BIO_new(BIO_s_secmem());
    if (bio == NULL || BIO_write(bio, text.data, (int)text.len) != (int)text.len) {
        BIO_free_all(bio);
        return fail_openssl("reading PEM");
    }
    *ret_bio = bio;
    return PS_OK;
}

/* The key stays the same over all renewals, and with it what a client is registered by. */
static enum ps_err obtain_key(const struct dev *dev, struct credential *credential)
{
    PS_CLEANUP(free_bio) BIO *bio = NULL;
    char path[DEV_PATH_MAX];

    path_of(dev, credential, "key.pem", path);
    if (access(path, F_OK) != 0) {
        return make_key(path, &credential->key);
    }
    PS_TRY(load_pem(path, &bio));
    credential->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    return credential->key == NULL ? fail_openssl(path) : PS_OK;
}

static bool is_good(X509 *certificate, const struct credential *credential,
                    const struct credential *issuer)
{
    time_t soon = time(NULL) + (time_t)RENEW_DAYS * DAY_S;
    const bool good = X509_cmp_time(X509_get0_notAfter(certificate), &soon) > 0 &&
                      X509_check_private_key(certificate, credential->key) == 1 &&
                      X509_verify(certificate, issuer->key) == 1;

    ERR_clear_error();
    return good;
}

static bool load_certificate(const struct dev *dev, struct credential *credential,
                             const struct credential *issuer)
{
    PS_CLEANUP(free_bio) BIO *bio = NULL;
    char path[DEV_PATH_MAX];

    path_of(dev, credential, "cert.pem", path);
    if (access(path, F_OK) != 0 || load_pem(path, &bio) != PS_OK) {
        return false;
    }
    credential->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (credential->certificate != NULL && is_good(credential->certificate, credential, issuer)) {
        return true;
    }
    ERR_clear_error();
    X509_free(credential->certificate);
    credential->certificate = NULL;
    return false;
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;
    bool done;

    if (value == NULL) {
        return true;
    }
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    done = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool set_serial(X509 *certificate)
{
    uint8_t octets[16];
    BIGNUM *number;
    bool done;

    ps_random(octets, sizeof octets);
    octets[0] = (uint8_t)((octets[0] & 0x7f) | 0x40); /* positive, RFC 5280 section 4.1.2.2 */
    number = BN_bin2bn(octets, sizeof octets, NULL);
    done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

static bool set_names(X509 *certificate, const char *name, X509 *issuer)
{
    X509_NAME *subject = X509_get_subject_name(certificate);

    return X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
                                      (const unsigned char *)"Privyseal rehearsal", -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1;
}

static bool fill(X509 *certificate, const struct credential *credential, X509 *issuer)
{
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -300) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)VALID_DAYS * DAY_S) != NULL &&
           X509_set_pubkey(certificate, credential->key) == 1 &&
           set_names(certificate, credential->name, issuer) &&
           add_extension(certificate, issuer, NID_basic_constraints,
                         credential->is_ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
           add_extension(certificate, issuer, NID_key_usage,
                         credential->is_ca ? "critical,keyCertSign,cRLSign"
                                           : "critical,digitalSignature") &&
           add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, issuer, NID_authority_key_identifier, "keyid") &&
           add_extension(certificate, issuer, NID_ext_key_usage, credential->usage) &&
           add_extension(certificate, issuer, NID_subject_alt_name, credential->addresses);
}

static enum ps_err make_certificate(const struct dev *dev, struct credential *credential,
                                    const struct credential *issuer)
{
    PS_CLEANUP(free_x509) X509 *certificate = X509_new();
    PS_CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_mem());
    X509 *by = issuer == credential ? certificate : issuer->certificate;
    char path[DEV_PATH_MAX];

    if (certificate == NULL || bio == NULL || !fill(certificate, credential, by) ||
        X509_sign(certificate, issuer->key, EVP_sha256()) == 0 ||
        PEM_write_bio_X509(bio, certificate) != 1) {
        return fail_openssl("making a certificate");
    }
    path_of(dev, credential, "cert.pem", path);
    PS_TRY(write_bio(path, bio, 0644));
    credential->certificate = certificate;
    certificate = NULL;
    return PS_OK;
}

/* issuer: of the certificate; the credential itself for the authority's own */
static enum ps_err obtain(const struct dev *dev, struct credential *credential,
                          const struct credential *issuer)
{
    char path[DEV_PATH_MAX];

    dev_path(dev, credential->directory, path);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", path);
    }
    PS_TRY(obtain_key(dev, credential));
    if (load_certificate(dev, credential, issuer)) {
        return PS_OK;
    }
    return make_certificate(dev, credential, issuer);
}

/* SHA-256 of the SubjectPublicKeyInfo, as POST /v1/clients takes it. */
static enum ps_err put_pin(EVP_PKEY *key, char ret_pin[DEV_PIN_LEN + 1])
{
    uint8_t sha256[PS_SHA256_LEN];
    unsigned char *der = NULL;
    const int len = i2d_PUBKEY(key, &der);

    if (len <= 0) {
        return fail_openssl("writing a public key");
    }
    ps_sha256(ps_bytes(der, (size_t)len), sha256);
    OPENSSL_free(der);
    ps_base64url_encode(ps_bytes(sha256, sizeof sha256), ret_pin);
    ret_pin[DEV_PIN_LEN] = '\0';
    return PS_OK;
}

static enum ps_err obtain_clients(struct dev *dev, const struct credential *authority)
{
    for (size_t i = 0; i < DEV_CLIENT_MAX; i++) {
        char directory[DEV_TEXT_MAX];
        char address[DEV_TEXT_MAX];
        PS_CLEANUP(clear_credential)
        struct credential client = {.directory = directory,
                                    .name = dev_clients[i],
                                    .usage = "clientAuth",
                                    .addresses = address};

        (void)snprintf(directory, sizeof directory, "clients/%s", dev_clients[i]);
        (void)snprintf(address, sizeof address, "DNS:%s.privyseal-dev.example", dev_clients[i]);
        PS_TRY(obtain(dev, &client, authority));
        PS_TRY(put_pin(client.key, dev->pins[i]));
    }
    return PS_OK;
}

enum ps_err dev_prepare_certificates(struct dev *dev)
{
    PS_CLEANUP(clear_credential)
    struct credential authority = {
        .directory = "ca", .name = "throw-away authority", .is_ca = true};
    PS_CLEANUP(clear_credential)
    struct credential server = {.directory = "tls",
                                .name = "localhost",
                                .usage = "serverAuth",
                                .addresses = "DNS:localhost,IP:127.0.0.1,IP:::1"};

    PS_TRY(obtain(dev, &authority, &authority));
    PS_TRY(obtain(dev, &server, &authority));
    return obtain_clients(dev, &authority);
}
