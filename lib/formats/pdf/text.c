#include "lib/formats/pdf/text.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"

/* Annex D.2: what stands at 0x80 to 0x9f; 0 where nothing does. */
static const uint16_t win_ansi_middle[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

/* Adobe's metrics of Helvetica, for 0x20 to 0xff of WinAnsiEncoding; 0x7f is not in it. */
static const uint16_t helvetica_widths[224] = {
    278,  278, 355, 556, 556,  889, 667, 191, 333, 333, 389, 584,  278, 333,  278,  278,  556, 556,
    556,  556, 556, 556, 556,  556, 556, 556, 278, 278, 584, 584,  584, 556,  1015, 667,  667, 722,
    722,  667, 611, 778, 722,  278, 500, 667, 556, 833, 722, 778,  667, 778,  722,  667,  611, 722,
    667,  944, 667, 667, 611,  278, 278, 278, 469, 556, 333, 556,  556, 500,  556,  556,  278, 556,
    556,  222, 222, 500, 222,  833, 556, 556, 556, 556, 333, 500,  278, 556,  500,  722,  500, 500,
    500,  334, 260, 334, 584,  0,   556, 0,   222, 556, 333, 1000, 556, 556,  333,  1000, 667, 333,
    1000, 0,   611, 0,   0,    222, 222, 333, 333, 350, 556, 1000, 333, 1000, 500,  333,  944, 0,
    500,  667, 278, 333, 556,  556, 556, 556, 260, 556, 333, 737,  370, 556,  584,  333,  737, 333,
    400,  584, 333, 333, 333,  556, 537, 278, 333, 333, 365, 556,  834, 834,  834,  611,  667, 667,
    667,  667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278,  278, 278,  722,  722,  778, 778,
    778,  778, 778, 584, 778,  722, 722, 722, 722, 667, 667, 611,  556, 556,  556,  556,  556, 556,
    889,  500, 556, 556, 556,  556, 278, 278, 278, 278, 556, 556,  556, 556,  556,  556,  556, 584,
    611,  556, 556, 556, 556,  500, 556, 500};

/* Takes one character of UTF-8 that was found to be valid. */
static uint32_t take_character(struct ps_bytes *rest)
{
    const uint8_t first = rest->data[0];
    const size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = len == 1 ? first : first & (0x7fu >> len);

    for (size_t i = 1; i < len; i++) {
        code = code << 6 | (rest->data[i] & 0x3fu);
    }
    *rest = ps_bytes_from(*rest, len);
    return code;
}

static bool is_ascii(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 0x7f || text.data[i] < 0x20) {
            return false;
        }
    }
    return true;
}

void pdf_put_literal(struct ps_buf *out, struct ps_bytes octets)
{
    ps_buf_put_u8(out, '(');
    for (size_t i = 0; i < octets.len; i++) {
        const uint8_t c = octets.data[i];

        if (c == '(' || c == ')' || c == '\\') {
            ps_buf_put_u8(out, '\\');
            ps_buf_put_u8(out, c);
        } else if (c < 0x20 || c > 0x7e) {
            ps_buf_printf(out, "\\%03o", c);
        } else {
            ps_buf_put_u8(out, c);
        }
    }
    ps_buf_put_u8(out, ')');
}

static void put_utf16_hex(struct ps_buf *out, uint32_t code)
{
    if (code > 0xffff) {
        ps_buf_printf(out, "%04X%04X", 0xd800 + ((code - 0x10000) >> 10),
                      0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
        ps_buf_printf(out, "%04X", code);
    }
}

void pdf_put_text(struct ps_buf *out, struct ps_bytes text)
{
    if (is_ascii(text)) {
        pdf_put_literal(out, text);
        return;
    }
    text.len = ps_utf8_prefix(text);
    ps_buf_put_str(out, "<FEFF");
    while (text.len != 0) {
        put_utf16_hex(out, take_character(&text));
    }
    ps_buf_put_u8(out, '>');
}

/* 0: not in WinAnsiEncoding. */
static uint8_t win_ansi_of(uint32_t code)
{
    if ((code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff)) {
        return (uint8_t)code;
    }
    for (size_t i = 0; code != 0 && i < PS_COUNT_OF(win_ansi_middle); i++) {
        if (win_ansi_middle[i] == code) {
            return (uint8_t)(0x80 + i);
        }
    }
    return 0;
}

enum ps_err pdf_to_win_ansi(struct ps_bytes text, struct ps_buf *out)
{
    if (!ps_utf8_valid(text)) {
        return ps_fail(PS_E_INPUT, 0, "a text of the box is not UTF-8");
    }
    while (text.len != 0) {
        const uint32_t code = take_character(&text);
        const uint8_t letter = win_ansi_of(code);

        if (letter == 0) {
            return ps_fail(PS_E_STATE, 0,
                           "the box can show letters of Western European languages only, not "
                           "U+%04X: give \"text\" for the box, or sign without a rectangle",
                           code);
        }
        ps_buf_put_u8(out, letter);
    }
    return ps_buf_status(out);
}

uint32_t pdf_helvetica_width(struct ps_bytes line)
{
    uint32_t width = 0;

    for (size_t i = 0; i < line.len; i++) {
        width += line.data[i] < 0x20 ? 0 : helvetica_widths[line.data[i] - 0x20];
    }
    return width;
}

void pdf_put_date(struct ps_buf *out, uint64_t real_ns)
{
    char time[PS_TIME_MAX];
    const size_t len = ps_time_format(real_ns, 0, time);

    ps_buf_put_str(out, "(D:");
    for (size_t i = 0; i < len; i++) {
        if (ps_is_digit((uint8_t)time[i])) {
            ps_buf_put_u8(out, (uint8_t)time[i]);
        }
    }
    ps_buf_put_str(out, "Z)");
}
