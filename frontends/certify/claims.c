#include "frontends/certify/claims.h"

#define TIME_DIGITS_MAX 12u

bool claims_text(struct json_value object, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(object, name, &value) || json_type(value) != JSON_STRING ||
        json_string(value, &text) != PS_OK || text.len == 0) {
        return false;
    }
    *ret_text = text;
    return true;
}

enum ps_err claims_time(struct json_value object, const char *name, uint64_t *ret_s)
{
    struct json_value value;
    struct ps_bytes raw;
    uint64_t seconds = 0;
    size_t digits = 0;

    if (!json_member(object, name, &value)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no %s", name);
    }
    raw = json_raw(value);
    while (digits < raw.len && ps_is_digit(raw.data[digits])) {
        seconds = digits < TIME_DIGITS_MAX ? seconds * 10 + (uint64_t)(raw.data[digits] - '0') : 0;
        digits++;
    }
    if (json_type(value) != JSON_NUMBER || digits == 0 || digits > TIME_DIGITS_MAX ||
        memchr(raw.data, 'e', raw.len) != NULL || memchr(raw.data, 'E', raw.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "%s is no time", name);
    }
    *ret_s = seconds;
    return PS_OK;
}

bool claims_name_audience(struct json_value object, struct ps_bytes audience)
{
    struct json_value value;
    struct json_value one;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (!json_member(object, "aud", &value)) {
        return false;
    }
    if (json_type(value) == JSON_STRING) {
        return json_string(value, &text) == PS_OK && ps_bytes_equal(text, audience);
    }
    while (json_type(value) == JSON_ARRAY && json_next(value, &cursor, NULL, &one)) {
        if (json_type(one) == JSON_STRING && json_string(one, &text) == PS_OK &&
            ps_bytes_equal(text, audience)) {
            return true;
        }
    }
    return false;
}
