#include "lib/formats/der.h"

#include <assert.h>

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "DER: %s", what);
}

static enum ps_err take_length(struct ps_reader *reader, size_t *ret_len)
{
    const uint8_t first = ps_reader_u8(reader);
    size_t len = first;

    if (first == 0x81) {
        len = ps_reader_u8(reader);
    } else if (first == 0x82) {
        len = ps_reader_u16(reader);
    } else if (first > 0x82 || first == 0x80) {
        return bad("a length that no key or signature has");
    }
    /* X.690 section 10.1: the fewest octets that can hold it. */
    if ((first == 0x81 && len < 0x80) || (first == 0x82 && len < 0x100)) {
        return bad("a length that is not in its shortest form");
    }
    *ret_len = len;
    return PS_OK;
}

enum ps_err der_take(struct ps_reader *reader, uint8_t tag, struct ps_bytes *ret_inside)
{
    struct ps_bytes inside;
    size_t len;

    if (ps_reader_u8(reader) != tag) {
        return bad("another tag than expected");
    }
    PS_TRY(take_length(reader, &len));
    inside = ps_reader_take(reader, len);
    if (reader->failed) {
        return bad("ends too early");
    }
    *ret_inside = inside;
    return PS_OK;
}

enum ps_err der_take_positive(struct ps_reader *reader, struct ps_bytes *ret_magnitude)
{
    struct ps_bytes inside;

    PS_TRY(der_take(reader, DER_INTEGER, &inside));
    if (inside.len == 0 || (inside.data[0] & 0x80) != 0) {
        return bad("an integer that is empty or negative");
    }
    if (inside.data[0] == 0) {
        inside = ps_bytes_from(inside, 1);
        /* X.690 section 8.3.2: a zero octet in front only where the next has its top bit set. */
        if (inside.len == 0 || (inside.data[0] & 0x80) == 0) {
            return bad("an integer that is zero or not in its shortest form");
        }
    }
    *ret_magnitude = inside;
    return PS_OK;
}

size_t der_header_len(size_t len)
{
    assert(len < 0x1000000);
    return len < 0x80 ? 2 : len < 0x100 ? 3 : len < 0x10000 ? 4 : 5;
}

void der_put_header(struct ps_buf *out, uint8_t tag, size_t len)
{
    assert(len < 0x1000000);
    ps_buf_put_u8(out, tag);
    if (len < 0x80) {
        ps_buf_put_u8(out, (uint8_t)len);
    } else if (len < 0x100) {
        ps_buf_put_u8(out, 0x81);
        ps_buf_put_u8(out, (uint8_t)len);
    } else if (len < 0x10000) {
        ps_buf_put_u8(out, 0x82);
        ps_buf_put_u16(out, (uint16_t)len);
    } else {
        ps_buf_put_u8(out, 0x83);
        ps_buf_put_u8(out, (uint8_t)(len >> 16));
        ps_buf_put_u16(out, (uint16_t)len);
    }
}

void der_put(struct ps_buf *out, uint8_t tag, struct ps_bytes content)
{
    der_put_header(out, tag, content.len);
    ps_buf_put(out, content);
}

size_t der_begin(const struct ps_buf *out)
{
    return out->len;
}

void der_end(struct ps_buf *out, uint8_t tag, size_t start)
{
    uint8_t octets[8] = {0};
    struct ps_buf header = {.data = octets, .cap = sizeof octets, .max = sizeof octets};
    const size_t len = out->len - start;

    if (len >= 0x1000000) {
        out->err = out->err == PS_OK ? PS_E_LIMIT : out->err;
    }
    if (out->err != PS_OK) {
        return;
    }
    der_put_header(&header, tag, len);
    if (ps_buf_reserve(out, header.len) != NULL) {
        memmove(out->data + start + header.len, out->data + start, len);
        memcpy(out->data + start, octets, header.len);
        ps_buf_commit(out, header.len);
    }
}

struct ps_bytes der_without_zeros(struct ps_bytes a)
{
    while (a.len != 0 && a.data[0] == 0) {
        a = ps_bytes_from(a, 1);
    }
    return a;
}

static size_t content_len(struct ps_bytes magnitude)
{
    return magnitude.len + (magnitude.len == 0 || (magnitude.data[0] & 0x80) != 0 ? 1 : 0);
}

size_t der_positive_len(struct ps_bytes magnitude)
{
    const size_t len = content_len(der_without_zeros(magnitude));

    return der_header_len(len) + len;
}

void der_put_positive(struct ps_buf *out, struct ps_bytes magnitude)
{
    const struct ps_bytes short_form = der_without_zeros(magnitude);
    const size_t len = content_len(short_form);

    der_put_header(out, DER_INTEGER, len);
    if (len != short_form.len) {
        ps_buf_put_u8(out, 0);
    }
    ps_buf_put(out, short_form);
}
