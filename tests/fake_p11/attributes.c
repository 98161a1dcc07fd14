#include <string.h>

#include "call.h"
#include "cryptoki.h"
#include "curve.h"
#include "store.h"

/* PKCS#11 v3.1, C_GetAttributeValue, the five cases for one attribute. */
static CK_RV give_octets(CK_ATTRIBUTE *wanted, const void *data, CK_ULONG length)
{
    if (wanted->pValue && wanted->ulValueLen < length) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (wanted->pValue && length > 0)
        memcpy(wanted->pValue, data, length);
    wanted->ulValueLen = length;
    return CKR_OK;
}

/* "If the pValue of elements within the array is NULL_PTR then the ulValueLen of elements within
 * the array will be set to the required length." */
static CK_RV give_members(CK_ATTRIBUTE *wanted, const struct attrs *members)
{
    CK_ULONG size = members->count * sizeof(CK_ATTRIBUTE);
    if (wanted->pValue && wanted->ulValueLen < size) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    CK_ATTRIBUTE *inner = wanted->pValue;
    CK_RV rv = CKR_OK;
    for (size_t i = 0; inner && i < members->count; i++) {
        const struct attr *member = &members->items[i];
        inner[i].type = member->type;
        CK_RV one = give_octets(&inner[i], member->data, member->length);
        rv = one != CKR_OK ? one : rv;
    }
    wanted->ulValueLen = size;
    return rv;
}

static CK_RV give_template(CK_ATTRIBUTE *wanted, const struct attr *packed)
{
    struct attrs members = {0};
    CK_RV rv = attrs_unpack(packed, &members);
    if (rv == CKR_OK)
        rv = give_members(wanted, &members);
    attrs_clear(&members);
    return rv;
}

static CK_RV give_point(const struct call *call, const struct object *object, CK_ATTRIBUTE *wanted,
                        const struct attr *attr)
{
    const struct curve *curve = curve_of_params(attrs_get(&object->attrs, CKA_EC_PARAMS));
    const unsigned char *point = attr->data;
    size_t length = attr->length;
    if (curve && atomic_load(&call->control->tokens[call->token].raw_ec_point))
        curve_point(curve, attr->data, attr->length, &point, &length);
    return give_octets(wanted, point, length);
}

static CK_RV give_attribute(const struct call *call, const struct object *object,
                            CK_ATTRIBUTE *wanted)
{
    const struct attr *attr = attrs_get(&object->attrs, wanted->type);
    if (object_hides(object, wanted->type)) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_SENSITIVE;
    }
    if (!attr) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if (attrs_is_template(wanted->type))
        return give_template(wanted, attr);
    if (wanted->type == CKA_EC_POINT)
        return give_point(call, object, wanted, attr);
    return give_octets(wanted, attr->data, attr->length);
}

static void spoil_attribute(CK_ATTRIBUTE *given, enum fake_garbage how)
{
    CK_ULONG length = given->ulValueLen;
    if (length == CK_UNAVAILABLE_INFORMATION)
        return;
    if (how == FAKE_GARBAGE_HUGE)
        given->ulValueLen = 1UL << 40;
    else if (how == FAKE_GARBAGE_UNAVAILABLE)
        given->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    else if (how == FAKE_GARBAGE_EMPTY)
        given->ulValueLen = 0;
    else if (how == FAKE_GARBAGE_SHORT && length > 0)
        given->ulValueLen = length - 1;
    else if (how == FAKE_GARBAGE_FLIP && given->pValue && length > 0)
        *(unsigned char *)given->pValue ^= 1;
}

static CK_RV get(const struct call *call, const struct object *object, CK_ATTRIBUTE *templ,
                 CK_ULONG count)
{
    CK_RV rv = CKR_OK;
    const struct fault *fault = &call->fault;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_RV one = give_attribute(call, object, &templ[i]);
        rv = one != CKR_OK ? one : rv;
        if (fault->answer == FAKE_GARBAGE_ATTRIBUTES &&
            (fault->attribute == FAKE_ANY || fault->attribute == templ[i].type))
            spoil_attribute(&templ[i], (enum fake_garbage)fault->argument);
    }
    return rv;
}

static CK_RV set(struct call *call, struct object *object, const CK_ATTRIBUTE *templ,
                 CK_ULONG count)
{
    struct attrs attrs = {0};
    CK_RV rv = call_may_write(call, &object->attrs);
    if (rv != CKR_OK)
        return rv;
    if (!attrs_get_bool(&object->attrs, CKA_MODIFIABLE, true))
        return CKR_ACTION_PROHIBITED;
    rv = attrs_copy(&object->attrs, &attrs);
    if (rv == CKR_OK)
        rv = policy_change(&attrs, call_role(call), false, templ, count);
    if (rv != CKR_OK) {
        attrs_clear(&attrs);
        return rv;
    }
    struct object *next = object_new(object->token, object->id, object->owner, &attrs);
    return next ? store_replace(call->module, object, next) : CKR_HOST_MEMORY;
}

static CK_ULONG size_of(const struct object *object)
{
    CK_ULONG size = 0;
    for (size_t i = 0; i < object->attrs.count; i++)
        size += sizeof(CK_ATTRIBUTE) + object->attrs.items[i].length;
    return size;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE target, CK_ATTRIBUTE_PTR templ,
                          CK_ULONG count)
{
    struct call call;
    struct object *object = NULL;
    CK_RV rv = call_begin_work(&call, FAKE_C_GetAttributeValue, handle, NULL, templ, count);
    if (rv == CKR_OK && !templ)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = call_acquire_object(&call, target, &object);
    if (rv == CKR_OK)
        rv = get(&call, object, templ, count);
    object_release(object);
    return call_end(&call, rv);
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE target, CK_ATTRIBUTE_PTR templ,
                          CK_ULONG count)
{
    struct call call;
    struct object *object = NULL;
    CK_RV rv = call_begin_work(&call, FAKE_C_SetAttributeValue, handle, NULL, templ, count);
    if (rv == CKR_OK)
        rv = call_acquire_object(&call, target, &object);
    if (rv == CKR_OK)
        rv = set(&call, object, templ, count);
    object_release(object);
    return call_end(&call, rv);
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE target, CK_ULONG_PTR ret_size)
{
    struct call call;
    struct object *object = NULL;
    CK_RV rv = call_begin_session(&call, FAKE_C_GetObjectSize, handle);
    if (rv == CKR_OK && !ret_size)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = call_acquire_object(&call, target, &object);
    if (rv == CKR_OK) {
        *ret_size = size_of(object);
        call_gives_count(&call, ret_size);
    }
    object_release(object);
    return call_end(&call, rv);
}
