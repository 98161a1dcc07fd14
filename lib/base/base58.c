#include "lib/base/base58.h"

static const char alphabet[58] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* 138 / 100 is a little more than log(256) / log(58). */
#define DIGITS_MAX (PS_BASE58_MAX * 138u / 100u + 1u)

/*
 * Multiplies a number to the base `base` by `by` and adds to it; its digits stand with the least
 * one first.
 */
static size_t add_digit(uint8_t *digits, size_t count, unsigned base, unsigned by, unsigned digit)
{
    unsigned carry = digit;

    for (size_t i = 0; i < count; i++) {
        carry += digits[i] * by;
        digits[i] = (uint8_t)(carry % base);
        carry /= base;
    }
    for (; carry != 0; carry /= base) {
        digits[count++] = (uint8_t)(carry % base);
    }
    return count;
}

void ps_buf_put_base58btc(struct ps_buf *buf, struct ps_bytes octets)
{
    uint8_t digits[DIGITS_MAX];
    size_t zeros = 0;
    size_t count = 0;

    if (octets.len > PS_BASE58_MAX) {
        buf->err = buf->err == PS_OK ? PS_E_LIMIT : buf->err;
        return;
    }
    while (zeros < octets.len && octets.data[zeros] == 0) {
        ps_buf_put_u8(buf, '1');
        zeros++;
    }
    for (size_t i = zeros; i < octets.len; i++) {
        count = add_digit(digits, count, 58, 256, octets.data[i]);
    }
    while (count > 0) {
        ps_buf_put_u8(buf, (uint8_t)alphabet[digits[--count]]);
    }
}

enum ps_err ps_base58btc_decode(struct ps_bytes text, struct ps_buf *out)
{
    uint8_t octets[DIGITS_MAX];
    size_t zeros = 0;
    size_t count = 0;

    if (text.len > DIGITS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "base58: more than %u characters", DIGITS_MAX);
    }
    while (zeros < text.len && text.data[zeros] == '1') {
        zeros++;
    }
    for (size_t i = zeros; i < text.len; i++) {
        const char *at = memchr(alphabet, text.data[i], sizeof alphabet);

        if (at == NULL) {
            return ps_fail(PS_E_INPUT, 0, "base58: a character that is not of its alphabet");
        }
        count = add_digit(octets, count, 256, 58, (unsigned)(at - alphabet));
    }
    if (zeros + count > PS_BASE58_MAX) {
        return ps_fail(PS_E_INPUT, 0, "base58: more than %u octets", PS_BASE58_MAX);
    }
    for (size_t i = 0; i < zeros; i++) {
        ps_buf_put_u8(out, 0);
    }
    while (count > 0) {
        ps_buf_put_u8(out, octets[--count]);
    }
    return ps_buf_status(out);
}
