#include "lib/ceremony/operation/keys.h"

#include "lib/base/name.h"

#define LIST "keys" /* of a batch: an object with a `name` for each */

struct operation_keys operation_keys(const struct operation_type_info *type,
                                     struct json_value params)
{
    struct operation_keys keys = {.cursor = 0};
    struct json_value value;

    if (type->about != OPERATION_ABOUT_KEY || json_type(params) != JSON_OBJECT) {
        return keys;
    }
    if (type->subject != NULL) {
        if (json_member(params, type->subject, &value)) {
            keys.subject = value;
        }
    } else if (json_member(params, LIST, &value) && json_type(value) == JSON_ARRAY) {
        keys.list = value;
    }
    return keys;
}

static bool is_name(struct json_value value, struct ps_bytes *ret_name)
{
    return json_type(value) == JSON_STRING && json_string(value, ret_name) == PS_OK &&
           ps_name_valid(*ret_name);
}

bool operation_keys_next(struct operation_keys *keys, struct ps_bytes *ret_name)
{
    const struct json_value subject = keys->subject;
    struct json_value item;
    struct json_value name;

    keys->subject.doc = NULL;
    if (subject.doc != NULL) {
        return is_name(subject, ret_name);
    }
    while (keys->list.doc != NULL && json_next(keys->list, &keys->cursor, NULL, &item)) {
        if (json_type(item) == JSON_OBJECT && json_member(item, "name", &name) &&
            is_name(name, ret_name)) {
            return true;
        }
    }
    return false;
}

bool operation_makes_keys(const struct operation_type_info *type)
{
    return strcmp(type->name, "key.create") == 0 || strcmp(type->name, "key.create_batch") == 0 ||
           strcmp(type->name, "family.make_key") == 0;
}
