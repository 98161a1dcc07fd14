#include "lib/jsonld/json_literal.h"

#include "lib/base/encode.h"
#include "lib/jsonld/number.h"

#include <stdlib.h>

/*
 * RFC 8785 section 3.2.3: names are sorted by UTF-16 code units. UTF-8 sorts the same way, but that
 * characters over U+FFFF, whose first unit is a surrogate, come before U+E000 to U+FFFF.
 */
static unsigned weight(uint8_t octet)
{
    return octet >= 0xf0 ? 0xedu : octet == 0xee || octet == 0xef ? octet + 0x10u : octet;
}

static int compare_names(const void *a, const void *b)
{
    const struct ps_bytes left = ((const struct name_entry *)a)->name->text;
    const struct ps_bytes right = ((const struct name_entry *)b)->name->text;
    const size_t shorter = left.len < right.len ? left.len : right.len;

    for (size_t i = 0; i < shorter; i++) {
        if (left.data[i] != right.data[i]) {
            const unsigned heavy = weight(left.data[i]);
            const unsigned light = weight(right.data[i]);

            return heavy != light ? (heavy < light ? -1 : 1)
                                  : (left.data[i] < right.data[i] ? -1 : 1);
        }
    }
    return (left.len > right.len) - (left.len < right.len);
}

static enum ps_err put_object(struct processor *processor, const struct value *value,
                              struct ps_buf *out)
{
    const struct name_map *members = &value->members;
    struct name_entry *sorted;
    void *memory;

    PS_TRY(arena_take(&processor->arena, (size_t)members->count * sizeof *sorted, &memory));
    sorted = memory;
    for (uint32_t i = 0; i < members->count; i++) {
        sorted[i] = members->entries[i];
    }
    qsort(sorted, members->count, sizeof *sorted, compare_names);
    ps_buf_put_u8(out, '{');
    for (uint32_t i = 0; i < members->count; i++) {
        if (i != 0) {
            ps_buf_put_u8(out, ',');
        }
        ps_buf_put_json_string(out, sorted[i].name->text);
        ps_buf_put_u8(out, ':');
        PS_TRY(json_literal_put(processor, sorted[i].item, out));
    }
    ps_buf_put_u8(out, '}');
    return PS_OK;
}

static enum ps_err put_array(struct processor *processor, const struct value *value,
                             struct ps_buf *out)
{
    ps_buf_put_u8(out, '[');
    for (uint32_t i = 0; i < value->array.count; i++) {
        if (i != 0) {
            ps_buf_put_u8(out, ',');
        }
        PS_TRY(json_literal_put(processor, value->array.items[i], out));
    }
    ps_buf_put_u8(out, ']');
    return PS_OK;
}

static bool is_plain_integer(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '-' && (text.data[i] < '0' || text.data[i] > '9')) {
            return false;
        }
    }
    return true;
}

/* JCS takes numbers for doubles; the digits of large whole numbers do not survive that. */
static enum ps_err put_number(struct processor *processor, struct ps_bytes text, struct ps_buf *out)
{
    const double number = number_read(text);
    const size_t start = out->len;

    number_put_shortest(out, number);
    PS_TRY(ps_buf_status(out));
    if (is_plain_integer(text) && number != 0 &&
        !ps_bytes_equal(text, ps_bytes_from(ps_buf_bytes(out), start))) {
        return processor_leave_out(processor, "the last digits of a number", text);
    }
    return PS_OK;
}

/* The depth of the JSON that was read bounds the recursion. */
enum ps_err json_literal_put(struct processor *processor, const struct value *value,
                             struct ps_buf *out)
{
    switch (value->type) {
    case JSON_NULL:
        ps_buf_put_str(out, "null");
        break;
    case JSON_FALSE:
        ps_buf_put_str(out, "false");
        break;
    case JSON_TRUE:
        ps_buf_put_str(out, "true");
        break;
    case JSON_NUMBER:
        PS_TRY(put_number(processor, value->text, out));
        break;
    case JSON_STRING:
        ps_buf_put_json_string(out, value->text);
        break;
    case JSON_ARRAY:
        PS_TRY(put_array(processor, value, out));
        break;
    case JSON_OBJECT:
        PS_TRY(put_object(processor, value, out));
        break;
    }
    return ps_buf_status(out);
}
