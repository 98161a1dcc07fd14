#include "attrs.h"

#include <stdlib.h>
#include <string.h>

void attrs_clear(struct attrs *attrs)
{
    for (size_t i = 0; i < attrs->count; i++)
        free(attrs->items[i].data);
    free(attrs->items);
    *attrs = (struct attrs){0};
}

CK_RV attrs_copy(const struct attrs *from, struct attrs *to)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct attr *item = &from->items[i];
        CK_RV rv = attrs_set(to, item->type, item->data, item->length);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

static struct attr *attrs_find(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < attrs->count; i++)
        if (attrs->items[i].type == type)
            return &attrs->items[i];
    return NULL;
}

const struct attr *attrs_get(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type)
{
    return attrs_find(attrs, type);
}

bool attrs_get_bool(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    const struct attr *attr = attrs_find(attrs, type);
    return attr && attr->length == 1 ? attr->data[0] != 0 : fallback;
}

CK_ULONG attrs_get_ulong(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback)
{
    const struct attr *attr = attrs_find(attrs, type);
    CK_ULONG value = fallback;
    if (attr && attr->length == sizeof(value))
        memcpy(&value, attr->data, sizeof(value));
    return value;
}

static struct attr *attrs_append(struct attrs *attrs, CK_ATTRIBUTE_TYPE type)
{
    struct attr *items = realloc(attrs->items, (attrs->count + 1) * sizeof(*items));
    if (!items)
        return NULL;
    attrs->items = items;
    items[attrs->count] = (struct attr){.type = type};
    return &items[attrs->count++];
}

CK_RV attrs_set(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, const void *data, CK_ULONG length)
{
    unsigned char *copy = malloc(length + 1);
    if (!copy)
        return CKR_HOST_MEMORY;
    if (length > 0)
        memcpy(copy, data, length);
    struct attr *attr = attrs_find(attrs, type);
    if (!attr)
        attr = attrs_append(attrs, type);
    if (!attr) {
        free(copy);
        return CKR_HOST_MEMORY;
    }
    free(attr->data);
    attr->data = copy;
    attr->length = length;
    return CKR_OK;
}

CK_RV attrs_set_bool(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL octet = value ? CK_TRUE : CK_FALSE;
    return attrs_set(attrs, type, &octet, sizeof(octet));
}

CK_RV attrs_set_ulong(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    return attrs_set(attrs, type, &value, sizeof(value));
}

bool attrs_is_template(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_WRAP_TEMPLATE || type == CKA_UNWRAP_TEMPLATE || type == CKA_DERIVE_TEMPLATE;
}

CK_RV attrs_set_packed(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, const CK_ATTRIBUTE *members,
                       CK_ULONG count)
{
    size_t size = 0;
    for (CK_ULONG i = 0; i < count; i++) {
        if (attrs_is_template(members[i].type) || (!members[i].pValue && members[i].ulValueLen))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        size += 2 * sizeof(CK_ULONG) + members[i].ulValueLen;
    }
    unsigned char *packed = malloc(size + 1);
    if (!packed)
        return CKR_HOST_MEMORY;
    unsigned char *at = packed;
    for (CK_ULONG i = 0; i < count; i++) {
        memcpy(at, &members[i].type, sizeof(CK_ULONG));
        memcpy(at + sizeof(CK_ULONG), &members[i].ulValueLen, sizeof(CK_ULONG));
        at += 2 * sizeof(CK_ULONG);
        if (members[i].ulValueLen)
            memcpy(at, members[i].pValue, members[i].ulValueLen);
        at += members[i].ulValueLen;
    }
    CK_RV rv = attrs_set(attrs, type, packed, size);
    free(packed);
    return rv;
}

CK_RV attrs_unpack(const struct attr *packed, struct attrs *ret_members)
{
    const unsigned char *at = packed->data;
    CK_ULONG left = packed->length;
    while (left >= 2 * sizeof(CK_ULONG)) {
        CK_ULONG head[2];
        memcpy(head, at, sizeof(head));
        at += sizeof(head);
        left -= sizeof(head);
        if (head[1] > left)
            return CKR_GENERAL_ERROR;
        CK_RV rv = attrs_set(ret_members, head[0], at, head[1]);
        if (rv != CKR_OK)
            return rv;
        at += head[1];
        left -= head[1];
    }
    return CKR_OK;
}

bool attr_equals(const struct attr *attr, const void *data, CK_ULONG length)
{
    return attr && attr->length == length && (length == 0 || memcmp(attr->data, data, length) == 0);
}

bool attrs_hold(const struct attrs *attrs, const struct attrs *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const struct attr *want = &wanted->items[i];
        if (!attr_equals(attrs_find(attrs, want->type), want->data, want->length))
            return false;
    }
    return true;
}

bool attrs_allow_ulong(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    const struct attr *attr = attrs_find(attrs, type);
    if (!attr)
        return true;
    for (CK_ULONG at = 0; at + sizeof(value) <= attr->length; at += sizeof(value))
        if (memcmp(attr->data + at, &value, sizeof(value)) == 0)
            return true;
    return false;
}
