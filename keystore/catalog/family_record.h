#ifndef KEYSTORE_CATALOG_FAMILY_RECORD_H
#define KEYSTORE_CATALOG_FAMILY_RECORD_H

#include "keystore/catalog/key_record.h"

/* Rows of the kind `family`; see records.h. */

#define FAMILY_MAXIMUM UINT64_C(100000000)

/* Keys that one client makes, under one prefix and of one kind, without people for each. */
struct family_record {
    struct ps_bytes prefix; /* of the keys' names; the name of the family, too */
    struct ps_bytes client;
    struct key_record key; /* what each is; its name is the prefix */
    uint64_t maximum;      /* so many in all, from 1 to FAMILY_MAXIMUM */
    uint64_t made;         /* so many so far, with those that were destroyed since */
    bool suspended;
};

PS_MUST_USE enum ps_err family_record_read(struct json_value row, struct family_record *ret_record);
void family_record_put(const struct family_record *record, struct ps_buf *out);

/* Whether it says the same, whatever was made under it and whether it is suspended. */
bool family_record_is_alike(const struct family_record *one, const struct family_record *other);

#endif
