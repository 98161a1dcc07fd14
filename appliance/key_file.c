#include "appliance/key_file.h"

#include "lib/base/secret.h"
#include "lib/system/file.h"

#include <openssl/err.h>
#include <openssl/pem.h>

static void free_pkey(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_bio(BIO **bio)
{
    BIO_free_all(*bio);
}

int key_file_no_passphrase(char *to, int size, int writing, void *context)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static enum ps_err make(const char *path, EVP_PKEY **ret_key)
{
    PS_CLEANUP(free_pkey) EVP_PKEY *key = EVP_EC_gen("P-256");
    PS_CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_secmem());
    char *pem = NULL;
    long len;

    if (key == NULL || bio == NULL ||
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_INTERNAL, 0, "cannot make a key for %.160s", path);
    }
    len = BIO_get_mem_data(bio, &pem);
    PS_TRY(file_create(path, ps_bytes(pem, (size_t)len), 0600));
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

static enum ps_err read_key(const char *path, int fd, EVP_PKEY **ret_key)
{
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *pem = NULL;
    PS_CLEANUP(free_bio) BIO *bio = NULL;
    EVP_PKEY *key;

    PS_TRY(ps_secret_read_fd(fd, &pem));
    bio = BIO_new_mem_buf(ps_secret_bytes(pem).data, (int)ps_secret_bytes(pem).len);
    key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, key_file_no_passphrase, NULL);
    if (key == NULL) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "%.160s holds no private key in PEM without passphrase",
                       path);
    }
    *ret_key = key;
    return PS_OK;
}

enum ps_err key_file_obtain(const char *path, EVP_PKEY **ret_key)
{
    PS_CLEANUP(file_close_cleanup) int fd = -1;
    const enum ps_err err = file_open_private(path, &fd);

    if (err == PS_E_NOT_FOUND) {
        return make(path, ret_key);
    }
    PS_TRY(err);
    return read_key(path, fd, ret_key);
}
