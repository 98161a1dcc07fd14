#include "lib/base/name.h"

static bool is_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_rest(uint8_t c)
{
    return is_start(c) || c == '.' || c == '_' || c == '-';
}

bool ps_name_valid(struct ps_bytes name)
{
    if (name.len == 0 || name.len > PS_NAME_MAX || !is_start(name.data[0])) {
        return false;
    }
    for (size_t i = 1; i < name.len; i++) {
        if (!is_rest(name.data[i])) {
            return false;
        }
    }
    return true;
}

bool ps_name_reserved(struct ps_bytes name)
{
    return ps_bytes_starts_with(name, ps_bytes_str("privyseal."));
}

bool ps_pattern_valid(struct ps_bytes pattern)
{
    if (pattern.len == 0) {
        return false;
    }
    if (pattern.data[pattern.len - 1] != '*') {
        return ps_name_valid(pattern);
    }
    return pattern.len == 1 || ps_name_valid(ps_bytes(pattern.data, pattern.len - 1));
}

bool ps_pattern_matches(struct ps_bytes pattern, struct ps_bytes name)
{
    if (pattern.len == 0 || ps_name_reserved(name)) {
        return false;
    }
    if (pattern.data[pattern.len - 1] != '*') {
        return ps_bytes_equal(pattern, name);
    }
    return ps_bytes_starts_with(name, ps_bytes(pattern.data, pattern.len - 1));
}

bool ps_request_id_valid(struct ps_bytes id)
{
    if (id.len == 0 || id.len > PS_REQUEST_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        const uint8_t c = id.data[i];

        if (!is_rest(c) && !(c >= 'A' && c <= 'Z')) {
            return false;
        }
    }
    return true;
}
