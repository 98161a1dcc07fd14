#include "create.h"

#include "cryptoki.h"
#include "keys.h"
#include "objects.h"
#include "store.h"

static CK_RV put_object(struct call *call, struct attrs *attrs, CK_OBJECT_HANDLE *ret_handle)
{
    char id[OBJECT_ID_SIZE] = {0};
    bool stored = attrs_get_bool(attrs, CKA_TOKEN, false);
    CK_RV rv = store_new_id(id);
    if (rv == CKR_OK)
        rv = attrs_set(attrs, CKA_UNIQUE_ID, id, OBJECT_ID_SIZE - 1);
    if (rv != CKR_OK)
        return rv;
    struct object *object =
        object_new(call->token, id, stored ? CK_INVALID_HANDLE : call->session->handle, attrs);
    if (!object)
        return CKR_HOST_MEMORY;
    return stored ? store_add(call->module, object, ret_handle)
                  : objects_add(&call->module->objects, object, ret_handle);
}

CK_RV create_object(struct call *call, struct attrs *attrs, enum origin origin,
                    CK_MECHANISM_TYPE generated_by, CK_OBJECT_HANDLE *ret_handle)
{
    CK_RV rv = policy_complete(attrs, origin, generated_by);
    if (rv == CKR_OK)
        rv = call_may_write(call, attrs);
    if (rv == CKR_OK)
        rv = put_object(call, attrs, ret_handle);
    attrs_clear(attrs);
    return rv;
}

static CK_RV check_content(struct attrs *attrs)
{
    CK_OBJECT_CLASS class = attrs_get_ulong(attrs, CKA_CLASS, CKO_DATA);
    if (class == CKO_DATA)
        return attrs_get(attrs, CKA_VALUE) ? CKR_OK : attrs_set(attrs, CKA_VALUE, NULL, 0);
    if (class == CKO_CERTIFICATE)
        return attrs_get(attrs, CKA_VALUE) && attrs_get(attrs, CKA_CERTIFICATE_TYPE)
                   ? CKR_OK
                   : CKR_TEMPLATE_INCOMPLETE;
    return keys_check_created(attrs);
}

static CK_RV create(struct call *call, const CK_ATTRIBUTE *templ, CK_ULONG count,
                    CK_OBJECT_HANDLE *ret_handle)
{
    struct attrs attrs = {0};
    CK_RV rv = policy_take_template(&attrs, ORIGIN_CREATE, call_role(call), templ, count);
    if (rv == CKR_OK)
        rv = check_content(&attrs);
    if (rv != CKR_OK) {
        attrs_clear(&attrs);
        return rv;
    }
    return create_object(call, &attrs, ORIGIN_CREATE, 0, ret_handle);
}

/* A copy in the same place or another; a private object stays private. */
static CK_RV copy(struct call *call, const struct object *object, const CK_ATTRIBUTE *templ,
                  CK_ULONG count, CK_OBJECT_HANDLE *ret_handle)
{
    struct attrs attrs = {0};
    if (!attrs_get_bool(&object->attrs, CKA_COPYABLE, true))
        return CKR_ACTION_PROHIBITED;
    CK_RV rv = attrs_copy(&object->attrs, &attrs);
    if (rv == CKR_OK)
        rv = policy_change(&attrs, call_role(call), true, templ, count);
    if (rv == CKR_OK && object->is_private && !attrs_get_bool(&attrs, CKA_PRIVATE, true))
        rv = CKR_TEMPLATE_INCONSISTENT;
    if (rv == CKR_OK)
        rv = call_may_write(call, &attrs);
    if (rv == CKR_OK)
        rv = put_object(call, &attrs, ret_handle);
    attrs_clear(&attrs);
    return rv;
}

static CK_RV destroy(struct call *call, struct object *object)
{
    CK_RV rv = call_may_write(call, &object->attrs);
    if (rv != CKR_OK)
        return rv;
    if (!attrs_get_bool(&object->attrs, CKA_DESTROYABLE, true))
        return CKR_ACTION_PROHIBITED;
    return store_replace(call->module, object, NULL);
}

CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE_PTR templ, CK_ULONG count,
                     CK_OBJECT_HANDLE_PTR ret_object)
{
    struct call call;
    CK_RV rv = call_begin_work(&call, FAKE_C_CreateObject, handle, NULL, templ, count);
    if (rv == CKR_OK)
        rv = ret_object ? create(&call, templ, count, ret_object) : CKR_ARGUMENTS_BAD;
    return call_end(&call, rv);
}

CK_RV C_CopyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE original, CK_ATTRIBUTE_PTR templ,
                   CK_ULONG count, CK_OBJECT_HANDLE_PTR ret_object)
{
    struct call call;
    struct object *object = NULL;
    CK_RV rv = call_begin_work(&call, FAKE_C_CopyObject, handle, NULL, templ, count);
    if (rv == CKR_OK)
        rv = ret_object ? call_acquire_object(&call, original, &object) : CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = copy(&call, object, templ, count, ret_object);
    object_release(object);
    return call_end(&call, rv);
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE target)
{
    struct call call;
    struct object *object = NULL;
    CK_RV rv = call_begin_session(&call, FAKE_C_DestroyObject, handle);
    if (rv == CKR_OK)
        rv = call_acquire_object(&call, target, &object);
    if (rv == CKR_OK)
        rv = destroy(&call, object);
    object_release(object);
    return call_end(&call, rv);
}
