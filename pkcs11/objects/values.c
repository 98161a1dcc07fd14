#include "pkcs11/objects/values.h"

void object_values_init(struct object_values *values)
{
    values->count = 0;
    values->used = 0;
}

/* Numbers are written as such: each value begins where any may. */
static size_t place_of(size_t most)
{
    const size_t step = _Alignof(max_align_t);

    return (most + OBJECT_GUARD + step - 1) / step * step;
}

bool object_values_want(struct object_values *values, CK_ATTRIBUTE_TYPE type, size_t most)
{
    uint8_t *to = values->room + values->used;

    if (values->count == OBJECT_VALUES_MAX || most > OBJECT_VALUES_ROOM ||
        OBJECT_VALUES_ROOM - values->used < place_of(most)) {
        return false;
    }
    memset(to, 0, most);
    object_set_guard(to, most);
    values->attributes[values->count] = (CK_ATTRIBUTE){type, to, most};
    values->most[values->count] = most;
    values->used += place_of(most);
    values->count++;
    return true;
}

bool object_values_read(struct object_values *values, const struct session *session,
                        CK_OBJECT_HANDLE handle)
{
    const CK_RV rv = session->fn->C_GetAttributeValue(session->handle, handle, values->attributes,
                                                      values->count);
    const uint8_t *at = values->room;
    bool is_whole = rv == CKR_OK;

    for (size_t i = 0; i < values->count; i++) {
        const CK_ATTRIBUTE *given = &values->attributes[i];

        object_check_guard(at, values->most[i], "C_GetAttributeValue");
        is_whole = is_whole && given->pValue == at && given->ulValueLen <= values->most[i];
        at += place_of(values->most[i]);
    }
    return is_whole;
}
