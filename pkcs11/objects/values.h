#ifndef PKCS11_OBJECTS_VALUES_H
#define PKCS11_OBJECTS_VALUES_H

#include "pkcs11/objects/object.h"

#include <stddef.h>

/*
 * Several attributes of an object in one call: a module spends more on the call than on an
 * attribute. What comes out is for comparing with what is expected. Whatever goes wrong leaves
 * nothing known, and whoever needs to know what it was asks for one after another (object_read).
 */

enum { OBJECT_VALUES_MAX = 40, OBJECT_VALUES_ROOM = 4096 };

/* Not to be copied: it points into itself. */
struct object_values {
    CK_ATTRIBUTE attributes[OBJECT_VALUES_MAX];
    CK_ULONG most[OBJECT_VALUES_MAX];
    size_t count;
    size_t used;
    _Alignas(max_align_t) uint8_t room[OBJECT_VALUES_ROOM];
};

void object_values_init(struct object_values *values);

/*
 * Asks for one more, of at most so many octets. False: there is no room for it. More octets than
 * the expected ones tell a value from one that the module left alone.
 */
bool object_values_want(struct object_values *values, CK_ATTRIBUTE_TYPE type, size_t most);

/*
 * True when the token gave all of them.
 * Source: PKCS#11 v3.1, C_GetAttributeValue
 */
bool object_values_read(struct object_values *values, const struct session *session,
                        CK_OBJECT_HANDLE handle);

/* In the order in which they were asked for, once they are read. */
static inline struct ps_bytes object_values_get(const struct object_values *values, size_t index)
{
    return ps_bytes(values->attributes[index].pValue, values->attributes[index].ulValueLen);
}

#endif
