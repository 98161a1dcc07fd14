#include "pkcs11/objects/spki.h"

#include "pkcs11/use/ecdsa_form.h"
#include "pkcs11/use/use.h"

#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { POINT_MAX = 1 + 2 * 66, DER_MAX = 1024 };

static void free_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static void free_pkey_context(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static void free_digest_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void free_number(BIGNUM **number)
{
    BN_free(*number);
}

static void free_builder(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

static void free_params(OSSL_PARAM **params)
{
    OSSL_PARAM_free(*params);
}

/* The queue would otherwise grow with every key that is not sound. */
static enum ps_err not_sound(struct session *session)
{
    ERR_clear_error();
    return session_fail(session, OPERATION_FIND, CKR_OK, "the public key object");
}

/*
 * A point comes raw or as an OCTET STRING (PKCS#11 v3.1, section 6.3.3). The length decides, never
 * the first octets: those of a raw point may look like the beginning of an OCTET STRING.
 */
static bool unwrap_point(enum profile_point form, size_t raw_len, struct ps_bytes value,
                         struct ps_bytes *ret_point)
{
    const size_t header = raw_len > 127 ? 3 : 2;

    if (value.len == raw_len && form != PROFILE_POINT_DER) {
        *ret_point = value;
        return true;
    }
    if (value.len != raw_len + header || form == PROFILE_POINT_RAW || value.data[0] != 0x04 ||
        (header == 3 && value.data[1] != 0x81) || value.data[header - 1] != raw_len) {
        return false;
    }
    *ret_point = ps_bytes_from(value, header);
    return true;
}

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM *params)
{
    PS_CLEANUP(free_pkey_context)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *pkey = NULL;

    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        return NULL;
    }
    return pkey;
}

static EVP_PKEY *ec_key(const struct ps_key_type_info *info, struct ps_bytes point)
{
    char group[32];
    OSSL_PARAM params[3];

    (void)snprintf(group, sizeof group, "%s", info->group);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                  (void *)(uintptr_t)point.data, point.len);
    params[2] = OSSL_PARAM_construct_end();
    return from_params("EC", params);
}

static enum ps_err read_point_key(struct session *session, CK_OBJECT_HANDLE handle,
                                  const struct ps_key_type_info *info, EVP_PKEY **ret_pkey)
{
    const bool edwards = info->family == PS_FAMILY_EDWARDS;
    const size_t raw_len = edwards ? 32 : 1 + 2 * info->coordinate;
    struct object_value value;
    struct ps_bytes point = {0};

    PS_TRY(object_read(session, handle, CKA_EC_POINT, &value));
    if (!value.is_there ||
        !unwrap_point(session->profile->point, raw_len, object_value_bytes(&value), &point) ||
        point.data == NULL || (!edwards && point.data[0] != 0x04)) {
        return not_sound(session);
    }
    *ret_pkey = edwards ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point.data, point.len)
                        : ec_key(info, point);
    return PS_OK;
}

static EVP_PKEY *rsa_key(struct ps_bytes modulus, struct ps_bytes exponent)
{
    PS_CLEANUP(free_number) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
    PS_CLEANUP(free_number) BIGNUM *e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
    PS_CLEANUP(free_builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    PS_CLEANUP(free_params) OSSL_PARAM *params = NULL;

    if (n == NULL || e == NULL || builder == NULL || !BN_is_word(e, RSA_F4) ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1) {
        return NULL;
    }
    params = OSSL_PARAM_BLD_to_param(builder);
    return params == NULL ? NULL : from_params("RSA", params);
}

static enum ps_err read_rsa_key(struct session *session, CK_OBJECT_HANDLE handle,
                                EVP_PKEY **ret_pkey)
{
    struct object_value modulus;
    struct object_value exponent;

    PS_TRY(object_read(session, handle, CKA_MODULUS, &modulus));
    PS_TRY(object_read(session, handle, CKA_PUBLIC_EXPONENT, &exponent));
    *ret_pkey = rsa_key(object_value_bytes(&modulus), object_value_bytes(&exponent));
    return PS_OK;
}

static bool is_sound(EVP_PKEY *pkey, const struct ps_key_type_info *info)
{
    PS_CLEANUP(free_pkey_context) EVP_PKEY_CTX *context = NULL;

    if (pkey == NULL ||
        (info->family == PS_FAMILY_RSA && EVP_PKEY_get_bits(pkey) != (int)info->bits)) {
        return false;
    }
    context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    return context != NULL && EVP_PKEY_public_check(context) == 1;
}

enum ps_err spki_read(struct session *session, CK_OBJECT_HANDLE handle, enum ps_key_type type,
                      struct ps_buf *out)
{
    const struct ps_key_type_info *info = ps_key_type_info(type);
    PS_CLEANUP(free_pkey) EVP_PKEY *pkey = NULL;
    uint8_t *to;
    int len;

    if (info->family == PS_FAMILY_RSA) {
        PS_TRY(read_rsa_key(session, handle, &pkey));
    } else {
        PS_TRY(read_point_key(session, handle, info, &pkey));
    }
    if (!is_sound(pkey, info)) {
        return not_sound(session);
    }
    len = i2d_PUBKEY(pkey, NULL);
    if (len <= 0 || len > DER_MAX) {
        return not_sound(session);
    }
    to = ps_buf_reserve(out, (size_t)len);
    if (to == NULL) {
        return ps_buf_status(out);
    }
    len = i2d_PUBKEY(pkey, &to);
    ps_buf_commit(out, (size_t)len);
    return PS_OK;
}

static bool verify_digest(EVP_PKEY *pkey, const struct ps_alg_info *alg, struct ps_bytes digest,
                          struct ps_bytes signature)
{
    static const char *const hash_names[] = {"SHA1", "SHA256", "SHA384", "SHA512"};
    PS_CLEANUP(free_pkey_context)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    const EVP_MD *md = EVP_get_digestbyname(hash_names[alg->hash]);

    if (context == NULL || EVP_PKEY_verify_init(context) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context, md) != 1) {
        return false;
    }
    if (alg->scheme == PS_SCHEME_RSA_PSS &&
        (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1)) {
        return false;
    }
    return EVP_PKEY_verify(context, signature.data, signature.len, digest.data, digest.len) == 1;
}

static bool verify_message(EVP_PKEY *pkey, struct ps_bytes message, struct ps_bytes signature)
{
    PS_CLEANUP(free_digest_context) EVP_MD_CTX *context = EVP_MD_CTX_new();

    return context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
           EVP_DigestVerify(context, signature.data, signature.len, message.data, message.len) == 1;
}

static bool verify(struct ps_bytes spki, const struct use_task *task)
{
    const struct ps_alg_info *alg = ps_alg_info(task->alg);
    const uint8_t *at = spki.data;
    PS_CLEANUP(free_pkey) EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)spki.len);
    uint8_t der[POINT_MAX + 16];
    struct ps_bytes signature = ps_bytes(task->out, task->out_len);

    if (pkey == NULL) {
        return false;
    }
    if (alg->scheme == PS_SCHEME_EDDSA) {
        return verify_message(pkey, task->data, signature);
    }
    if (alg->scheme == PS_SCHEME_ECDSA) {
        size_t der_len;

        if (ecdsa_form_to_der(task->out, task->out_len / 2, der, sizeof der, &der_len) != PS_OK) {
            return false;
        }
        signature = ps_bytes(der, der_len);
    }
    return verify_digest(pkey, alg, task->data, signature);
}

enum ps_err spki_check_pair(struct session *session, struct ps_bytes spki, CK_OBJECT_HANDLE handle,
                            enum ps_alg alg, enum ps_key_type type)
{
    const struct ps_alg_info *info = ps_alg_info(alg);
    uint8_t octets[PS_HASH_MAX];
    struct use_task task = {.alg = alg, .type = type, .handle = handle};

    ps_random(octets, sizeof octets);
    task.data = ps_bytes(octets, ps_hash_len(info->hash));
    use_run(session, &task);
    if (task.err == PS_OK && !verify(spki, &task)) {
        ERR_clear_error();
        task.err = session_fail(session, OPERATION_SIGN, CKR_OK, "C_Sign with the new key");
    }
    use_clear(&task);
    return task.err;
}
