#include "lib/base/base58.h"

static const char alphabet[58] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* 138 / 100 is a little more than log(256) / log(58). */
#define DIGITS_MAX (PS_BASE58_MAX * 138u / 100u + 1u)

/* Multiplies the number by 256 and adds an octet; digits stand with the least one first. */
static size_t add_octet(uint8_t *digits, size_t count, uint8_t octet)
{
    unsigned carry = octet;

    for (size_t i = 0; i < count; i++) {
        carry += (unsigned)digits[i] << 8;
        digits[i] = (uint8_t)(carry % 58);
        carry /= 58;
    }
    for (; carry != 0; carry /= 58) {
        digits[count++] = (uint8_t)(carry % 58);
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
        count = add_octet(digits, count, octets.data[i]);
    }
    while (count > 0) {
        ps_buf_put_u8(buf, (uint8_t)alphabet[digits[--count]]);
    }
}
