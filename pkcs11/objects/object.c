#include "pkcs11/objects/object.h"

#include "lib/base/line.h"
#include "pkcs11/use/mechanism.h"

#include <stdlib.h>

enum { BATCH = 256, GUARD_OCTET = 0xa5 };

void object_list_clear(struct object_list *list)
{
    free(list->handles);
    *list = (struct object_list){0};
}

static enum ps_err make_room(struct object_list *list)
{
    const size_t room = list->room == 0 ? BATCH : list->room * 2;
    CK_OBJECT_HANDLE *handles;

    if (list->room - list->count >= BATCH) {
        return PS_OK;
    }
    handles = reallocarray(list->handles, room, sizeof *handles);
    if (handles == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    list->handles = handles;
    list->room = room;
    return PS_OK;
}

/* One more batch. *ret_more: there may be others. */
static enum ps_err find_batch(struct session *session, size_t max, struct object_list *list,
                              bool *ret_more)
{
    CK_OBJECT_HANDLE batch[BATCH] = {0};
    CK_ULONG found = 0;

    PS_TRY(session_try(session, OPERATION_FIND,
                       session->fn->C_FindObjects(session->handle, batch, BATCH, &found),
                       "C_FindObjects"));
    if (found > BATCH) {
        return session_fail(session, OPERATION_FIND, CKR_OK, "C_FindObjects");
    }
    if (list->count + found > max) {
        return ps_fail(PS_E_LIMIT, 0, "more than %zu objects", max);
    }
    PS_TRY(make_room(list));
    memcpy(list->handles + list->count, batch, found * sizeof batch[0]);
    list->count += found;
    *ret_more = found != 0;
    return PS_OK;
}

enum ps_err object_find(struct session *session, CK_ATTRIBUTE *templ, CK_ULONG count, size_t max,
                        struct object_list *ret_list)
{
    PS_CLEANUP(object_list_clear) struct object_list list = {0};
    enum ps_err err = PS_OK;
    bool more = true;
    CK_RV rv;

    PS_TRY(session_try(session, OPERATION_FIND,
                       session->fn->C_FindObjectsInit(session->handle, templ, count),
                       "C_FindObjectsInit"));
    while (more && err == PS_OK) {
        err = find_batch(session, max, &list, &more);
    }
    rv = session->fn->C_FindObjectsFinal(session->handle);
    PS_TRY(err);
    PS_TRY(session_try(session, OPERATION_FIND, rv, "C_FindObjectsFinal"));
    *ret_list = list;
    list = (struct object_list){0};
    return PS_OK;
}

enum ps_err object_find_id(struct session *session, struct ps_bytes id,
                           const CK_OBJECT_CLASS *class, struct object_list *ret_list)
{
    CK_ATTRIBUTE templ[] = {
        {CKA_ID, (void *)(uintptr_t)id.data, id.len},
        {CKA_CLASS, (void *)(uintptr_t) class, sizeof *class},
    };

    return object_find(session, templ, class == NULL ? 1 : 2, OBJECT_PER_ID_MAX, ret_list);
}

void object_set_guard(uint8_t *room, size_t most)
{
    memset(room + most, GUARD_OCTET, OBJECT_GUARD);
}

void object_check_guard(const uint8_t *room, size_t most, const char *call)
{
    const uint8_t *guard = room + most;

    /* Each octet is the one before it. */
    if (guard[0] != GUARD_OCTET || memcmp(guard, guard + 1, OBJECT_GUARD - 1) != 0) {
        ps_line(PS_ERROR, "module_wrote_past_buffer", PS_STR("call", call));
        abort();
    }
}

static bool is_absent(CK_RV rv, CK_ULONG len)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
           (rv == CKR_OK && len == CK_UNAVAILABLE_INFORMATION);
}

enum ps_err object_read(struct session *session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE type,
                        struct object_value *ret_value)
{
    CK_ATTRIBUTE attribute = {type, ret_value->octets, OBJECT_VALUE_MAX};
    CK_RV rv;

    object_set_guard(ret_value->octets, OBJECT_VALUE_MAX);
    rv = session->fn->C_GetAttributeValue(session->handle, handle, &attribute, 1);
    object_check_guard(ret_value->octets, OBJECT_VALUE_MAX, "C_GetAttributeValue");
    ret_value->is_there = false;
    ret_value->len = 0;
    if (is_absent(rv, attribute.ulValueLen)) {
        return PS_OK;
    }
    PS_TRY(session_try(session, OPERATION_FIND, rv, "C_GetAttributeValue"));
    if (attribute.ulValueLen > OBJECT_VALUE_MAX) {
        return session_fail(session, OPERATION_FIND, CKR_OK, "C_GetAttributeValue");
    }
    ret_value->is_there = true;
    ret_value->len = attribute.ulValueLen;
    return PS_OK;
}

enum ps_err object_read_number(struct session *session, CK_OBJECT_HANDLE handle,
                               CK_ATTRIBUTE_TYPE type, CK_ULONG *ret_number)
{
    struct object_value value;

    PS_TRY(object_read(session, handle, type, &value));
    if (!value.is_there || value.len != sizeof *ret_number) {
        return session_fail(session, OPERATION_FIND, CKR_OK, "C_GetAttributeValue");
    }
    memcpy(ret_number, value.octets, sizeof *ret_number);
    return PS_OK;
}

/* Octets of a big-endian number, in bits. */
static size_t bits_of(struct ps_bytes number)
{
    size_t bits;

    while (number.len > 0 && number.data[0] == 0) {
        number = ps_bytes_from(number, 1);
    }
    if (number.len == 0) {
        return 0;
    }
    bits = number.len * 8;
    for (uint8_t top = number.data[0]; (top & 0x80) == 0; top = (uint8_t)(top << 1)) {
        bits--;
    }
    return bits;
}

/* No octets where neither the object nor its public one shows any. */
static enum ps_err read_modulus(struct session *session, CK_OBJECT_HANDLE handle,
                                struct object_value *value)
{
    static const CK_OBJECT_CLASS public_key = CKO_PUBLIC_KEY;
    PS_CLEANUP(object_list_clear) struct object_list found = {0};

    PS_TRY(object_read(session, handle, CKA_MODULUS, value));
    if (value->is_there && value->len != 0) {
        return PS_OK;
    }
    PS_TRY(object_read(session, handle, CKA_ID, value));
    if (value->is_there && value->len != 0) {
        PS_TRY(object_find_id(session, object_value_bytes(value), &public_key, &found));
        value->len = 0;
    }
    return found.count == 1 ? object_read(session, found.handles[0], CKA_MODULUS, value) : PS_OK;
}

enum ps_key_type object_key_type(CK_KEY_TYPE ck, struct ps_bytes number,
                                 const struct profile *profile)
{
    return ck == CKK_RSA ? mechanism_recognise(ck, ps_bytes(NULL, 0), bits_of(number), profile)
                         : mechanism_recognise(ck, number, 0, profile);
}

enum ps_err object_read_key_type(struct session *session, CK_OBJECT_HANDLE handle,
                                 enum ps_key_type *ret_type)
{
    CK_ULONG ck = CK_UNAVAILABLE_INFORMATION;
    struct object_value number = {.len = 0};

    PS_TRY(object_read_number(session, handle, CKA_KEY_TYPE, &ck));
    if (ck == CKK_RSA) {
        PS_TRY(read_modulus(session, handle, &number));
    } else if (ck == CKK_EC || ck == CKK_EC_EDWARDS) {
        PS_TRY(object_read(session, handle, CKA_EC_PARAMS, &number));
    }
    *ret_type = object_key_type(ck, object_value_bytes(&number), session->profile);
    return PS_OK;
}
