#include "cipher.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define AES_BLOCK 16

static CK_RV failure(const struct cipher_job *job)
{
    return job->encrypting ? CKR_FUNCTION_FAILED : CKR_ENCRYPTED_DATA_INVALID;
}

static CK_RV bad_length(const struct cipher_job *job)
{
    return job->encrypting ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
}

static size_t modulus_size(const struct cipher_job *job)
{
    EVP_PKEY *pkey = object_pkey(job->key);
    return pkey ? (size_t)EVP_PKEY_get_size(pkey) : 0;
}

size_t cipher_bound(const struct cipher_job *job)
{
    if (job->mechanism->key_type == CKK_RSA)
        return modulus_size(job);
    if (job->mechanism->family == FAMILY_AES_ECB)
        return job->in_length;
    if (job->mechanism->family == FAMILY_AES_WRAP)
        return job->in_length + 2 * AES_BLOCK;
    if (job->encrypting)
        return job->in_length + job->parameters->tag_length;
    return job->in_length - (job->in_length < job->parameters->tag_length
                                 ? job->in_length
                                 : job->parameters->tag_length);
}

/* EVP_PKEY_CTX_set0_rsa_oaep_label takes its argument over. */
static bool set_label(EVP_PKEY_CTX *context, const struct parameters *parameters)
{
    if (parameters->label_length == 0)
        return true;
    void *copy = OPENSSL_memdup(parameters->label, parameters->label_length);
    if (copy && EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)parameters->label_length) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}

static bool set_padding(EVP_PKEY_CTX *context, const struct cipher_job *job)
{
    if (job->mechanism->family == FAMILY_RSA_RAW)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1;
    const EVP_MD *hash = EVP_get_digestbyname(job->parameters->hash);
    const EVP_MD *mask = EVP_get_digestbyname(job->parameters->mask_hash);
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, hash) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, mask) == 1 && set_label(context, job->parameters);
}

static CK_RV run_rsa(struct cipher_job *job)
{
    size_t modulus = modulus_size(job);
    if (job->encrypting ? job->in_length > modulus : job->in_length != modulus)
        return bad_length(job);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(object_pkey(job->key), NULL);
    int done = 0;
    job->out_length = modulus;
    if (context && job->encrypting && EVP_PKEY_encrypt_init(context) == 1 &&
        set_padding(context, job))
        done = EVP_PKEY_encrypt(context, job->out, &job->out_length, job->in, job->in_length);
    else if (context && !job->encrypting && EVP_PKEY_decrypt_init(context) == 1 &&
             set_padding(context, job))
        done = EVP_PKEY_decrypt(context, job->out, &job->out_length, job->in, job->in_length);
    EVP_PKEY_CTX_free(context);
    return done == 1 ? CKR_OK : failure(job);
}

static EVP_CIPHER *fetch_cipher(const struct cipher_job *job, size_t key_length)
{
    const char *mode = "GCM";
    char name[32];
    if (job->mechanism->family == FAMILY_AES_ECB)
        mode = "ECB";
    else if (job->mechanism->type == CKM_AES_KEY_WRAP)
        mode = "WRAP";
    else if (job->mechanism->family == FAMILY_AES_WRAP)
        mode = "WRAP-PAD";
    snprintf(name, sizeof(name), "AES-%zu-%s", 8 * key_length, mode);
    return EVP_CIPHER_fetch(NULL, name, NULL);
}

static bool gcm_finish(EVP_CIPHER_CTX *context, struct cipher_job *job, size_t length)
{
    int last = 0;
    if (EVP_CipherFinal_ex(context, job->out + length, &last) != 1)
        return false;
    job->out_length = length;
    if (!job->encrypting)
        return true;
    job->out_length += job->parameters->tag_length;
    return EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, (int)job->parameters->tag_length,
                               job->out + length) == 1;
}

static bool gcm_run(EVP_CIPHER_CTX *context, const unsigned char *key, struct cipher_job *job)
{
    const struct parameters *given = job->parameters;
    size_t length = job->encrypting ? job->in_length : job->in_length - given->tag_length;
    unsigned char tag[AES_BLOCK];
    int written = 0;
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)given->iv_length, NULL) != 1 ||
        EVP_CipherInit_ex2(context, NULL, key, given->iv, job->encrypting, NULL) != 1)
        return false;
    if (!job->encrypting) {
        memcpy(tag, job->in + length, given->tag_length);
        if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, (int)given->tag_length, tag) != 1)
            return false;
    }
    if (given->label_length > 0 &&
        EVP_CipherUpdate(context, NULL, &written, given->label, (int)given->label_length) != 1)
        return false;
    if (length > 0 && EVP_CipherUpdate(context, job->out, &written, job->in, (int)length) != 1)
        return false;
    return gcm_finish(context, job, length);
}

static bool block_run(EVP_CIPHER_CTX *context, const unsigned char *key, struct cipher_job *job)
{
    int written = 0;
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex2(context, NULL, key, NULL, job->encrypting, NULL) != 1)
        return false;
    EVP_CIPHER_CTX_set_padding(context, 0);
    if (EVP_CipherUpdate(context, job->out, &written, job->in, (int)job->in_length) != 1)
        return false;
    job->out_length = (size_t)written;
    return written > 0;
}

static CK_RV check_aes_length(const struct cipher_job *job)
{
    bool fits = job->in_length <= INT_MAX / 2;
    if (job->mechanism->family == FAMILY_AES_GCM)
        fits = fits && (job->encrypting || job->in_length >= job->parameters->tag_length);
    else if (job->mechanism->family == FAMILY_AES_ECB)
        fits = fits && job->in_length > 0 && job->in_length % AES_BLOCK == 0;
    else
        fits = fits && job->in_length > 0 && (job->encrypting || job->in_length % 8 == 0);
    return fits ? CKR_OK : bad_length(job);
}

static CK_RV run_aes(struct cipher_job *job)
{
    const struct attr *value = attrs_get(&job->key->attrs, CKA_VALUE);
    CK_RV rv = check_aes_length(job);
    if (rv != CKR_OK || !value)
        return rv != CKR_OK ? rv : CKR_FUNCTION_FAILED;
    EVP_CIPHER *cipher = fetch_cipher(job, value->length);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool done = cipher && context &&
                EVP_CipherInit_ex2(context, cipher, NULL, NULL, job->encrypting, NULL) == 1;
    if (done && job->mechanism->family == FAMILY_AES_GCM)
        done = gcm_run(context, value->data, job);
    else if (done)
        done = block_run(context, value->data, job);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    return done ? CKR_OK : failure(job);
}

CK_RV cipher_run(struct cipher_job *job)
{
    return job->mechanism->key_type == CKK_RSA ? run_rsa(job) : run_aes(job);
}
