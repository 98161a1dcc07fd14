/* RSA_generate_key_ex is that of tests/rsa_pairs.c, which takes a tenth of libcrypto's time. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "create.h"
#include "cryptoki.h"
#include "curve.h"
#include "keys.h"
#include "objects.h"
#include "store.h"

#define SECRET_MAX 4096

/* Presets what the mechanism implies, so that a template may repeat but not contradict it. */
static CK_RV take_template(struct call *call, const struct mechanism *mechanism,
                           CK_OBJECT_CLASS class, const CK_ATTRIBUTE *templ, CK_ULONG count,
                           struct attrs *attrs)
{
    CK_RV rv = attrs_set_ulong(attrs, CKA_CLASS, class);
    if (rv == CKR_OK)
        rv = attrs_set_ulong(attrs, CKA_KEY_TYPE, mechanism->key_type);
    if (rv != CKR_OK)
        return rv;
    return policy_take_template(attrs, ORIGIN_GENERATE, call_role(call), templ, count);
}

static CK_RV find_generator(const CK_MECHANISM *given, CK_FLAGS flag,
                            const struct mechanism **ret_mechanism)
{
    const struct mechanism *mechanism = given ? mechanism_find(given->mechanism) : NULL;
    if (!given)
        return CKR_ARGUMENTS_BAD;
    if (!mechanism || !(mechanism->flags & flag))
        return CKR_MECHANISM_INVALID;
    if (given->ulParameterLen != 0)
        return CKR_MECHANISM_PARAM_INVALID;
    *ret_mechanism = mechanism;
    return CKR_OK;
}

static CK_RV draw_secret(const struct mechanism *mechanism, struct attrs *attrs)
{
    unsigned char secret[SECRET_MAX];
    CK_ULONG length = attrs_get_ulong(attrs, CKA_VALUE_LEN, 0);
    if (length == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    if (length < mechanism->min_size || length > mechanism->max_size)
        return CKR_KEY_SIZE_RANGE;
    if (mechanism->key_type == CKK_AES && length % 8 != 0)
        return CKR_KEY_SIZE_RANGE;
    if (RAND_priv_bytes(secret, (int)length) != 1)
        return CKR_DEVICE_ERROR;
    CK_RV rv = attrs_set(attrs, CKA_VALUE, secret, length);
    OPENSSL_cleanse(secret, sizeof(secret));
    return rv;
}

static CK_RV generate_secret(struct call *call, const CK_MECHANISM *given,
                             const CK_ATTRIBUTE *templ, CK_ULONG count, CK_OBJECT_HANDLE *ret_key)
{
    const struct mechanism *mechanism;
    struct attrs attrs = {0};
    CK_RV rv = find_generator(given, CKF_GENERATE, &mechanism);
    if (rv != CKR_OK)
        return rv;
    rv = take_template(call, mechanism, CKO_SECRET_KEY, templ, count, &attrs);
    if (rv == CKR_OK)
        rv = draw_secret(mechanism, &attrs);
    if (rv != CKR_OK) {
        attrs_clear(&attrs);
        return rv;
    }
    return create_object(call, &attrs, ORIGIN_GENERATE, mechanism->type, ret_key);
}

static CK_RV draw_rsa(const struct mechanism *mechanism, const struct attrs *public,
                      EVP_PKEY **ret_pkey)
{
    CK_ULONG bits = attrs_get_ulong(public, CKA_MODULUS_BITS, 0);
    const struct attr *given = attrs_get(public, CKA_PUBLIC_EXPONENT);
    if (bits == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    if (bits < mechanism->min_size || bits > mechanism->max_size || bits % 8 != 0)
        return CKR_KEY_SIZE_RANGE;
    BIGNUM *exponent = given ? BN_bin2bn(given->data, (int)given->length, NULL) : BN_new();
    RSA *rsa = RSA_new();
    CK_RV rv = CKR_FUNCTION_FAILED;
    *ret_pkey = EVP_PKEY_new();
    if (exponent && rsa && *ret_pkey && (given || BN_set_word(exponent, RSA_F4) == 1))
        rv = BN_is_odd(exponent) && !BN_is_one(exponent) &&
                     RSA_generate_key_ex(rsa, (int)bits, exponent, NULL) == 1 &&
                     EVP_PKEY_set1_RSA(*ret_pkey, rsa) == 1
                 ? CKR_OK
                 : CKR_ATTRIBUTE_VALUE_INVALID;
    RSA_free(rsa);
    BN_free(exponent);
    return rv;
}

static CK_RV draw_curve(const struct mechanism *mechanism, const struct attrs *public,
                        EVP_PKEY **ret_pkey)
{
    const struct attr *params = attrs_get(public, CKA_EC_PARAMS);
    const struct curve *curve = curve_of_params(params);
    if (!params)
        return CKR_TEMPLATE_INCOMPLETE;
    if (!curve || curve->key_type != mechanism->key_type)
        return CKR_CURVE_NOT_SUPPORTED;
    *ret_pkey = curve->key_type == CKK_EC ? EVP_EC_gen(curve->name)
                                          : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return *ret_pkey ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* The private key repeats the parameters as its public key's template has them. */
static CK_RV draw_pair(const struct mechanism *mechanism, struct attrs *public,
                       struct attrs *private)
{
    EVP_PKEY *pkey = NULL;
    CK_RV rv = mechanism->key_type == CKK_RSA ? draw_rsa(mechanism, public, &pkey)
                                              : draw_curve(mechanism, public, &pkey);
    const struct attr *params = attrs_get(public, CKA_EC_PARAMS);
    if (rv == CKR_OK && params)
        rv = attrs_set(private, CKA_EC_PARAMS, params->data, params->length);
    if (rv == CKR_OK)
        rv = keys_store_public(pkey, public);
    if (rv == CKR_OK)
        rv = keys_store_private(pkey, private);
    EVP_PKEY_free(pkey);
    return rv;
}

static void destroy_public(struct call *call, CK_OBJECT_HANDLE handle)
{
    struct object *object = objects_acquire(&call->module->objects, handle);
    if (object)
        store_replace(call->module, object, NULL);
    object_release(object);
}

static CK_RV create_pair(struct call *call, const struct mechanism *mechanism, struct attrs pair[2],
                         CK_OBJECT_HANDLE handles[2])
{
    CK_RV rv = call_may_write(call, &pair[1]);
    if (rv == CKR_OK)
        rv = create_object(call, &pair[0], ORIGIN_GENERATE, mechanism->type, &handles[0]);
    if (rv != CKR_OK)
        return rv;
    call_reach_half(call);
    rv = create_object(call, &pair[1], ORIGIN_GENERATE, mechanism->type, &handles[1]);
    if (rv != CKR_OK)
        destroy_public(call, handles[0]);
    return rv;
}

struct pair_templates {
    const CK_ATTRIBUTE *templ[2];
    CK_ULONG count[2];
};

static CK_RV generate_pair(struct call *call, const CK_MECHANISM *given,
                           const struct pair_templates *templates, CK_OBJECT_HANDLE handles[2])
{
    const struct mechanism *mechanism;
    struct attrs pair[2] = {{0}, {0}};
    CK_RV rv = find_generator(given, CKF_GENERATE_KEY_PAIR, &mechanism);
    if (rv != CKR_OK)
        return rv;
    rv = take_template(call, mechanism, CKO_PUBLIC_KEY, templates->templ[0], templates->count[0],
                       &pair[0]);
    if (rv == CKR_OK)
        rv = take_template(call, mechanism, CKO_PRIVATE_KEY, templates->templ[1],
                           templates->count[1], &pair[1]);
    if (rv == CKR_OK)
        rv = draw_pair(mechanism, &pair[0], &pair[1]);
    if (rv == CKR_OK)
        rv = create_pair(call, mechanism, pair, handles);
    attrs_clear(&pair[0]);
    attrs_clear(&pair[1]);
    return rv;
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR templ,
                    CK_ULONG count, CK_OBJECT_HANDLE_PTR ret_key)
{
    struct call call;
    CK_RV rv = call_begin_work(&call, FAKE_C_GenerateKey, handle, mechanism, templ, count);
    if (rv == CKR_OK)
        rv = ret_key ? generate_secret(&call, mechanism, templ, count, ret_key) : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism,
                        CK_ATTRIBUTE_PTR public_templ, CK_ULONG public_count,
                        CK_ATTRIBUTE_PTR private_templ, CK_ULONG private_count,
                        CK_OBJECT_HANDLE_PTR ret_public, CK_OBJECT_HANDLE_PTR ret_private)
{
    struct call call;
    struct pair_templates templates = {{public_templ, private_templ},
                                       {public_count, private_count}};
    CK_OBJECT_HANDLE handles[2];
    CK_RV rv = call_begin_work(&call, FAKE_C_GenerateKeyPair, handle, mechanism, private_templ,
                               private_count);
    if (rv == CKR_OK && (!ret_public || !ret_private))
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = generate_pair(&call, mechanism, &templates, handles);
    if (rv == CKR_OK) {
        *ret_public = handles[0];
        *ret_private = handles[1];
    }
    return call_end(&call, rv);
}
