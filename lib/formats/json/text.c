#include "lib/base/encode.h"
#include "lib/formats/json/internal.h"

#include <assert.h>

/* The four digits after "\u"; false when they are not all there. */
static bool read_unit(const uint8_t *at, const uint8_t *end, uint32_t *ret_unit)
{
    uint32_t unit = 0;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') {
        return false;
    }
    for (int i = 2; i < 6; i++) {
        const int digit = ps_hex_digit(at[i]);

        if (digit < 0) {
            return false;
        }
        unit = unit << 4 | (uint32_t)digit;
    }
    *ret_unit = unit;
    return true;
}

static size_t read_unicode(const uint8_t *at, const uint8_t *end, uint32_t *ret_code)
{
    uint32_t high;
    uint32_t low;

    if (!read_unit(at, end, &high)) {
        return 0;
    }
    if (high < 0xd800 || high > 0xdfff) {
        *ret_code = high;
        return 6;
    }
    /* Half of a pair alone stands for no character. */
    if (high > 0xdbff || !read_unit(at + 6, end, &low) || low < 0xdc00 || low > 0xdfff) {
        return 0;
    }
    *ret_code = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
    return 12;
}

size_t json_read_escape(const uint8_t *at, const uint8_t *end, uint32_t *ret_code)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;

    if (end - at < 2 || at[1] == '\0') {
        return 0;
    }
    if (at[1] == 'u') {
        return read_unicode(at, end, ret_code);
    }
    letter = strchr(letters, at[1]);
    if (letter == NULL) {
        return 0;
    }
    *ret_code = (uint8_t)meanings[letter - letters];
    return 2;
}

/* An escape is never shorter than the UTF-8 it stands for, so `to` needs text.len octets. */
static size_t undo_escapes(struct ps_bytes text, uint8_t *to)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;
    uint8_t *out = to;

    while (at < end) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        const size_t plain = (size_t)((escape == NULL ? end : escape) - at);
        uint32_t code = 0;
        size_t step;

        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (escape != NULL) {
            step = json_read_escape(at, end, &code);
            assert(step != 0);
            out += ps_utf8_encode(code, out);
            at += step;
        }
    }
    return (size_t)(out - to);
}

enum ps_err json_token_text(struct json *json, uint32_t at, struct ps_bytes *ret_text)
{
    struct json_token *token = &json->tokens[at];
    const struct ps_bytes inside =
        ps_bytes(json->text.data + token->start + 1, token->end - token->start - 2);
    uint8_t *to;

    if (!token->escaped) {
        *ret_text = inside;
        return PS_OK;
    }
    if (token->count == 0) {
        to = json_take_memory(json, inside.len);
        if (to == NULL || !json_grow((void **)&json->plain, &json->plain_cap, sizeof *json->plain,
                                     json->plain_count + 1)) {
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
        json->plain[json->plain_count++] = ps_bytes(to, undo_escapes(inside, to));
        token->count = json->plain_count;
    }
    *ret_text = json->plain[token->count - 1];
    return PS_OK;
}
