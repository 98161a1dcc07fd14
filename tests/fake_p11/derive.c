#include <openssl/evp.h>
#include <string.h>

#include "begin.h"
#include "create.h"
#include "cryptoki.h"
#include "curve.h"
#include "keys.h"

#define SECRET_MAX 66

struct secret {
    unsigned char octets[SECRET_MAX];
    size_t length;
};

/* The peer's key is made as a public object of the same curve would be: that checks the point. */
static EVP_PKEY *peer_key(const struct object *base, const CK_ECDH1_DERIVE_PARAMS *given)
{
    struct attrs attrs = {0};
    EVP_PKEY *peer = NULL;
    const struct attr *params = attrs_get(&base->attrs, CKA_EC_PARAMS);
    if (params && given->pPublicData &&
        attrs_set_ulong(&attrs, CKA_CLASS, CKO_PUBLIC_KEY) == CKR_OK &&
        attrs_set_ulong(&attrs, CKA_KEY_TYPE, CKK_EC) == CKR_OK &&
        attrs_set(&attrs, CKA_EC_PARAMS, params->data, params->length) == CKR_OK &&
        attrs_set(&attrs, CKA_EC_POINT, given->pPublicData, given->ulPublicDataLen) == CKR_OK)
        peer = keys_load(&attrs);
    attrs_clear(&attrs);
    return peer;
}

static CK_RV agree(struct object *base, const CK_ECDH1_DERIVE_PARAMS *given, struct secret *secret)
{
    EVP_PKEY *pkey = object_pkey(base);
    EVP_PKEY *peer = peer_key(base, given);
    EVP_PKEY_CTX *context = pkey && peer ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;
    CK_RV rv = peer ? CKR_FUNCTION_FAILED : CKR_MECHANISM_PARAM_INVALID;
    secret->length = sizeof(secret->octets);
    if (context && EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer(context, peer) == 1 &&
        EVP_PKEY_derive(context, secret->octets, &secret->length) == 1)
        rv = CKR_OK;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    return rv;
}

/* PKCS#11 v3.1, 6.3.16: "The truncation removes bytes from the leading end of the secret value." */
static CK_RV take_secret(const struct secret *secret, struct attrs *attrs)
{
    bool aes = attrs_get_ulong(attrs, CKA_KEY_TYPE, CKK_GENERIC_SECRET) == CKK_AES;
    CK_ULONG length = attrs_get_ulong(attrs, CKA_VALUE_LEN, secret->length);
    if (aes && length > 32 && !attrs_get(attrs, CKA_VALUE_LEN))
        length = 32;
    if (length == 0 || length > secret->length)
        return CKR_KEY_SIZE_RANGE;
    CK_RV rv = attrs_set(attrs, CKA_VALUE, secret->octets + (secret->length - length), length);
    return rv == CKR_OK ? keys_check_created(attrs) : rv;
}

static CK_RV take_template(struct call *call, const struct object *base, const CK_ATTRIBUTE *templ,
                           CK_ULONG count, struct attrs *attrs)
{
    const struct attr *packed = attrs_get(&base->attrs, CKA_DERIVE_TEMPLATE);
    CK_RV rv = packed ? attrs_unpack(packed, attrs) : CKR_OK;
    if (rv == CKR_OK)
        rv = policy_take_template(attrs, ORIGIN_DERIVE, call_role(call), templ, count);
    if (rv == CKR_OK && attrs_get_ulong(attrs, CKA_CLASS, CKO_DATA) != CKO_SECRET_KEY)
        rv = CKR_TEMPLATE_INCONSISTENT;
    if (rv == CKR_OK && !attrs_get(attrs, CKA_KEY_TYPE))
        rv = attrs_set_ulong(attrs, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    return rv;
}

static CK_RV check_parameter(const CK_MECHANISM *given)
{
    const CK_ECDH1_DERIVE_PARAMS *ecdh = given->pParameter;
    if (given->mechanism != CKM_ECDH1_DERIVE)
        return CKR_MECHANISM_INVALID;
    if (!ecdh || given->ulParameterLen != sizeof(*ecdh))
        return CKR_MECHANISM_PARAM_INVALID;
    if (ecdh->kdf != CKD_NULL || ecdh->ulSharedDataLen != 0)
        return CKR_MECHANISM_PARAM_INVALID;
    return CKR_OK;
}

static CK_RV derive(struct call *call, const CK_MECHANISM *given, struct object *base,
                    struct attrs *attrs, CK_OBJECT_HANDLE *ret_key)
{
    struct secret secret = {.length = 0};
    CK_RV rv = begin_check_key(base, mechanism_find(CKM_ECDH1_DERIVE), CKO_PRIVATE_KEY, CKA_DERIVE);
    if (rv == CKR_OK)
        rv = agree(base, given->pParameter, &secret);
    if (rv == CKR_OK)
        rv = take_secret(&secret, attrs);
    OPENSSL_cleanse(&secret, sizeof(secret));
    if (rv == CKR_OK)
        return create_object(call, attrs, ORIGIN_DERIVE, 0, ret_key);
    return rv;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base,
                  CK_ATTRIBUTE_PTR templ, CK_ULONG count, CK_OBJECT_HANDLE_PTR ret_key)
{
    struct call call;
    struct object *object = NULL;
    struct attrs attrs = {0};
    CK_RV rv = call_begin_work(&call, FAKE_C_DeriveKey, handle, mechanism, templ, count);
    if (rv == CKR_OK)
        rv = mechanism && ret_key ? check_parameter(mechanism) : CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = call_acquire_object(&call, base, &object);
    if (rv == CKR_OK)
        rv = take_template(&call, object, templ, count, &attrs);
    if (rv == CKR_OK)
        rv = derive(&call, mechanism, object, &attrs, ret_key);
    attrs_clear(&attrs);
    object_release(object);
    return call_end(&call, rv);
}
