#ifndef JSONLD_VALUE_H
#define JSONLD_VALUE_H

#include "lib/formats/json/json.h"
#include "lib/jsonld/names.h"

/*
 * JSON as the algorithms take it apart and put it together: what was read, contexts, and what was
 * expanded. Where a pointer to a value is NULL, the standard says null.
 */
struct value {
    enum json_type type;
    struct ps_bytes text; /* strings, unescaped; numbers, as they were written; else empty */
    union {
        struct {
            struct value **items;
            uint32_t count;
            uint32_t cap;
        } array;
        struct name_map members; /* of struct value */
    };
};

PS_MUST_USE enum ps_err value_new(struct arena *arena, enum json_type type,
                                  struct value **ret_value);
PS_MUST_USE enum ps_err value_new_string(struct arena *arena, struct ps_bytes text,
                                         struct value **ret_value);
PS_MUST_USE enum ps_err value_push(struct arena *arena, struct value *array, struct value *item);

/* Everything of a document that json_parse has read, whose depth bounds the recursion. */
PS_MUST_USE enum ps_err value_from_json(struct names *names, struct json_value json,
                                        struct value **ret_value);

bool value_equal(const struct value *a, const struct value *b);

static inline bool value_is(const struct value *value, enum json_type type)
{
    return value != NULL && value->type == type;
}

/* The member of an object; NULL where there is none, or no object. */
static inline struct value *value_get(const struct value *object, const struct name *name)
{
    return value_is(object, JSON_OBJECT) ? name_map_get(&object->members, name) : NULL;
}

static inline struct value *value_keyword(const struct value *object, enum keyword keyword)
{
    return value_get(object, names_keyword(keyword));
}

PS_MUST_USE static inline enum ps_err value_set(struct arena *arena, struct value *object,
                                                const struct name *name, struct value *value)
{
    return name_map_set(arena, &object->members, name, value);
}

/* An array's elements, or the value itself as its only one. */
uint32_t value_count_items(const struct value *value);
struct value *value_item(struct value *value, uint32_t at);

#endif
