#include "keystore/catalog/record_fields.h"

#include "lib/base/encode.h"
#include "lib/base/name.h"

enum ps_err record_fail(const char *member, const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "member \"%s\": %s", member, what);
}

enum ps_err record_check_text(const char *member, struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
            return record_fail(member, "not printable ASCII");
        }
    }
    if (text.len != 0 && (text.data[0] == ' ' || text.data[text.len - 1] == ' ')) {
        return record_fail(member, "a blank at its end");
    }
    return PS_OK;
}

enum ps_err record_check_free_text(const char *member, struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return record_fail(member, "a control character");
        }
    }
    return PS_OK;
}

enum ps_err record_read_choice(const char *member, struct ps_bytes text, const char *const *names,
                               unsigned count, unsigned *ret_index)
{
    for (unsigned i = 0; i < count; i++) {
        if (ps_bytes_equal_str(text, names[i])) {
            *ret_index = i;
            return PS_OK;
        }
    }
    return record_fail(member, "not a value this member has");
}

/* True when an element before the one at `until` has the same text. */
static bool is_repeated(struct json_value array, uint32_t until, struct ps_bytes text)
{
    struct json_value value;
    struct ps_bytes other;
    uint32_t cursor = 0;

    while (json_next(array, &cursor, NULL, &value) && cursor != until) {
        if (json_string(value, &other) == PS_OK && ps_bytes_equal(other, text)) {
            return true;
        }
    }
    return false;
}

enum ps_err record_check_strings(const char *member, struct json_value array, size_t max,
                                 record_check_fn *check)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (json_count(array) > max) {
        return record_fail(member, "too many elements");
    }
    while (json_next(array, &cursor, NULL, &value)) {
        if (json_string(value, &text) != PS_OK) {
            return record_fail(member, "an element that is not a string");
        }
        PS_TRY(check(member, text));
        if (is_repeated(array, cursor, text)) {
            return record_fail(member, "the same element twice");
        }
    }
    return PS_OK;
}

enum ps_err record_check_pattern(const char *member, struct ps_bytes text)
{
    return ps_pattern_valid(text)
               ? PS_OK
               : record_fail(member, "not a name, or the beginning of one and a \"*\"");
}

void record_put_text(struct ps_buf *out, const char *before, struct ps_bytes text)
{
    ps_buf_put_str(out, before);
    ps_buf_put_json_string(out, text);
}

void record_put_octets(struct ps_buf *out, const char *before, struct ps_bytes octets)
{
    ps_buf_put_str(out, before);
    ps_buf_put_u8(out, '"');
    ps_buf_put_base64url(out, octets);
    ps_buf_put_u8(out, '"');
}

void record_put_number(struct ps_buf *out, const char *before, uint64_t number)
{
    ps_buf_put_str(out, before);
    ps_buf_put_decimal(out, number);
}

void record_put_flag(struct ps_buf *out, const char *before, bool flag)
{
    ps_buf_put_str(out, before);
    ps_buf_put_str(out, flag ? "true" : "false");
}

void record_put_json(struct ps_buf *out, const char *before, struct json_value value,
                     const char *empty)
{
    enum ps_err err;

    ps_buf_put_str(out, before);
    if (value.doc == NULL) {
        ps_buf_put_str(out, empty);
        return;
    }
    err = json_put_canonical(value, out);
    if (err != PS_OK && out->err == PS_OK) {
        /* No form to write it in; the buffer's error is how the caller learns. */
        out->err = err;
    }
}
