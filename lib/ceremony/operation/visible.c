#include "lib/ceremony/operation/text.h"

#include "lib/base/compiler.h"
#include "lib/base/encode.h"

/*
 * Texts with blanks that are longer than this begin on a line of their own and go on in pieces, so
 * that a terminal of 80 columns never breaks them.
 */
#define LINE_MAX_OCTETS 44u
#define PIECE_MAX       56u
#define PIECE_BEGIN     "\n        \""

/*
 * Characters that do not show what they are: controls, marks that change the direction of text or
 * have no width, blanks that are no U+0020, letters for private use. From the Unicode Character
 * Database: general categories Cc, Cf, Co, Zl, Zp and Zs, and Default_Ignorable_Code_Point.
 */
static const struct {
    uint32_t first;
    uint32_t last;
} hidden[] = {
    {0x0000, 0x001f},   {0x007f, 0x00a0},   {0x00ad, 0x00ad},   {0x034f, 0x034f},
    {0x0600, 0x0605},   {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},
    {0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},   {0x1680, 0x1680},
    {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x2000, 0x200f},   {0x2028, 0x202f},
    {0x205f, 0x206f},   {0x2800, 0x2800},   {0x3000, 0x3000},   {0x3164, 0x3164},
    {0xe000, 0xf8ff},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
};

static bool is_hidden(uint32_t character)
{
    for (size_t i = 0; i < PS_COUNT_OF(hidden); i++) {
        if (character >= hidden[i].first && character <= hidden[i].last) {
            return true;
        }
    }
    return false;
}

/* Octets of the character that begins with this one, of UTF-8. */
static size_t length_of(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static uint32_t character_at(const uint8_t *at, size_t len)
{
    uint32_t character = len == 1 ? at[0] : at[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++) {
        character = character << 6 | (at[i] & 0x3fu);
    }
    return character;
}

/* One character or octet from the front; returns how many octets it took. */
static size_t put_first(struct ps_bytes text, struct ps_buf *out, bool *is_foreign)
{
    const size_t len = length_of(text.data[0]);
    uint32_t character;

    if (len > text.len || !ps_utf8_valid(ps_bytes(text.data, len))) {
        ps_buf_printf(out, "\\x%02x", text.data[0]);
        return 1;
    }
    character = character_at(text.data, len);
    if (is_hidden(character)) {
        ps_buf_printf(out, "\\u{%x}", (unsigned)character);
        return len;
    }
    *is_foreign |= len > 1;
    ps_buf_put(out, ps_bytes(text.data, len));
    return len;
}

void operation_text_put_visible(struct ps_bytes text, struct ps_buf *out)
{
    bool is_foreign = false;

    while (text.len != 0) {
        if (text.data[0] == '\n') {
            ps_buf_put_u8(out, '\n');
            text = ps_bytes_from(text, 1);
        } else {
            text = ps_bytes_from(text, put_first(text, out, &is_foreign));
        }
    }
}

void operation_text_put_line(struct ps_bytes text, struct ps_buf *out)
{
    bool is_foreign = false;

    while (text.len != 0) {
        text = ps_bytes_from(text, put_first(text, out, &is_foreign));
    }
}

/* One character or octet of a text in quotes; returns how many octets it took. */
static size_t put_quoted_first(struct ps_bytes text, struct ps_buf *out, bool *is_foreign)
{
    if (text.data[0] == '"' || text.data[0] == '\\') {
        ps_buf_put_u8(out, '\\');
    }
    return put_first(text, out, is_foreign);
}

static void put_end_quote(bool is_foreign, struct ps_buf *out)
{
    ps_buf_put_u8(out, '"');
    if (is_foreign) {
        ps_buf_put_str(out, " [not only ASCII letters]");
    }
}

void operation_text_put_quoted(struct ps_bytes text, struct ps_buf *out)
{
    bool is_foreign = false;

    ps_buf_put_u8(out, '"');
    while (text.len != 0) {
        text = ps_bytes_from(text, put_quoted_first(text, out, &is_foreign));
    }
    put_end_quote(is_foreign, out);
}

/* No character of ours takes more columns than octets. */
static void put_pieces(struct ps_bytes text, struct ps_buf *out)
{
    bool is_foreign = false;

    while (text.len != 0) {
        size_t start;

        ps_buf_put_str(out, PIECE_BEGIN);
        start = out->len;
        while (text.len != 0 && out->len - start < PIECE_MAX && out->err == PS_OK) {
            text = ps_bytes_from(text, put_quoted_first(text, out, &is_foreign));
        }
        if (out->err != PS_OK) {
            return;
        }
        if (text.len != 0) {
            ps_buf_put_u8(out, '"');
        }
    }
    put_end_quote(is_foreign, out);
}

void operation_text_put_prose(struct ps_bytes text, struct ps_buf *out)
{
    PS_BUF_AUTO line = {.max = LINE_MAX_OCTETS};

    operation_text_put_quoted(text, &line);
    if (ps_buf_status(&line) == PS_OK) {
        ps_buf_put(out, ps_buf_bytes(&line));
    } else {
        put_pieces(text, out);
    }
}
