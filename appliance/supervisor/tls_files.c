#include "appliance/supervisor/tls_files.h"

#include "appliance/key_file.h"
#include "lib/system/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

/* The fields of msg_tls. */
#define CERTIFICATE_MAX (64u * 1024u)
#define CLIENT_CA_MAX   (256u * 1024u)

static void free_bio(BIO **bio)
{
    BIO_free_all(*bio);
}

static void free_x509(X509 **x509)
{
    X509_free(*x509);
}

static void free_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static BIO *open_bio(struct ps_bytes octets)
{
    return BIO_new_mem_buf(octets.data, (int)octets.len);
}

static enum ps_err read_certificate(const char *path, struct ps_bytes pem, X509 **ret_x509)
{
    PS_CLEANUP(free_bio) BIO *bio = open_bio(pem);
    X509 *x509 = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, key_file_no_passphrase, NULL);

    ERR_clear_error();
    if (x509 == NULL) {
        return ps_fail(PS_E_INPUT, 0, "%.160s holds no certificate in PEM", path);
    }
    *ret_x509 = x509;
    return PS_OK;
}

static enum ps_err check_pair(const struct config_listener *listener, struct tls_files *files)
{
    PS_CLEANUP(free_x509) X509 *x509 = NULL;
    PS_CLEANUP(free_x509) X509 *authority = NULL;
    PS_CLEANUP(free_bio) BIO *bio = open_bio(ps_secret_bytes(files->key));
    PS_CLEANUP(free_pkey) EVP_PKEY *key = NULL;
    struct tm when;

    PS_TRY(read_certificate(listener->certificate, ps_buf_bytes(&files->certificate), &x509));
    PS_TRY(read_certificate(listener->client_ca, ps_buf_bytes(&files->client_ca), &authority));
    key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, key_file_no_passphrase, NULL);
    if (key == NULL) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "%.160s holds no private key in PEM without passphrase",
                       listener->key);
    }
    if (X509_check_private_key(x509, key) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "the key in %.100s is not that of the certificate in %.100s",
                       listener->key, listener->certificate);
    }
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &when) != 1 || timegm(&when) < 0) {
        return ps_fail(PS_E_INPUT, 0, "%.160s has no readable end of validity",
                       listener->certificate);
    }
    files->not_after_s = (uint64_t)timegm(&when);
    return PS_OK;
}

static enum ps_err load_key(const char *path, struct ps_secret **ret_key)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;

    PS_TRY(file_open_private(path, &fd));
    return ps_secret_read_fd(fd, ret_key);
}

static void move(struct tls_files *from, struct tls_files *to)
{
    *to = *from;
    *from = (struct tls_files){0};
}

enum ps_err tls_files_load(const struct config_listener *listener, struct tls_files *ret_files)
{
    PS_CLEANUP(tls_files_clear) struct tls_files files = {0};

    PS_TRY(file_read(listener->certificate, CERTIFICATE_MAX, &files.certificate));
    PS_TRY(file_read(listener->client_ca, CLIENT_CA_MAX, &files.client_ca));
    PS_TRY(load_key(listener->key, &files.key));
    PS_TRY(check_pair(listener, &files));
    move(&files, ret_files);
    return PS_OK;
}

void tls_files_clear(struct tls_files *files)
{
    ps_buf_clear(&files->certificate);
    ps_buf_clear(&files->client_ca);
    ps_secret_free(files->key);
    *files = (struct tls_files){0};
}
