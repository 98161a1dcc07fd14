#include "lib/base/buf.h"

#include "lib/base/secret.h"

#include <assert.h>
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALLEST 64u

void ps_buf_init(struct ps_buf *buf, size_t max)
{
    *buf = (struct ps_buf){.max = max};
}

/* Of the memory, all: what was reserved may have been written, and never committed. */
static void release(const struct ps_buf *buf)
{
    if (buf->is_secret && buf->data != NULL) {
        ps_wipe(buf->data, buf->cap);
    }
    free(buf->data);
}

void ps_buf_clear(struct ps_buf *buf)
{
    release(buf);
    *buf = (struct ps_buf){.max = buf->max, .is_secret = buf->is_secret};
}

void ps_buf_cut(struct ps_buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (buf->is_secret && len != buf->len) {
        ps_wipe(buf->data + len, buf->len - len);
    }
    buf->len = len;
    buf->err = PS_OK;
}

void ps_buf_reset(struct ps_buf *buf)
{
    ps_buf_cut(buf, 0);
}

void ps_buf_consume(struct ps_buf *buf, size_t count)
{
    assert(count <= buf->len);
    if (count == 0) {
        return;
    }
    buf->len -= count;
    if (buf->len != 0) {
        memmove(buf->data, buf->data + count, buf->len);
    }
    if (buf->is_secret) {
        ps_wipe(buf->data + buf->len, count);
    }
}

/* realloc would leave a copy where it was. */
static uint8_t *move_secret(const struct ps_buf *buf, size_t cap)
{
    uint8_t *data = malloc(cap);

    if (data != NULL && buf->data != NULL) {
        memcpy(data, buf->data, buf->len);
        release(buf);
    }
    return data;
}

static bool grow(struct ps_buf *buf, size_t needed)
{
    size_t cap = buf->cap == 0 ? SMALLEST : buf->cap;
    uint8_t *data;

    while (cap < needed) {
        cap *= 2;
    }
    data = buf->is_secret ? move_secret(buf, cap) : realloc(buf->data, cap);
    if (data == NULL) {
        buf->err = PS_E_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

static uint8_t *make_room(struct ps_buf *buf, size_t count)
{
    if (buf->err != PS_OK) {
        return NULL;
    }
    if (count > buf->max - buf->len) {
        buf->err = PS_E_LIMIT;
        return NULL;
    }
    if (count > buf->cap - buf->len || buf->data == NULL) {
        if (!grow(buf, buf->len + count)) {
            return NULL;
        }
    }
    return buf->data + buf->len;
}

/* Most of what is put fits. */
static inline uint8_t *reserve(struct ps_buf *buf, size_t count)
{
    const size_t end = buf->cap < buf->max ? buf->cap : buf->max;

    if (buf->err == PS_OK && buf->data != NULL && count <= end - buf->len) {
        return buf->data + buf->len;
    }
    return make_room(buf, count);
}

uint8_t *ps_buf_reserve(struct ps_buf *buf, size_t count)
{
    return reserve(buf, count);
}

void ps_buf_commit(struct ps_buf *buf, size_t count)
{
    assert(buf->err == PS_OK && count <= buf->cap - buf->len);
    buf->len += count;
}

void ps_buf_put(struct ps_buf *buf, struct ps_bytes octets)
{
    uint8_t *to = reserve(buf, octets.len);

    if (to == NULL || octets.len == 0) {
        return;
    }
    memcpy(to, octets.data, octets.len);
    buf->len += octets.len;
}

void ps_buf_put_u8(struct ps_buf *buf, uint8_t value)
{
    uint8_t *to = reserve(buf, 1);

    if (to != NULL) {
        *to = value;
        buf->len++;
    }
}

static inline void put_number(struct ps_buf *buf, const void *octets, size_t len)
{
    uint8_t *to = reserve(buf, len);

    if (to != NULL) {
        memcpy(to, octets, len);
        buf->len += len;
    }
}

void ps_buf_put_u16(struct ps_buf *buf, uint16_t value)
{
    const uint16_t octets = htobe16(value);

    put_number(buf, &octets, sizeof octets);
}

void ps_buf_put_u32(struct ps_buf *buf, uint32_t value)
{
    const uint32_t octets = htobe32(value);

    put_number(buf, &octets, sizeof octets);
}

void ps_buf_put_u64(struct ps_buf *buf, uint64_t value)
{
    const uint64_t octets = htobe64(value);

    put_number(buf, &octets, sizeof octets);
}

void ps_buf_put_str(struct ps_buf *buf, const char *text)
{
    ps_buf_put(buf, ps_bytes_str(text));
}

void ps_buf_put_decimal(struct ps_buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    ps_buf_put(buf, ps_bytes(digits + at, sizeof digits - at));
}

/* Longer texts than most: formatted on the heap. */
PS_PRINTF(2, 0) static void put_long(struct ps_buf *buf, const char *format, va_list args)
{
    char *text = NULL;
    const int length = vasprintf(&text, format, args);

    if (length < 0) {
        buf->err = PS_E_NO_MEMORY;
        return;
    }
    ps_buf_put(buf, ps_bytes(text, (size_t)length));
    if (buf->is_secret) {
        ps_wipe(text, (size_t)length);
    }
    free(text);
}

/* Not straight into the buffer: the NUL that vsnprintf adds may be one octet over its maximum. */
void ps_buf_printf(struct ps_buf *buf, const char *format, ...)
{
    char text[256];
    va_list args;
    int length;

    if (buf->err != PS_OK) {
        return;
    }
    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof text) {
        ps_buf_put(buf, ps_bytes(text, (size_t)length));
        if (buf->is_secret) {
            ps_wipe(text, (size_t)length);
        }
        return;
    }
    va_start(args, format);
    put_long(buf, format, args);
    va_end(args);
}

void ps_buf_set_u32(struct ps_buf *buf, size_t offset, uint32_t value)
{
    const uint32_t octets = htobe32(value);

    if (buf->err != PS_OK) {
        return;
    }
    assert(offset <= buf->len && buf->len - offset >= sizeof octets);
    memcpy(buf->data + offset, &octets, sizeof octets);
}

enum ps_err ps_buf_status(const struct ps_buf *buf)
{
    if (buf->err == PS_E_LIMIT) {
        return ps_fail(PS_E_LIMIT, 0, "more than %zu octets", buf->max);
    }
    if (buf->err == PS_E_NO_MEMORY) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return buf->err == PS_OK ? PS_OK : ps_fail(buf->err, 0, "a value that cannot be written");
}
