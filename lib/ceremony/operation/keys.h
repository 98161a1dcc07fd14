#ifndef CEREMONY_OPERATION_KEYS_H
#define CEREMONY_OPERATION_KEYS_H

#include "lib/ceremony/operation/types.h"
#include "lib/formats/json/json.h"

/*
 * The names of the keys that an operation about keys is about: its subject, or those of the list
 * `keys` of a batch. Also of parameters that were not checked yet: what is no name is passed over.
 *
 *     struct operation_keys keys = operation_keys(type, params);
 *     while (operation_keys_next(&keys, &name)) {
 */
struct operation_keys {
    struct json_value subject; /* doc NULL: none, or done */
    struct json_value list;    /* doc NULL: none */
    uint32_t cursor;
};

struct operation_keys operation_keys(const struct operation_type_info *type,
                                     struct json_value params);
bool operation_keys_next(struct operation_keys *keys, struct ps_bytes *ret_name);

/* Whether these keys are there only after it. */
bool operation_makes_keys(const struct operation_type_info *type);

#endif
