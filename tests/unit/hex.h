#ifndef TESTS_UNIT_HEX_H
#define TESTS_UNIT_HEX_H

#include "tests/unit/support.h"

#include "lib/base/encode.h"

/* Octets written in hexadecimal of either case, in one of eight rooms that are used in turn. */
static inline PS_UNUSED struct ps_bytes hex(const char *text)
{
    static uint8_t rooms[8][4096];
    static unsigned next;
    uint8_t *room = rooms[next++ % 8];
    const size_t len = strlen(text) / 2;

    assert_true(strlen(text) % 2 == 0 && len <= sizeof rooms[0]);
    for (size_t i = 0; i < len; i++) {
        const int high = ps_hex_digit((uint8_t)text[2 * i]);
        const int low = ps_hex_digit((uint8_t)text[2 * i + 1]);

        assert_true(high >= 0 && low >= 0);
        room[i] = (uint8_t)(high * 16 + low);
    }
    return ps_bytes(room, len);
}

static inline PS_UNUSED void check_hex(struct ps_bytes got, const char *expected, const char *file,
                                       int line)
{
    PS_BUF_AUTO text = {.max = 1024 * 1024};

    ps_buf_put_hex(&text, got);
    check_bytes(ps_buf_bytes(&text), ps_bytes_str(expected), file, line);
}

#define assert_hex(got, expected) check_hex((got), (expected), __FILE__, __LINE__)

#endif
