#include "lib/ceremony/replay/rows.h"

#include "lib/base/encode.h"

#include <stdio.h>

#define OCTETS_MAX 64u

bool replay_is_listed(struct ps_bytes name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ps_bytes_equal_str(name, list[i])) {
            return true;
        }
    }
    return false;
}

bool replay_find_member(struct json_value object, struct ps_bytes name,
                        struct json_value *ret_value)
{
    char text[PS_NAME_MAX + 1];

    if (name.len >= sizeof text || json_type(object) != JSON_OBJECT) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%.*s", PS_BYTES_FMT(name));
    /* A NUL within it would have it pass for a shorter one. */
    return strlen(text) == name.len && json_member(object, text, ret_value);
}

static bool is_same_value(struct json_value row, struct json_value param)
{
    struct ps_bytes digits;

    if (json_type(row) == JSON_NUMBER && json_type(param) == JSON_STRING) {
        return json_string(param, &digits) == PS_OK && ps_bytes_equal(json_raw(row), digits);
    }
    return ps_bytes_equal(json_raw(row), json_raw(param));
}

bool replay_is_same(struct json_value row, struct json_value param)
{
    struct json_value ours;
    struct json_value theirs;
    uint32_t row_cursor = 0;
    uint32_t param_cursor = 0;

    if (json_type(row) != JSON_ARRAY || json_type(param) != JSON_ARRAY ||
        json_count(row) != json_count(param)) {
        return is_same_value(row, param);
    }
    while (json_next(row, &row_cursor, NULL, &ours) &&
           json_next(param, &param_cursor, NULL, &theirs)) {
        if (!is_same_value(ours, theirs)) {
            return false;
        }
    }
    return true;
}

bool replay_text_is(struct json_value object, const char *name, struct ps_bytes expected)
{
    struct ps_bytes text;

    return replay_text_of(object, name, &text) == PS_OK && ps_bytes_equal(text, expected);
}

bool replay_number_is(struct json_value object, const char *name, int64_t expected)
{
    struct json_value value;
    int64_t number;

    return json_member(object, name, &value) && json_integer(value, &number) == PS_OK &&
           number == expected;
}

bool replay_flag_is(struct json_value object, const char *name, bool expected)
{
    struct json_value value;

    return json_member(object, name, &value) &&
           json_type(value) == (expected ? JSON_TRUE : JSON_FALSE);
}

bool replay_octets_are(struct json_value row, const char *name, struct json_value params,
                       const char *param)
{
    PS_BUF_AUTO ours = {.max = OCTETS_MAX};
    PS_BUF_AUTO theirs = {.max = OCTETS_MAX};
    struct ps_bytes text;

    return replay_text_of(params, param, &text) == PS_OK && ps_hex_decode(text, &theirs) == PS_OK &&
           replay_text_of(row, name, &text) == PS_OK && ps_base64url_decode(text, &ours) == PS_OK &&
           ps_bytes_equal(ps_buf_bytes(&ours), ps_buf_bytes(&theirs));
}

enum ps_err replay_read_number(struct json_value row, const char *name, uint64_t *ret_number)
{
    struct json_value value;
    int64_t number;

    if (!json_member(row, name, &value) || json_integer(value, &number) != PS_OK || number < 0) {
        return ps_fail(PS_E_DENIED, 0, "a row has no number \"%s\"", name);
    }
    *ret_number = (uint64_t)number;
    return PS_OK;
}

enum ps_err replay_read_digits(const struct operation_document *document, const char *name,
                               uint64_t *ret_number)
{
    struct ps_bytes text;
    uint64_t number = 0;

    PS_TRY(operation_document_text(document, name, &text));
    for (size_t i = 0; i < text.len; i++) {
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return PS_OK;
}

bool replay_find_effect(struct json_value effects, const char *kind, struct ps_bytes name,
                        struct json_value *ret_row)
{
    struct json_value effect;
    uint32_t cursor = 0;

    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &effect)) {
        if (json_type(effect) == JSON_OBJECT &&
            replay_text_is(effect, "kind", ps_bytes_str(kind)) &&
            replay_text_is(effect, "name", name) && json_member(effect, "row", ret_row) &&
            json_type(*ret_row) == JSON_OBJECT) {
            return true;
        }
    }
    return false;
}
