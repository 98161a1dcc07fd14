#include "lib/rdf/text.h"

#include "lib/base/encode.h"
#include "lib/rdf/dataset.h"

struct range {
    uint32_t first;
    uint32_t last;
};

/* What may begin a label: PN_CHARS_U of N-Quads and digits. */
static const struct range label_starts[] = {
    {'0', '9'},       {'A', 'Z'},         {'a', 'z'},       {'_', '_'},       {':', ':'},
    {0xc0, 0xd6},     {0xd8, 0xf6},       {0xf8, 0x2ff},    {0x370, 0x37d},   {0x37f, 0x1fff},
    {0x200c, 0x200d}, {0x2070, 0x218f},   {0x2c00, 0x2fef}, {0x3001, 0xd7ff}, {0xf900, 0xfdcf},
    {0xfdf0, 0xfffd}, {0x10000, 0xeffff},
};

/* What PN_CHARS has besides. */
static const struct range label_others[] = {
    {'-', '-'},
    {0xb7, 0xb7},
    {0x300, 0x36f},
    {0x203f, 0x2040},
};

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* The character at `at` of valid UTF-8; returns its octets. */
static size_t read_character(struct ps_bytes text, size_t at, uint32_t *ret_code)
{
    const uint8_t first = text.data[at];
    const size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = len == 1 ? first : first & (0x7fu >> len);

    for (size_t i = 1; i < len; i++) {
        code = code << 6 | (text.data[at + i] & 0x3fu);
    }
    *ret_code = code;
    return len;
}

size_t rdf_label_prefix(struct ps_bytes text)
{
    size_t at = 0;
    size_t end = 0; /* past the last character that may end it: a point may not */

    while (at < text.len) {
        uint32_t code;
        const size_t step = read_character(text, at, &code);
        const bool starts = is_in(code, label_starts, PS_COUNT_OF(label_starts));

        if (!starts &&
            (at == 0 || (code != '.' && !is_in(code, label_others, PS_COUNT_OF(label_others))))) {
            break;
        }
        at += step;
        end = code == '.' ? end : at;
    }
    return end;
}

size_t rdf_language_prefix(struct ps_bytes text)
{
    size_t at = 0;
    size_t end = 0;

    while (at < text.len && ps_is_letter(text.data[at])) {
        end = ++at;
    }
    while (end != 0 && at < text.len && text.data[at] == '-') {
        at++;
        while (at < text.len && (ps_is_letter(text.data[at]) || ps_is_digit(text.data[at]))) {
            at++;
        }
        if (text.data[at - 1] == '-') {
            break;
        }
        end = at;
    }
    return end;
}

bool rdf_language_valid(struct ps_bytes language)
{
    size_t part = 0;

    for (size_t i = 0; i < language.len; i++) {
        part = language.data[i] == '-' ? 0 : part + 1;
        if (part > 8) {
            return false;
        }
    }
    return language.len != 0 && rdf_language_prefix(language) == language.len;
}

bool rdf_iri_excludes(uint8_t c)
{
    return c <= 0x20 || strchr("<>\"{}|^`\\", c) != NULL;
}

size_t rdf_iri_scheme(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (c == ':') {
            return i;
        }
        if (!ps_is_letter(c) && (i == 0 || !(ps_is_digit(c) || c == '+' || c == '-' || c == '.'))) {
            break;
        }
    }
    return 0;
}

bool rdf_iri_valid(struct ps_bytes iri)
{
    const size_t scheme = rdf_iri_scheme(iri);

    for (size_t i = scheme; i < iri.len; i++) {
        if (rdf_iri_excludes(iri.data[i])) {
            return false;
        }
    }
    return scheme != 0 && ps_utf8_valid(iri);
}

/* The letter after the backslash, 0 where there is no such escape. */
static char short_escape(uint8_t c)
{
    switch (c) {
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    case '"':
    case '\\':
        return (char)c;
    default:
        return 0;
    }
}

void rdf_put_quoted(struct ps_buf *out, struct ps_bytes lexical)
{
    size_t plain = 0; /* where the octets begin that are not written yet */

    ps_buf_put_u8(out, '"');
    for (size_t i = 0; i < lexical.len; i++) {
        const uint8_t c = lexical.data[i];
        const char letter = short_escape(c);

        if (letter == 0 && c >= 0x20 && c != 0x7f) {
            continue;
        }
        ps_buf_put(out, ps_bytes(lexical.data + plain, i - plain));
        plain = i + 1;
        if (letter != 0) {
            ps_buf_put_u8(out, '\\');
            ps_buf_put_u8(out, (uint8_t)letter);
        } else {
            ps_buf_printf(out, "\\u%04X", c);
        }
    }
    ps_buf_put(out, ps_bytes_from(lexical, plain));
    ps_buf_put_u8(out, '"');
}
