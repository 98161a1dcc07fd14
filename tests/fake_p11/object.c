#include "object.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "policy.h"

struct object *object_new(unsigned token, const char *id, CK_SESSION_HANDLE owner,
                          struct attrs *attrs)
{
    struct object *object = calloc(1, sizeof(*object));
    if (!object) {
        attrs_clear(attrs);
        return NULL;
    }
    atomic_init(&object->refs, 1);
    object->token = token;
    memcpy(object->id, id, OBJECT_ID_SIZE - 1);
    object->owner = owner;
    object->class = attrs_get_ulong(attrs, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    object->key_type = attrs_get_ulong(attrs, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    object->is_private = attrs_get_bool(attrs, CKA_PRIVATE, true);
    object->attrs = *attrs;
    *attrs = (struct attrs){0};
    return object;
}

struct object *object_ref(struct object *object)
{
    atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);
    return object;
}

void object_release(struct object *object)
{
    if (!object || atomic_fetch_sub(&object->refs, 1) != 1)
        return;
    EVP_PKEY_free(atomic_load(&object->pkey));
    attrs_clear(&object->attrs);
    free(object);
}

bool object_is_key(const struct object *object)
{
    return object->class == CKO_PUBLIC_KEY || object->class == CKO_PRIVATE_KEY ||
           object->class == CKO_SECRET_KEY;
}

bool object_hides(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    if (!policy_is_secret(object->class, type))
        return false;
    return attrs_get_bool(&object->attrs, CKA_SENSITIVE, true) ||
           !attrs_get_bool(&object->attrs, CKA_EXTRACTABLE, false);
}

static bool template_matches(const struct attr *packed, const CK_ATTRIBUTE *wanted)
{
    struct attrs members = {0};
    bool same = attrs_set_packed(&members, wanted->type, wanted->pValue,
                                 wanted->ulValueLen / sizeof(CK_ATTRIBUTE)) == CKR_OK &&
                attr_equals(packed, members.items[0].data, members.items[0].length);
    attrs_clear(&members);
    return same;
}

/* A hidden value matches nothing: a search must not tell it octet by octet. */
bool object_matches(const struct object *object, const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        const struct attr *attr = attrs_get(&object->attrs, templ[i].type);
        if (!attr || object_hides(object, templ[i].type))
            return false;
        bool same = attrs_is_template(templ[i].type)
                        ? template_matches(attr, &templ[i])
                        : attr_equals(attr, templ[i].pValue, templ[i].ulValueLen);
        if (!same)
            return false;
    }
    return true;
}

EVP_PKEY *object_pkey(struct object *object)
{
    EVP_PKEY *pkey = atomic_load(&object->pkey);
    if (pkey)
        return pkey;
    EVP_PKEY *made = keys_load(&object->attrs);
    if (!made)
        return NULL;
    if (atomic_compare_exchange_strong(&object->pkey, &pkey, made))
        return made;
    EVP_PKEY_free(made);
    return pkey;
}
