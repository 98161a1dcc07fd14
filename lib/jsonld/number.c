#include "lib/jsonld/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX 128u

/* 2^53, which 2^53 + 1 reads as too. */
#define EXACT_END 9007199254740992.0

/*
 * strtod and printf take the locale's decimal point, so numbers come and go without one: as whole
 * digits and an exponent.
 */
double number_read(struct ps_bytes digits)
{
    char text[DIGITS_MAX + 32];
    size_t len = 0;
    size_t at = 0;
    long exponent = 0;
    bool fraction = false;

    for (; at < digits.len && at < DIGITS_MAX && (digits.data[at] | 0x20) != 'e'; at++) {
        if (digits.data[at] == '.') {
            fraction = true;
            continue;
        }
        text[len++] = (char)digits.data[at];
        exponent -= fraction ? 1 : 0;
    }
    if (at + 1 < digits.len) {
        char power[DIGITS_MAX + 1] = {0};
        const struct ps_bytes rest = ps_bytes(digits.data + at + 1, digits.len - at - 1);

        memcpy(power, rest.data, rest.len < DIGITS_MAX ? rest.len : DIGITS_MAX);
        exponent += strtol(power, NULL, 10);
    }
    (void)snprintf(text + len, sizeof text - len, "e%ld", exponent);
    return strtod(text, NULL);
}

bool number_is_exact_integer(double number)
{
    return fabs(number) < EXACT_END && floor(number) == number;
}

/* A number's decimal digits without zeros at the end, and its exponent: d.ddd * 10^exponent. */
struct decimal {
    char digits[18];
    size_t count;
    long exponent;
};

static struct decimal to_decimal(double number, int precision)
{
    struct decimal decimal = {0};
    char text[48];
    const char *at = text;

    (void)snprintf(text, sizeof text, "%.*e", precision - 1, fabs(number));
    for (; *at != 'e' && *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9' && decimal.count < sizeof decimal.digits - 1) {
            decimal.digits[decimal.count++] = *at;
        }
    }
    decimal.exponent = *at == 'e' ? strtol(at + 1, NULL, 10) : 0;
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') {
        decimal.count--;
    }
    return decimal;
}

static void put_digits(struct ps_buf *out, const struct decimal *decimal, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        ps_buf_put_u8(out, i < decimal->count ? (uint8_t)decimal->digits[i] : '0');
    }
}

static void put_sign(struct ps_buf *out, double number)
{
    if (number < 0) {
        ps_buf_put_u8(out, '-');
    }
}

void number_put_double(struct ps_buf *out, double number)
{
    const struct decimal decimal = to_decimal(number, 16);

    put_sign(out, number);
    put_digits(out, &decimal, 0, 1);
    ps_buf_put_u8(out, '.');
    put_digits(out, &decimal, 1, decimal.count > 1 ? decimal.count : 2);
    ps_buf_printf(out, "E%ld", decimal.exponent);
}

void number_put_integer(struct ps_buf *out, double number)
{
    ps_buf_printf(out, "%.0f", number == 0 ? 0.0 : number);
}

/* The fewest digits that read back as the same number: 17 always do. */
static struct decimal find_shortest(double number)
{
    for (int precision = 1; precision < 17; precision++) {
        const struct decimal decimal = to_decimal(number, precision);
        char text[64];

        (void)snprintf(text, sizeof text, "%.*se%ld", (int)decimal.count, decimal.digits,
                       decimal.exponent - (long)decimal.count + 1);
        if (strtod(text, NULL) == fabs(number)) {
            return decimal;
        }
    }
    return to_decimal(number, 17);
}

/* ECMA-262, Number::toString: `point` is where the decimal point stands, counted in digits. */
void number_put_shortest(struct ps_buf *out, double number)
{
    const struct decimal decimal = find_shortest(number);
    const long point = decimal.exponent + 1;

    if (number == 0) {
        ps_buf_put_u8(out, '0');
        return;
    }
    put_sign(out, number);
    if (point > 0 && point <= 21) {
        const size_t whole = (size_t)point;

        put_digits(out, &decimal, 0, whole);
        if (decimal.count > whole) {
            ps_buf_put_u8(out, '.');
            put_digits(out, &decimal, whole, decimal.count);
        }
    } else if (point <= 0 && point > -6) {
        ps_buf_put_str(out, "0.");
        for (long zeros = point; zeros < 0; zeros++) {
            ps_buf_put_u8(out, '0');
        }
        put_digits(out, &decimal, 0, decimal.count);
    } else {
        put_digits(out, &decimal, 0, 1);
        if (decimal.count > 1) {
            ps_buf_put_u8(out, '.');
            put_digits(out, &decimal, 1, decimal.count);
        }
        ps_buf_printf(out, "e%+ld", decimal.exponent);
    }
}
