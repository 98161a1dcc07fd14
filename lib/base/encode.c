#include "lib/base/encode.h"

static const char url_alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char std_alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Writes the characters without padding and returns how many. */
static size_t encode64(const char *alphabet, struct ps_bytes octets, char *out)
{
    const uint8_t *in = octets.data;
    size_t left = octets.len;
    char *to = out;

    for (; left >= 3; left -= 3, in += 3, to += 4) {
        const uint32_t three = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

        to[0] = alphabet[three >> 18];
        to[1] = alphabet[three >> 12 & 63];
        to[2] = alphabet[three >> 6 & 63];
        to[3] = alphabet[three & 63];
    }
    if (left == 1) {
        to[0] = alphabet[in[0] >> 2];
        to[1] = alphabet[(in[0] & 3) << 4];
        to += 2;
    } else if (left == 2) {
        to[0] = alphabet[in[0] >> 2];
        to[1] = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        to[2] = alphabet[(in[1] & 15) << 2];
        to += 3;
    }
    return (size_t)(to - out);
}

void ps_base64url_encode(struct ps_bytes octets, char *out)
{
    (void)encode64(url_alphabet, octets, out);
}

void ps_buf_put_base64url(struct ps_buf *buf, struct ps_bytes octets)
{
    const size_t len = ps_base64url_len(octets.len);
    uint8_t *to = ps_buf_reserve(buf, len);

    if (to != NULL) {
        ps_buf_commit(buf, encode64(url_alphabet, octets, (char *)to));
    }
}

void ps_buf_put_base64(struct ps_buf *buf, struct ps_bytes octets)
{
    uint8_t *to = ps_buf_reserve(buf, (octets.len + 2) / 3 * 4);
    size_t len;

    if (to == NULL) {
        return;
    }
    len = encode64(std_alphabet, octets, (char *)to);
    for (; len % 4 != 0; len++) {
        to[len] = '=';
    }
    ps_buf_commit(buf, len);
}

/* One table for both alphabets: bit 6 marks the URL-safe pair, bit 7 the standard pair. */
enum { IS_URL = 0x40, IS_STD = 0x80, IS_BAD = 0xff };

static uint8_t value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint8_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint8_t)(c - 'a' + 26);
    }
    if (c >= '0' && c <= '9') {
        return (uint8_t)(c - '0' + 52);
    }
    switch (c) {
    case '-':
        return IS_URL | 62;
    case '_':
        return IS_URL | 63;
    case '+':
        return IS_STD | 62;
    case '/':
        return IS_STD | 63;
    default:
        return IS_BAD;
    }
}

static const uint8_t *values_of(uint8_t kind)
{
    static _Thread_local uint8_t tables[2][256];
    static _Thread_local bool made;

    if (!made) {
        for (unsigned c = 0; c < 256; c++) {
            const uint8_t v = value_of((uint8_t)c);

            tables[0][c] = v == IS_BAD || (v & IS_STD) != 0 ? IS_BAD : v & 63;
            tables[1][c] = v == IS_BAD || (v & IS_URL) != 0 ? IS_BAD : v & 63;
        }
        made = true;
    }
    return tables[kind == IS_URL ? 0 : 1];
}

static enum ps_err decode64(const uint8_t *values, struct ps_bytes text, struct ps_buf *out)
{
    const uint8_t *in = text.data;
    const size_t len = text.len / 4 * 3 + (text.len % 4 == 0 ? 0 : text.len % 4 - 1);
    size_t left = text.len;
    unsigned bad = 0;
    uint8_t *to;

    if (text.len % 4 == 1) {
        return ps_fail(PS_E_INPUT, 0, "base64 of an impossible length");
    }
    to = ps_buf_reserve(out, len);
    if (to == NULL) {
        return ps_buf_status(out);
    }
    for (; left >= 4; left -= 4, in += 4, to += 3) {
        const unsigned a = values[in[0]];
        const unsigned b = values[in[1]];
        const unsigned c = values[in[2]];
        const unsigned d = values[in[3]];

        bad |= a | b | c | d;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    if (left != 0) {
        const unsigned a = values[in[0]];
        const unsigned b = values[in[1]];
        const unsigned c = left == 3 ? values[in[2]] : 0;

        bad |= a | b | c;
        /* Unused bits are zero, so that one octet string has one text only. */
        bad |= (left == 2 ? (b & 15) : (c & 3)) != 0 ? IS_STD : 0;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        if (left == 3) {
            to[1] = (uint8_t)(b << 4 | c >> 2);
        }
    }
    if ((bad & (IS_STD | IS_URL)) != 0) {
        return ps_fail(PS_E_INPUT, 0, "not base64 in its one canonical form");
    }
    ps_buf_commit(out, len);
    return PS_OK;
}

enum ps_err ps_base64url_decode(struct ps_bytes text, struct ps_buf *out)
{
    return decode64(values_of(IS_URL), text, out);
}

enum ps_err ps_base64_decode(struct ps_bytes text, struct ps_buf *out)
{
    size_t padding = 0;

    if (text.len % 4 != 0) {
        return ps_fail(PS_E_INPUT, 0, "base64 without its padding");
    }
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=') {
        padding++;
    }
    return decode64(values_of(IS_STD), ps_bytes(text.data, text.len - padding), out);
}

void ps_buf_put_hex(struct ps_buf *buf, struct ps_bytes octets)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *to = ps_buf_reserve(buf, octets.len * 2);

    if (to == NULL) {
        return;
    }
    for (size_t i = 0; i < octets.len; i++) {
        to[2 * i] = (uint8_t)digits[octets.data[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[octets.data[i] & 15];
    }
    ps_buf_commit(buf, octets.len * 2);
}

int ps_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int lower_hex_digit(uint8_t c)
{
    return c >= 'A' && c <= 'F' ? -1 : ps_hex_digit(c);
}

enum ps_err ps_hex_decode(struct ps_bytes text, struct ps_buf *out)
{
    if (text.len % 2 != 0) {
        return ps_fail(PS_E_INPUT, 0, "an odd number of hexadecimal digits");
    }
    for (size_t i = 0; i < text.len; i += 2) {
        const int high = lower_hex_digit(text.data[i]);
        const int low = lower_hex_digit(text.data[i + 1]);

        if (high < 0 || low < 0) {
            return ps_fail(PS_E_INPUT, 0, "not lower-case hexadecimal");
        }
        ps_buf_put_u8(out, (uint8_t)(high << 4 | low));
    }
    return ps_buf_status(out);
}

size_t ps_utf8_encode(uint32_t code, uint8_t *out)
{
    uint8_t *to = out;

    if (code < 0x80) {
        *to = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        *to++ = (uint8_t)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        *to++ = (uint8_t)(0xe0 | code >> 12);
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | code >> 18);
        *to++ = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (code & 0x3f));
    return (size_t)(to - out);
}

/* Octets of the UTF-8 character at the front, 0 when there is none (RFC 3629 section 4). */
static size_t utf8_step(struct ps_bytes text)
{
    const uint8_t first = text.data[0];
    size_t len;
    uint8_t low = 0x80;
    uint8_t high = 0xbf;

    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (text.len < len) {
        return 0;
    }
    if (first == 0xe0) {
        low = 0xa0; /* overlong below */
    } else if (first == 0xed) {
        high = 0x9f; /* surrogates above */
    } else if (first == 0xf0) {
        low = 0x90;
    } else if (first == 0xf4) {
        high = 0x8f; /* over U+10FFFF */
    }
    if (text.data[1] < low || text.data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

/* Octets at the front that are ASCII, eight at a time. */
static size_t ascii_prefix(struct ps_bytes text)
{
    size_t at = 0;

    for (; text.len - at >= 8; at += 8) {
        uint64_t eight;

        memcpy(&eight, text.data + at, sizeof eight);
        if ((eight & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    while (at < text.len && text.data[at] < 0x80) {
        at++;
    }
    return at;
}

size_t ps_utf8_prefix(struct ps_bytes text)
{
    size_t at = 0;

    while (at < text.len) {
        size_t step = ascii_prefix(ps_bytes_from(text, at));

        at += step;
        while (at < text.len && text.data[at] >= 0x80) {
            step = utf8_step(ps_bytes_from(text, at));
            if (step == 0) {
                return at;
            }
            at += step;
        }
    }
    return at;
}

void ps_buf_put_html(struct ps_buf *buf, struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '<':
            ps_buf_put_str(buf, "&lt;");
            break;
        case '>':
            ps_buf_put_str(buf, "&gt;");
            break;
        case '&':
            ps_buf_put_str(buf, "&amp;");
            break;
        case '"':
            ps_buf_put_str(buf, "&quot;");
            break;
        default:
            ps_buf_put_u8(buf, text.data[i]);
            break;
        }
    }
}

bool ps_utf8_valid(struct ps_bytes text)
{
    return ps_utf8_prefix(text) == text.len;
}

static const char *short_escape(uint8_t c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static size_t put_json_char(struct ps_buf *buf, struct ps_bytes text)
{
    const char *escape = short_escape(text.data[0]);
    size_t step;

    if (escape != NULL) {
        ps_buf_put_str(buf, escape);
        return 1;
    }
    if (text.data[0] < 0x20) {
        ps_buf_printf(buf, "\\u%04x", text.data[0]);
        return 1;
    }
    step = utf8_step(text);
    if (step == 0) {
        ps_buf_put_str(buf, "\xef\xbf\xbd");
        return 1;
    }
    ps_buf_put(buf, ps_bytes(text.data, step));
    return step;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Eight octets at a time: false also for some of which each is plain. */
static bool are_plain(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t quote = eight ^ (ones * '"');
    const uint64_t backslash = eight ^ (ones * '\\');

    return (((eight + ones) | eight | (eight - ones * 0x20) | (quote - ones) | (backslash - ones)) &
            (ones * 0x80)) == 0;
}

/* Octets at the front that stand in a JSON string as they are. */
static size_t plain_prefix(struct ps_bytes text)
{
    size_t at = 0;

    for (; text.len - at >= 8; at += 8) {
        uint64_t eight;

        memcpy(&eight, text.data + at, sizeof eight);
        if (!are_plain(eight)) {
            break;
        }
    }
    while (at < text.len && is_plain(text.data[at])) {
        at++;
    }
    return at;
}

void ps_buf_put_json_string(struct ps_buf *buf, struct ps_bytes text)
{
    ps_buf_put_u8(buf, '"');
    while (text.len != 0) {
        const size_t plain = plain_prefix(text);

        ps_buf_put(buf, ps_bytes(text.data, plain));
        text = ps_bytes_from(text, plain);
        if (text.len != 0) {
            text = ps_bytes_from(text, put_json_char(buf, text));
        }
    }
    ps_buf_put_u8(buf, '"');
}
