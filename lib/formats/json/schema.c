#include "lib/formats/json/json.h"

#include "lib/base/encode.h"
#include "lib/base/name.h"
#include "lib/formats/json/internal.h"

#include <assert.h>

#define FIELDS_MAX 64u

static enum ps_err wrong(const struct json_field *field, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "member \"%s\": %s", field->name, what);
}

static enum ps_err too_large(const struct json_field *field)
{
    return ps_fail(PS_E_INPUT, 0, "member \"%s\": more than %llu%s", field->name,
                   (unsigned long long)field->max,
                   field->kind == JSON_KIND_U32 || field->kind == JSON_KIND_U64 ? "" : " octets");
}

static enum ps_err read_text(struct json_value value, const struct json_field *field,
                             struct ps_bytes *ret_text)
{
    struct ps_bytes text;

    if (json_type(value) != JSON_STRING) {
        return wrong(field, "not a string");
    }
    PS_TRY(json_string(value, &text));
    if (field->max != 0 && text.len > field->max) {
        return too_large(field);
    }
    if (text.len != 0 && memchr(text.data, 0, text.len) != NULL) {
        return wrong(field, "a string with a NUL in it");
    }
    if (field->kind == JSON_KIND_NAME && !ps_name_valid(text)) {
        return wrong(field, "not a name ([a-z0-9][a-z0-9._-]{0,127})");
    }
    *ret_text = text;
    return PS_OK;
}

static enum ps_err read_octets(struct json_value value, const struct json_field *field,
                               struct ps_bytes *ret_octets)
{
    struct ps_bytes text;
    struct ps_buf decoded = {0};

    if (json_type(value) != JSON_STRING) {
        return wrong(field, "not a string");
    }
    PS_TRY(json_string(value, &text));
    if (field->max != 0 && text.len > ps_base64url_len(field->max)) {
        return too_large(field);
    }
    /* A buffer over memory of the document: large enough, so that it never grows out of it. */
    decoded.cap = decoded.max = text.len / 4 * 3 + 3;
    decoded.data = json_take_memory((struct json *)(uintptr_t)value.doc, decoded.cap);
    if (decoded.data == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (ps_base64url_decode(text, &decoded) != PS_OK) {
        return wrong(field, "not base64url without padding");
    }
    *ret_octets = ps_buf_bytes(&decoded);
    return PS_OK;
}

static enum ps_err read_number(struct json_value value, const struct json_field *field,
                               uint64_t *ret_number)
{
    int64_t number;

    if (json_integer(value, &number) != PS_OK || number < 0) {
        return wrong(field, "not an integer from 0 to 10^15");
    }
    if (field->max != 0 && (uint64_t)number > field->max) {
        return too_large(field);
    }
    *ret_number = (uint64_t)number;
    return PS_OK;
}

static enum ps_err read_u32(struct json_value value, const struct json_field *field,
                            uint32_t *ret_number)
{
    uint64_t number;

    PS_TRY(read_number(value, field, &number));
    if (number > UINT32_MAX) {
        return wrong(field, "more than 4294967295");
    }
    *ret_number = (uint32_t)number;
    return PS_OK;
}

static enum ps_err read_bool(struct json_value value, const struct json_field *field,
                             bool *ret_bool)
{
    const enum json_type type = json_type(value);

    if (type != JSON_TRUE && type != JSON_FALSE) {
        return wrong(field, "neither true nor false");
    }
    *ret_bool = type == JSON_TRUE;
    return PS_OK;
}

static enum ps_err read_value(struct json_value value, const struct json_field *field,
                              struct json_value *ret_value)
{
    if (field->kind == JSON_KIND_OBJECT && json_type(value) != JSON_OBJECT) {
        return wrong(field, "not an object");
    }
    if (field->kind == JSON_KIND_ARRAY && json_type(value) != JSON_ARRAY) {
        return wrong(field, "not an array");
    }
    *ret_value = value;
    return PS_OK;
}

static enum ps_err read_member(struct json_value value, const struct json_field *field, void *to)
{
    switch (field->kind) {
    case JSON_KIND_STRING:
    case JSON_KIND_NAME:
        return read_text(value, field, to);
    case JSON_KIND_OCTETS:
        return read_octets(value, field, to);
    case JSON_KIND_U32:
        return read_u32(value, field, to);
    case JSON_KIND_U64:
        return read_number(value, field, to);
    case JSON_KIND_BOOL:
        return read_bool(value, field, to);
    case JSON_KIND_OBJECT:
    case JSON_KIND_ARRAY:
    case JSON_KIND_ANY:
        return read_value(value, field, to);
    }
    return ps_fail(PS_E_INTERNAL, 0, "a member of no known kind");
}

/* Members mostly come in the order of the table, so the search begins after the last hit. */
static size_t find_field(const struct json_field *fields, size_t count, size_t from,
                         struct ps_bytes name)
{
    for (size_t i = 0; i < count; i++) {
        const size_t at = from + i < count ? from + i : from + i - count;

        if (ps_bytes_equal_str(name, fields[at].name)) {
            return at;
        }
    }
    return count;
}

static enum ps_err check_required(const struct json_field *fields, size_t count, uint64_t found)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && (found >> i & 1) == 0) {
            return wrong(&fields[i], "missing");
        }
    }
    return PS_OK;
}

enum ps_err json_read_object(struct json_value object, const struct json_field *fields,
                             size_t count, void *ret_struct, uint64_t *seen)
{
    uint32_t cursor = 0;
    struct json_value value;
    uint64_t found = 0;
    size_t from = 0;

    assert(count <= FIELDS_MAX);
    if (json_type(object) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "not a JSON object");
    }
    while (json_next(object, &cursor, NULL, &value)) {
        struct ps_bytes name;
        size_t at;

        /* The token before a member's value is its name. */
        PS_TRY(json_token_text((struct json *)(uintptr_t)object.doc, value.at - 1, &name));
        at = find_field(fields, count, from, name);
        if (at == count) {
            return ps_fail(PS_E_INPUT, 0, "unknown member \"%.*s\"",
                           (int)(name.len > 64 ? 64 : name.len), (const char *)name.data);
        }
        PS_TRY(read_member(value, &fields[at], (uint8_t *)ret_struct + fields[at].offset));
        found |= UINT64_C(1) << at;
        from = at + 1;
    }
    PS_TRY(check_required(fields, count, found));
    if (seen != NULL) {
        *seen = found;
    }
    return PS_OK;
}
