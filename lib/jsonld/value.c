#include "lib/jsonld/value.h"

enum ps_err value_new(struct arena *arena, enum json_type type, struct value **ret_value)
{
    void *memory;

    PS_TRY(arena_take(arena, sizeof **ret_value, &memory));
    *ret_value = memory;
    (*ret_value)->type = type;
    return PS_OK;
}

enum ps_err value_new_string(struct arena *arena, struct ps_bytes text, struct value **ret_value)
{
    PS_TRY(value_new(arena, JSON_STRING, ret_value));
    (*ret_value)->text = text;
    return PS_OK;
}

enum ps_err value_push(struct arena *arena, struct value *array, struct value *item)
{
    if (array->array.count == array->array.cap) {
        const uint32_t cap = array->array.cap == 0 ? 4 : array->array.cap * 2;

        PS_TRY(arena_grow(arena, (void **)&array->array.items, array->array.count, cap,
                          sizeof(void *)));
        array->array.cap = cap;
    }
    array->array.items[array->array.count++] = item;
    return PS_OK;
}

static enum ps_err take_members(struct names *names, struct json_value json, struct value *to)
{
    const struct name *name = NULL;
    struct json_value inner;
    uint32_t cursor = 0;
    struct ps_bytes text;

    while (json_next(json, &cursor, &text, &inner)) {
        /* The name stands right before its value, as a string of its own. */
        const struct json_value key = {.doc = inner.doc, .at = inner.at - 1};
        struct value *value = NULL;

        PS_TRY(json_string(key, &text));
        PS_TRY(names_intern(names, text, &name));
        PS_TRY(value_from_json(names, inner, &value));
        PS_TRY(value_set(names->arena, to, name, value));
    }
    return PS_OK;
}

static enum ps_err take_elements(struct names *names, struct json_value json, struct value *to)
{
    struct json_value inner;
    uint32_t cursor = 0;

    while (json_next(json, &cursor, NULL, &inner)) {
        struct value *value = NULL;

        PS_TRY(value_from_json(names, inner, &value));
        PS_TRY(value_push(names->arena, to, value));
    }
    return PS_OK;
}

enum ps_err value_from_json(struct names *names, struct json_value json, struct value **ret_value)
{
    const struct ps_bytes nothing = {0};
    struct ps_bytes text = json_raw(json);
    struct value *value = NULL;

    PS_TRY(value_new(names->arena, json_type(json), &value));
    if (value->type == JSON_OBJECT) {
        PS_TRY(take_members(names, json, value));
    } else if (value->type == JSON_ARRAY) {
        PS_TRY(take_elements(names, json, value));
    } else if (value->type == JSON_STRING || value->type == JSON_NUMBER) {
        if (value->type == JSON_STRING) {
            PS_TRY(json_string(json, &text));
        }
        PS_TRY(arena_join(names->arena, text, nothing, &value->text));
    }
    *ret_value = value;
    return PS_OK;
}

static bool members_equal(const struct value *a, const struct value *b)
{
    for (uint32_t i = 0; i < a->members.count; i++) {
        const struct name_entry *entry = &a->members.entries[i];

        if (!value_equal(entry->item, value_get(b, entry->name))) {
            return false;
        }
    }
    return a->members.count == b->members.count;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a == b || a == NULL || b == NULL || a->type != b->type) {
        return a == b;
    }
    switch (a->type) {
    case JSON_STRING:
    case JSON_NUMBER:
        return ps_bytes_equal(a->text, b->text);
    case JSON_OBJECT:
        return members_equal(a, b);
    case JSON_ARRAY:
        if (a->array.count != b->array.count) {
            return false;
        }
        for (uint32_t i = 0; i < a->array.count; i++) {
            if (!value_equal(a->array.items[i], b->array.items[i])) {
                return false;
            }
        }
        return true;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        break;
    }
    return true;
}

uint32_t value_count_items(const struct value *value)
{
    return value == NULL ? 0 : value->type == JSON_ARRAY ? value->array.count : 1;
}

struct value *value_item(struct value *value, uint32_t at)
{
    return value->type == JSON_ARRAY ? value->array.items[at] : value;
}
