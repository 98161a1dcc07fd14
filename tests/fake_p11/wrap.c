#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "begin.h"
#include "cipher.h"
#include "create.h"
#include "cryptoki.h"
#include "keys.h"

/* A wrapping mechanism with its key and parameter, for one call. */
struct wrapping {
    const struct mechanism *mechanism;
    struct object *key;
    struct parameters parameters;
};

static void wrapping_clear(struct wrapping *wrapping)
{
    object_release(wrapping->key);
    parameters_clear(&wrapping->parameters);
}

static CK_RV wrapping_begin(struct call *call, const CK_MECHANISM *given, CK_OBJECT_HANDLE handle,
                            bool unwraps, struct wrapping *wrapping)
{
    const struct mechanism *mechanism = given ? mechanism_find(given->mechanism) : NULL;
    if (!given)
        return CKR_ARGUMENTS_BAD;
    if (!mechanism || !(mechanism->flags & CKF_WRAP))
        return CKR_MECHANISM_INVALID;
    wrapping->mechanism = mechanism;
    CK_RV rv = call_acquire_object(call, handle, &wrapping->key);
    if (rv == CKR_OK)
        rv = begin_check_key(wrapping->key, mechanism, unwraps ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY,
                             unwraps ? CKA_UNWRAP : CKA_WRAP);
    if (rv == CKR_OK)
        rv = parameters_read(given, mechanism, &wrapping->parameters);
    return rv;
}

/* PKCS#11 v3.1, C_WrapKey: "If any attribute is not present on the key or an attribute mismatch
 * occurs, the function SHALL return CKR_KEY_HANDLE_INVALID." */
static CK_RV check_wrap_template(const struct object *wrapper, const struct object *key)
{
    const struct attr *packed = attrs_get(&wrapper->attrs, CKA_WRAP_TEMPLATE);
    struct attrs wanted = {0};
    if (!packed)
        return CKR_OK;
    CK_RV rv = attrs_unpack(packed, &wanted);
    if (rv == CKR_OK && !attrs_hold(&key->attrs, &wanted))
        rv = CKR_KEY_HANDLE_INVALID;
    attrs_clear(&wanted);
    return rv;
}

static CK_RV check_wrappable(const struct wrapping *wrapping, const struct object *key)
{
    if (key->class != CKO_SECRET_KEY && key->class != CKO_PRIVATE_KEY)
        return CKR_KEY_HANDLE_INVALID;
    if (!attrs_get_bool(&key->attrs, CKA_EXTRACTABLE, false))
        return CKR_KEY_UNEXTRACTABLE;
    if (attrs_get_bool(&key->attrs, CKA_WRAP_WITH_TRUSTED, false) &&
        !attrs_get_bool(&wrapping->key->attrs, CKA_TRUSTED, false))
        return CKR_KEY_NOT_WRAPPABLE;
    bool small = wrapping->mechanism->family == FAMILY_RSA_OAEP ||
                 wrapping->mechanism->type == CKM_AES_KEY_WRAP;
    if (small && key->class == CKO_PRIVATE_KEY)
        return CKR_KEY_NOT_WRAPPABLE;
    return check_wrap_template(wrapping->key, key);
}

/* A secret key is wrapped as its value, a private one as PKCS#8; in memory of OpenSSL's. */
static CK_RV key_octets(struct object *key, unsigned char **ret_octets, size_t *ret_length)
{
    const struct attr *value = attrs_get(&key->attrs, CKA_VALUE);
    if (key->class == CKO_SECRET_KEY) {
        *ret_octets = value ? OPENSSL_memdup(value->data, value->length) : NULL;
        *ret_length = value ? value->length : 0;
        return *ret_octets ? CKR_OK : CKR_KEY_NOT_WRAPPABLE;
    }
    EVP_PKEY *pkey = object_pkey(key);
    return pkey ? keys_to_pkcs8(pkey, ret_octets, ret_length) : CKR_KEY_NOT_WRAPPABLE;
}

static CK_RV run_wrap(struct call *call, struct cipher_job *job, CK_BYTE_PTR out,
                      CK_ULONG_PTR out_length)
{
    CK_RV rv = CKR_HOST_MEMORY;
    job->out = malloc(cipher_bound(job) + 1);
    if (job->out)
        rv = cipher_run(job);
    if (rv == CKR_OK && call_wants_output(call, out, out_length, job->out_length, &rv)) {
        memcpy(out, job->out, job->out_length);
        *out_length = job->out_length;
    }
    free(job->out);
    return rv;
}

static CK_RV wrap(struct call *call, const struct wrapping *wrapping, struct object *key,
                  CK_BYTE_PTR out, CK_ULONG_PTR out_length)
{
    unsigned char *octets = NULL;
    size_t length = 0;
    CK_RV rv = check_wrappable(wrapping, key);
    if (rv == CKR_OK)
        rv = key_octets(key, &octets, &length);
    if (rv != CKR_OK)
        return rv;
    struct cipher_job job = {
        .key = wrapping->key,
        .mechanism = wrapping->mechanism,
        .parameters = &wrapping->parameters,
        .encrypting = true,
        .in = octets,
        .in_length = length,
    };
    rv = run_wrap(call, &job, out, out_length);
    OPENSSL_clear_free(octets, length);
    return rv == CKR_DATA_LEN_RANGE || rv == CKR_FUNCTION_FAILED ? CKR_KEY_SIZE_RANGE : rv;
}

/* PKCS#11 v3.1, C_UnwrapKey: what CKA_UNWRAP_TEMPLATE holds is added to the template, "if any
 * attribute conflict occurs [...] the function SHALL return CKR_TEMPLATE_INCONSISTENT". */
static CK_RV take_template(struct call *call, const struct object *wrapper,
                           const CK_ATTRIBUTE *templ, CK_ULONG count, struct attrs *attrs)
{
    const struct attr *packed = attrs_get(&wrapper->attrs, CKA_UNWRAP_TEMPLATE);
    CK_RV rv = packed ? attrs_unpack(packed, attrs) : CKR_OK;
    if (rv == CKR_OK)
        rv = policy_take_template(attrs, ORIGIN_UNWRAP, call_role(call), templ, count);
    if (rv == CKR_OK && !attrs_get(attrs, CKA_KEY_TYPE))
        rv = CKR_TEMPLATE_INCOMPLETE;
    return rv;
}

static CK_RV take_private(const unsigned char *octets, size_t length, struct attrs *attrs)
{
    EVP_PKEY *pkey = keys_from_pkcs8(octets, length);
    if (!pkey)
        return CKR_WRAPPED_KEY_INVALID;
    CK_RV rv = CKR_TEMPLATE_INCONSISTENT;
    if (keys_type(pkey) == attrs_get_ulong(attrs, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION))
        rv = keys_store_private(pkey, attrs);
    EVP_PKEY_free(pkey);
    return rv;
}

static CK_RV take_key(const unsigned char *octets, size_t length, struct attrs *attrs)
{
    CK_OBJECT_CLASS class = attrs_get_ulong(attrs, CKA_CLASS, CKO_DATA);
    if (class == CKO_PRIVATE_KEY)
        return take_private(octets, length, attrs);
    if (class != CKO_SECRET_KEY)
        return CKR_TEMPLATE_INCONSISTENT;
    CK_RV rv = attrs_set(attrs, CKA_VALUE, octets, length);
    if (rv == CKR_OK)
        rv = keys_check_created(attrs);
    return rv == CKR_ATTRIBUTE_VALUE_INVALID ? CKR_WRAPPED_KEY_INVALID : rv;
}

static CK_RV unwrap_octets(const struct wrapping *wrapping, const unsigned char *wrapped,
                           CK_ULONG length, struct attrs *attrs)
{
    struct cipher_job job = {
        .key = wrapping->key,
        .mechanism = wrapping->mechanism,
        .parameters = &wrapping->parameters,
        .in = wrapped,
        .in_length = length,
    };
    size_t bound = cipher_bound(&job);
    job.out = OPENSSL_malloc(bound + 1);
    if (!job.out)
        return CKR_HOST_MEMORY;
    CK_RV rv = cipher_run(&job);
    if (rv == CKR_ENCRYPTED_DATA_INVALID)
        rv = CKR_WRAPPED_KEY_INVALID;
    else if (rv == CKR_ENCRYPTED_DATA_LEN_RANGE)
        rv = CKR_WRAPPED_KEY_LEN_RANGE;
    if (rv == CKR_OK)
        rv = take_key(job.out, job.out_length, attrs);
    OPENSSL_clear_free(job.out, bound + 1);
    return rv;
}

struct unwrap_input {
    const unsigned char *wrapped;
    CK_ULONG length;
    const CK_ATTRIBUTE *templ;
    CK_ULONG count;
};

static CK_RV unwrap(struct call *call, const struct wrapping *wrapping,
                    const struct unwrap_input *input, CK_OBJECT_HANDLE *ret_key)
{
    struct attrs attrs = {0};
    if (!input->wrapped || !ret_key)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = take_template(call, wrapping->key, input->templ, input->count, &attrs);
    if (rv == CKR_OK)
        rv = unwrap_octets(wrapping, input->wrapped, input->length, &attrs);
    if (rv != CKR_OK) {
        attrs_clear(&attrs);
        return rv;
    }
    return create_object(call, &attrs, ORIGIN_UNWRAP, 0, ret_key);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapper,
                CK_OBJECT_HANDLE key, CK_BYTE_PTR wrapped, CK_ULONG_PTR length)
{
    struct call call;
    struct wrapping wrapping = {0};
    struct object *object = NULL;
    CK_RV rv = call_begin_work(&call, FAKE_C_WrapKey, handle, mechanism, NULL, 0);
    if (rv == CKR_OK)
        rv = length ? wrapping_begin(&call, mechanism, wrapper, false, &wrapping)
                    : CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = call_acquire_object(&call, key, &object);
    if (rv == CKR_OK)
        rv = wrap(&call, &wrapping, object, wrapped, length);
    object_release(object);
    wrapping_clear(&wrapping);
    return call_end(&call, rv);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE unwrapper,
                  CK_BYTE_PTR wrapped, CK_ULONG length, CK_ATTRIBUTE_PTR templ, CK_ULONG count,
                  CK_OBJECT_HANDLE_PTR ret_key)
{
    struct call call;
    struct wrapping wrapping = {0};
    struct unwrap_input input = {wrapped, length, templ, count};
    CK_RV rv = call_begin_work(&call, FAKE_C_UnwrapKey, handle, mechanism, templ, count);
    if (rv == CKR_OK)
        rv = wrapping_begin(&call, mechanism, unwrapper, true, &wrapping);
    if (rv == CKR_OK)
        rv = unwrap(&call, &wrapping, &input, ret_key);
    wrapping_clear(&wrapping);
    return call_end(&call, rv);
}
