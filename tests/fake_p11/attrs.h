#ifndef FAKE_P11_ATTRS_H
#define FAKE_P11_ATTRS_H

#include <stdbool.h>
#include <stddef.h>

#include "pkcs11/module/cryptoki_extra.h"

/* The attributes of one object; values are copies in the form PKCS#11 gives them, except that
 * attributes which are templates are packed (see attrs_pack). */
struct attr {
    CK_ATTRIBUTE_TYPE type;
    CK_ULONG length;
    unsigned char *data;
};

struct attrs {
    struct attr *items;
    size_t count;
};

void attrs_clear(struct attrs *attrs);
CK_RV attrs_copy(const struct attrs *from, struct attrs *to);

const struct attr *attrs_get(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type);
bool attrs_get_bool(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type, bool fallback);
CK_ULONG attrs_get_ulong(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback);

/* Adds an attribute or replaces its value. Errors: CKR_HOST_MEMORY. */
CK_RV attrs_set(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, const void *data, CK_ULONG length);
CK_RV attrs_set_bool(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV attrs_set_ulong(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG value);

bool attrs_is_template(CK_ATTRIBUTE_TYPE type);

/*
 * A template attribute holds pointers; packed it is one run of octets: for each member its type and
 * its length as CK_ULONG, then the value. Templates within templates are not supported.
 */
CK_RV attrs_set_packed(struct attrs *attrs, CK_ATTRIBUTE_TYPE type, const CK_ATTRIBUTE *members,
                       CK_ULONG count);
CK_RV attrs_unpack(const struct attr *packed, struct attrs *ret_members);

/* Whether `attrs` holds each of the given attributes with the same value. */
bool attrs_hold(const struct attrs *attrs, const struct attrs *wanted);
bool attr_equals(const struct attr *attr, const void *data, CK_ULONG length);

/* Whether an array attribute of CK_ULONGs is absent or holds the value. */
bool attrs_allow_ulong(const struct attrs *attrs, CK_ATTRIBUTE_TYPE type, CK_ULONG value);

#endif
