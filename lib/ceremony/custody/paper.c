#include "lib/ceremony/custody/paper.h"

#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <qrcodegen/qrcodegen.h>
#include <stdlib.h>

enum {
    LINE_OCTETS = 20, /* 32 characters */
    LINE_CHARS = 32,
    GROUP = 4,
    CHECK_CHARS = 4,
    LINES_MAX = 99,
    BITS = 5,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char code_head[] = "PRIVYSEAL1:";

/* --- Writing --- */

static size_t encode(struct ps_bytes octets, char *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len = 0;

    for (size_t i = 0; i < octets.len; i++) {
        bits = (bits << 8 | octets.data[i]) & 0xffff;
        have += 8;
        while (have >= BITS) {
            have -= BITS;
            out[len++] = alphabet[bits >> have & 31];
        }
    }
    if (have != 0) {
        out[len++] = alphabet[bits << (BITS - have) & 31];
    }
    return len;
}

/* Over the line's number and characters: lines that change places are found, too. */
static void put_check(unsigned number, const char *chars, size_t len, char out[CHECK_CHARS])
{
    const uint8_t at = (uint8_t)number;
    const struct ps_bytes parts[] = {ps_bytes(&at, 1), ps_bytes(chars, len)};
    uint8_t hash[PS_SHA256_LEN];

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), hash);
    for (size_t i = 0; i < CHECK_CHARS; i++) {
        out[i] = alphabet[hash[i] & 31];
    }
}

static void put_line(unsigned number, struct ps_bytes octets, struct ps_buf *out)
{
    char chars[LINE_CHARS];
    char check[CHECK_CHARS];
    const size_t len = encode(octets, chars);

    put_check(number, chars, len, check);
    ps_buf_printf(out, "%02u", number);
    for (size_t i = 0; i < len; i++) {
        if (i % GROUP == 0) {
            ps_buf_put_u8(out, ' ');
        }
        ps_buf_put_u8(out, (uint8_t)chars[i]);
    }
    ps_buf_put_str(out, "  ");
    ps_buf_put(out, ps_bytes(check, sizeof check));
    ps_buf_put_u8(out, '\n');
}

void paper_put_lines(struct ps_bytes octets, struct ps_buf *out)
{
    unsigned number = 1;

    for (size_t at = 0; at < octets.len && number <= LINES_MAX; at += LINE_OCTETS) {
        const size_t left = octets.len - at;

        put_line(number++, ps_bytes(octets.data + at, left < LINE_OCTETS ? left : LINE_OCTETS),
                 out);
    }
}

void paper_put_code(struct ps_bytes octets, struct ps_buf *out)
{
    char chars[LINE_CHARS];

    ps_buf_put_str(out, code_head);
    for (size_t at = 0; at < octets.len; at += LINE_OCTETS) {
        const size_t left = octets.len - at;
        const size_t len =
            encode(ps_bytes(octets.data + at, left < LINE_OCTETS ? left : LINE_OCTETS), chars);

        ps_buf_put(out, ps_bytes(chars, len));
    }
}

/* --- Reading --- */

/* What a person may have typed for a character; 0: none. */
static char character(uint8_t typed)
{
    switch (typed) {
    case '0':
        return 'O';
    case '1':
        return 'I';
    case '8':
        return 'B';
    default:
        break;
    }
    if (typed >= 'a' && typed <= 'z') {
        return (char)(typed - 'a' + 'A');
    }
    if (typed == 0 || strchr(alphabet, typed) == NULL) {
        return 0;
    }
    return (char)typed;
}

/* Whole octets only, and the bits that are left over are zero. */
static bool decode(const char *chars, size_t len, struct ps_buf *out)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits << BITS | (uint32_t)(strchr(alphabet, chars[i]) - alphabet)) & 0xffff;
        have += BITS;
        if (have >= 8) {
            have -= 8;
            ps_buf_put_u8(out, (uint8_t)(bits >> have));
        }
    }
    return have < BITS && (bits & ((1u << have) - 1)) == 0;
}

static struct ps_bytes take_line(struct ps_bytes *text)
{
    const uint8_t *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
    const size_t len = end == NULL ? text->len : (size_t)(end - text->data);
    const struct ps_bytes line = ps_bytes(text->data, len);

    *text = ps_bytes_from(*text, len + 1);
    return line;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The characters of a line without its blanks; false: one that is none, or too many. */
static bool take_characters(struct ps_bytes line, char *out, size_t max, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < line.len; i++) {
        if (is_blank(line.data[i])) {
            continue;
        }
        if (len == max || character(line.data[i]) == 0) {
            return false;
        }
        out[len++] = character(line.data[i]);
    }
    *ret_len = len;
    return true;
}

static enum ps_err wrong_line(unsigned number)
{
    return ps_fail(PS_E_INPUT, 0, "line %02u is not as it was printed: compare it once more",
                   number);
}

/* `line` begins with its number. */
static enum ps_err read_line(struct ps_bytes line, unsigned number, bool *is_last,
                             struct ps_buf *out)
{
    char chars[LINE_CHARS + CHECK_CHARS];
    char check[CHECK_CHARS];
    size_t len;

    if (line.len < 2 || !ps_is_digit(line.data[0]) || !ps_is_digit(line.data[1]) ||
        (unsigned)((line.data[0] - '0') * 10 + line.data[1] - '0') != number || *is_last ||
        !take_characters(ps_bytes_from(line, 2), chars, sizeof chars, &len) || len <= CHECK_CHARS) {
        return wrong_line(number);
    }
    len -= CHECK_CHARS;
    put_check(number, chars, len, check);
    if (memcmp(check, chars + len, CHECK_CHARS) != 0 || !decode(chars, len, out)) {
        return wrong_line(number);
    }
    *is_last = len < LINE_CHARS;
    return ps_buf_status(out);
}

static enum ps_err read_code(struct ps_bytes line, struct ps_buf *out)
{
    char chars[LINE_CHARS];
    size_t len;

    for (size_t at = 0; at < line.len; at += LINE_CHARS) {
        const size_t left = line.len - at;

        if (!take_characters(ps_bytes(line.data + at, left < LINE_CHARS ? left : LINE_CHARS), chars,
                             sizeof chars, &len) ||
            !decode(chars, len, out)) {
            return ps_fail(PS_E_INPUT, 0, "the text of the QR code is not as it was printed");
        }
    }
    return ps_buf_status(out);
}

static struct ps_bytes without_blanks(struct ps_bytes line)
{
    while (line.len != 0 && is_blank(line.data[0])) {
        line = ps_bytes_from(line, 1);
    }
    while (line.len != 0 && is_blank(line.data[line.len - 1])) {
        line.len--;
    }
    return line;
}

enum ps_err paper_read(struct ps_bytes text, struct ps_buf *out)
{
    const struct ps_bytes head = ps_bytes_str(code_head);
    const size_t before = out->len;
    unsigned number = 0;
    bool is_last = false;

    while (text.len != 0) {
        const struct ps_bytes line = without_blanks(take_line(&text));

        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        if (number == 0 && ps_bytes_starts_with(line, head)) {
            PS_TRY(read_code(ps_bytes_from(line, head.len), out));
            is_last = true;
            number = LINES_MAX;
            continue;
        }
        if (number >= LINES_MAX) {
            return ps_fail(PS_E_INPUT, 0, "there is more than was printed");
        }
        number++;
        PS_TRY(read_line(line, number, &is_last, out));
    }
    return out->len != before ? PS_OK
                              : ps_fail(PS_E_INPUT, 0, "there is nothing that was printed in it");
}

/* --- QR --- */

enum { QUIET = 4 };

struct drawing {
    char text[PAPER_OCTETS_MAX * 2];
    uint8_t work[qrcodegen_BUFFER_LEN_MAX];
    uint8_t code[qrcodegen_BUFFER_LEN_MAX];
};

static void drawing_free(struct drawing **drawing)
{
    if (*drawing != NULL) {
        ps_wipe(*drawing, sizeof **drawing);
        free(*drawing);
    }
}

/* As ink on paper; a terminal that is dark shows it inverted. */
static void draw(const uint8_t *code, struct ps_buf *out)
{
    static const char *const blocks[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}};
    const int size = qrcodegen_getSize(code);

    for (int y = -QUIET; y < size + QUIET; y += 2) {
        for (int x = -QUIET; x < size + QUIET; x++) {
            ps_buf_put_str(
                out, blocks[qrcodegen_getModule(code, x, y)][qrcodegen_getModule(code, x, y + 1)]);
        }
        ps_buf_put_u8(out, '\n');
    }
}

enum ps_err paper_put_qr(struct ps_bytes text, struct ps_buf *out)
{
    PS_CLEANUP(drawing_free) struct drawing *drawing = calloc(1, sizeof *drawing);

    if (drawing == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (text.len >= sizeof drawing->text) {
        return ps_fail(PS_E_LIMIT, 0, "too long for a QR code");
    }
    memcpy(drawing->text, text.data, text.len);
    if (!qrcodegen_encodeText(drawing->text, drawing->work, drawing->code, qrcodegen_Ecc_MEDIUM,
                              qrcodegen_VERSION_MIN, qrcodegen_VERSION_MAX, qrcodegen_Mask_AUTO,
                              true)) {
        return ps_fail(PS_E_LIMIT, 0, "too long for a QR code");
    }
    draw(drawing->code, out);
    return ps_buf_status(out);
}
