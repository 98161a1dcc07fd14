#ifndef PKCS11_OBJECTS_ATTRIBUTE_H
#define PKCS11_OBJECTS_ATTRIBUTE_H

#include "lib/base/buf.h"
#include "pkcs11/module/cryptoki_extra.h"

/* The attributes we set or read, as one table: for templates, transcripts and profiles. */

enum attribute_kind {
    ATTRIBUTE_BOOL,
    ATTRIBUTE_NUMBER,
    ATTRIBUTE_MECHANISM,
    ATTRIBUTE_KEY_TYPE,
    ATTRIBUTE_OCTETS,
    ATTRIBUTE_TEXT,
    ATTRIBUTE_MECHANISMS, /* an array of CK_MECHANISM_TYPE */
    ATTRIBUTE_TEMPLATE    /* an array of CK_ATTRIBUTE: never read back, it holds pointers */
};

struct attribute_info {
    CK_ATTRIBUTE_TYPE type;
    const char *name; /* "CKA_TOKEN" */
    const char *json; /* "token": its member in what is read back */
    enum attribute_kind kind;
};

/* NULL when it is not in the table. */
const struct attribute_info *attribute_info(CK_ATTRIBUTE_TYPE type);
const struct attribute_info *attribute_by_name(struct ps_bytes name);

/*
 * Appends `"json-name":value`: true, false, a number, hexadecimal digits, a text, the name of a
 * mechanism or key type ("0x..." for one that is not in our tables) or an array of such names; null
 * for a value that does not have the kind's form.
 */
void attribute_put_json(const struct attribute_info *info, struct ps_bytes value,
                        struct ps_buf *out);

#endif
