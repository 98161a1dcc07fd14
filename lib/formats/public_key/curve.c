#include "lib/formats/public_key/internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <pthread.h>

#define POINT_LEN_MAX (1u + 2u * 66u)

static void context_free_cleanup(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

/* A curve by its name and nothing else. */
static EVP_PKEY *new_curve(const char *group)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
        OSSL_PARAM_construct_end(),
    };
    PS_CLEANUP(context_free_cleanup)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *curve = NULL;

    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &curve, EVP_PKEY_KEY_PARAMETERS, params) != 1) {
        return NULL;
    }
    return curve;
}

static enum ps_err no_memory(void)
{
    ERR_clear_error();
    return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

/* OpenSSL refuses a point that is not on the curve; all curves here have cofactor 1. */
static enum ps_err set_point(EVP_PKEY *pkey, struct ps_bytes point)
{
    uint8_t octets[POINT_LEN_MAX] = {POINT_CONVERSION_UNCOMPRESSED};

    memcpy(octets + 1, point.data, point.len);
    if (EVP_PKEY_set1_encoded_public_key(pkey, octets, 1 + point.len) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "public key: no point of its curve");
    }
    return PS_OK;
}

/*
 * To set a curve up takes OpenSSL as long as a fifth of a verification, to make a key of it half of
 * that, and what verifies with it as much again. So there is one of each for all keys that are
 * looked at once: their points are put into it one after the other.
 */
struct bench {
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *verifier;
    uint8_t point[POINT_LEN_MAX]; /* that it has now; */
    size_t point_len;             /* 0: none */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bench benches[PS_KEY_COUNT];

static struct bench *need_bench(enum ps_key_type type)
{
    struct bench *bench = &benches[type];

    if (bench->pkey == NULL) {
        bench->pkey = new_curve(ps_key_type_info(type)->group);
    }
    if (bench->verifier == NULL && bench->pkey != NULL) {
        bench->verifier = EVP_PKEY_CTX_new_from_pkey(NULL, bench->pkey, NULL);
    }
    return bench->verifier == NULL ? NULL : bench;
}

static enum ps_err put_on_bench(enum ps_key_type type, struct ps_bytes point,
                                struct bench **ret_bench)
{
    struct bench *bench = need_bench(type);

    if (bench == NULL) {
        return no_memory();
    }
    *ret_bench = bench;
    if (ps_bytes_equal(ps_bytes(bench->point, bench->point_len), point)) {
        return PS_OK;
    }
    bench->point_len = 0;
    PS_TRY(set_point(bench->pkey, point));
    memcpy(bench->point, point.data, point.len);
    bench->point_len = point.len;
    return PS_OK;
}

enum ps_err curve_check_point(enum ps_key_type type, struct ps_bytes point)
{
    struct bench *bench;
    enum ps_err err;

    (void)pthread_mutex_lock(&lock);
    err = put_on_bench(type, point, &bench);
    (void)pthread_mutex_unlock(&lock);
    return err;
}

/* The verifier takes the key as it is when it is begun. */
static enum ps_err verify_on_bench(const struct key_parts *parts, struct ps_bytes digest,
                                   struct ps_bytes der, bool *ret_verifies)
{
    struct bench *bench;

    PS_TRY(put_on_bench(parts->type, parts->point, &bench));
    if (EVP_PKEY_verify_init(bench->verifier) != 1) {
        return no_memory();
    }
    *ret_verifies =
        EVP_PKEY_verify(bench->verifier, der.data, der.len, digest.data, digest.len) == 1;
    ERR_clear_error();
    return PS_OK;
}

enum ps_err curve_verify_once(const struct key_parts *parts, struct ps_bytes digest,
                              struct ps_bytes der, bool *ret_verifies)
{
    enum ps_err err;

    if (pthread_mutex_trylock(&lock) != 0) {
        return PS_E_BUSY;
    }
    err = verify_on_bench(parts, digest, der, ret_verifies);
    (void)pthread_mutex_unlock(&lock);
    return err;
}

/* To copy a curve takes a third of the time that it takes to set it up. NULL without memory. */
static EVP_PKEY *copy_curve(enum ps_key_type type)
{
    EVP_PKEY *copy = EVP_PKEY_new();
    struct bench *bench;

    (void)pthread_mutex_lock(&lock);
    bench = need_bench(type);
    if (copy != NULL && (bench == NULL || EVP_PKEY_copy_parameters(copy, bench->pkey) != 1)) {
        EVP_PKEY_free(copy);
        copy = NULL;
    }
    (void)pthread_mutex_unlock(&lock);
    return copy;
}

enum ps_err curve_make_key(enum ps_key_type type, struct ps_bytes point, EVP_PKEY **ret_pkey)
{
    EVP_PKEY *pkey = copy_curve(type);
    enum ps_err err;

    if (pkey == NULL) {
        return no_memory();
    }
    err = set_point(pkey, point);
    if (err != PS_OK) {
        EVP_PKEY_free(pkey);
        return err;
    }
    *ret_pkey = pkey;
    return PS_OK;
}
