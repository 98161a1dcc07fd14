#include "lib/formats/pdf/syntax.h"

#include "lib/base/encode.h"

#include <assert.h>

#define OBJECT_NUMBER_MAX 0xffffffffu
#define GENERATION_MAX    65535u

/* A reference has fewer octets, white space included: so far is read to tell it from a number. */
#define REFERENCE_MAX 256u

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "the PDF is malformed: %s", what);
}

static void drop(struct ps_bytes *rest, size_t count)
{
    rest->data += count;
    rest->len -= count;
}

/* ISO 32000-1 section 7.2.2; of the regular characters there are most. A table: each is asked. */
enum { REGULAR, SPACE, DELIMITER };
static const uint8_t classes[256] = {
    [' '] = SPACE,     ['\n'] = SPACE,    ['\r'] = SPACE,    ['\t'] = SPACE,
    ['\f'] = SPACE,    ['\0'] = SPACE,    ['('] = DELIMITER, [')'] = DELIMITER,
    ['<'] = DELIMITER, ['>'] = DELIMITER, ['['] = DELIMITER, [']'] = DELIMITER,
    ['{'] = DELIMITER, ['}'] = DELIMITER, ['/'] = DELIMITER, ['%'] = DELIMITER,
};

static bool is_space(uint8_t c)
{
    return classes[c] == SPACE;
}

static bool is_regular(uint8_t c)
{
    return classes[c] == REGULAR;
}

static void skip_space(struct ps_bytes *rest)
{
    bool in_comment = false;

    while (rest->len != 0) {
        const uint8_t c = rest->data[0];

        if (c == '%') {
            in_comment = true;
        } else if (c == '\n' || c == '\r') {
            in_comment = false;
        } else if (!in_comment && !is_space(c)) {
            return;
        }
        drop(rest, 1);
    }
}

/* The regular characters at the front. */
static struct ps_bytes word_at(struct ps_bytes rest)
{
    size_t len = 0;

    while (len < rest.len && is_regular(rest.data[len])) {
        len++;
    }
    return ps_bytes(rest.data, len);
}

bool pdf_take_word(struct ps_bytes *rest, const char *word)
{
    struct ps_bytes after = *rest;

    skip_space(&after);
    if (!ps_bytes_equal_str(word_at(after), word)) {
        return false;
    }
    drop(&after, strlen(word));
    *rest = after;
    return true;
}

/* Digits and nothing else: a number of at most `most`. */
static bool read_unsigned(struct ps_bytes digits, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits.len; i++) {
        if (!ps_is_digit(digits.data[i])) {
            return false;
        }
        number = number * 10 + (uint64_t)(digits.data[i] - '0');
        if (number > most) {
            return false;
        }
    }
    *ret_number = number;
    return digits.len != 0;
}

static enum ps_err parse_unsigned(struct ps_bytes digits, uint64_t most, uint64_t *ret_number)
{
    return read_unsigned(digits, most, ret_number)
               ? PS_OK
               : bad("no whole number, or one that is too large, where one is needed");
}

enum ps_err pdf_take_unsigned(struct ps_bytes *rest, uint64_t most, uint64_t *ret_number)
{
    struct ps_bytes after = *rest;
    struct ps_bytes word;

    skip_space(&after);
    word = word_at(after);
    PS_TRY(parse_unsigned(word, most, ret_number));
    drop(&after, word.len);
    *rest = after;
    return PS_OK;
}

/* ISO 32000-1 section 7.3.4.2: brackets that are balanced or escaped. */
static enum ps_err literal_len(struct ps_bytes rest, size_t *ret_len)
{
    size_t open = 0;

    for (size_t i = 0; i < rest.len; i++) {
        if (rest.data[i] == '\\') {
            i++;
        } else if (rest.data[i] == '(') {
            open++;
        } else if (rest.data[i] == ')' && --open == 0) {
            *ret_len = i + 1;
            return PS_OK;
        }
    }
    return bad("a string without end");
}

static enum ps_err hexadecimal_len(struct ps_bytes rest, size_t *ret_len)
{
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.data[i] == '>') {
            *ret_len = i + 1;
            return PS_OK;
        }
        if (ps_hex_digit(rest.data[i]) < 0 && !is_space(rest.data[i])) {
            break;
        }
    }
    return bad("a hexadecimal string with another character in it");
}

static bool is_number(struct ps_bytes word)
{
    size_t digits = 0;
    size_t dots = 0;

    for (size_t i = 0; i < word.len; i++) {
        if (ps_is_digit(word.data[i])) {
            digits++;
        } else if (word.data[i] == '.') {
            dots++;
        } else if (i != 0 || (word.data[i] != '+' && word.data[i] != '-')) {
            return false;
        }
    }
    return digits != 0 && dots <= 1;
}

/* "12 0 R": only after the third word does one know that the first was no number. */
static size_t reference_len(struct ps_bytes rest)
{
    struct ps_bytes after =
        ps_bytes(rest.data, rest.len < REFERENCE_MAX ? rest.len : REFERENCE_MAX);
    const size_t most = after.len;
    uint64_t number;

    if (!ps_is_digit(rest.data[0]) || !read_unsigned(word_at(after), OBJECT_NUMBER_MAX, &number)) {
        return 0;
    }
    drop(&after, word_at(after).len);
    skip_space(&after);
    if (!read_unsigned(word_at(after), GENERATION_MAX, &number)) {
        return 0;
    }
    drop(&after, word_at(after).len);
    if (!pdf_take_word(&after, "R") || most - after.len == REFERENCE_MAX) {
        return 0;
    }
    return most - after.len;
}

static enum ps_err take_word_value(struct ps_bytes *rest, struct pdf_value *ret_value)
{
    const struct ps_bytes word = word_at(*rest);
    struct pdf_value value = {.octets = word};

    if (ps_bytes_equal_str(word, "null")) {
        value.kind = PDF_NULL;
    } else if (ps_bytes_equal_str(word, "true") || ps_bytes_equal_str(word, "false")) {
        value.kind = PDF_BOOL;
    } else if (is_number(word)) {
        const size_t len = reference_len(*rest);

        value.kind = len != 0 ? PDF_REFERENCE : PDF_NUMBER;
        value.octets.len = len != 0 ? len : word.len;
    } else {
        return bad("a word that is no value");
    }
    drop(rest, value.octets.len);
    *ret_value = value;
    return PS_OK;
}

/* How far into containers, and how far in the text: behind `stop` nothing begins. */
struct scan {
    unsigned depth;
    const uint8_t *stop;
};

static enum ps_err take_value(struct ps_bytes *rest, struct scan scan, struct pdf_value *ret_value);

/* `end`: "]" or ">>"; *rest stands at the first octet of the container. */
static enum ps_err take_container(struct ps_bytes *rest, const char *end, struct scan scan,
                                  struct pdf_value *value)
{
    const size_t len = strlen(end);
    struct ps_bytes after = *rest;
    struct pdf_value inner;

    if (scan.depth++ == PDF_DEPTH_MAX) {
        return bad("arrays and dictionaries are nested too deeply");
    }
    drop(&after, len);
    for (;;) {
        skip_space(&after);
        if (ps_bytes_starts_with(after, ps_bytes(end, len))) {
            break;
        }
        if (after.data > scan.stop) {
            return ps_fail(PS_E_LIMIT, 0, "the PDF has larger values than are read");
        }
        PS_TRY(take_value(&after, scan, &inner));
    }
    drop(&after, len);
    value->octets = ps_bytes(rest->data, rest->len - after.len);
    *rest = after;
    return PS_OK;
}

static enum ps_err take_string(struct ps_bytes *rest, struct pdf_value *value)
{
    size_t len;

    if (rest->data[0] == '(') {
        PS_TRY(literal_len(*rest, &len));
    } else {
        PS_TRY(hexadecimal_len(*rest, &len));
    }
    value->octets = ps_bytes(rest->data, len);
    drop(rest, len);
    return PS_OK;
}

static void take_name(struct ps_bytes *rest, struct pdf_value *value)
{
    value->octets = ps_bytes(rest->data, 1 + word_at(ps_bytes_from(*rest, 1)).len);
    drop(rest, value->octets.len);
}

/* NOLINTNEXTLINE(misc-no-recursion): PDF_DEPTH_MAX bounds it. */
static enum ps_err take_value(struct ps_bytes *rest, struct scan scan, struct pdf_value *ret_value)
{
    struct pdf_value value = {.kind = PDF_STRING};

    skip_space(rest);
    if (rest->len == 0) {
        return bad("it ends where a value is needed");
    }
    if (ps_bytes_starts_with(*rest, ps_bytes_str("<<"))) {
        value.kind = PDF_DICT;
        PS_TRY(take_container(rest, ">>", scan, &value));
    } else if (rest->data[0] == '[') {
        value.kind = PDF_ARRAY;
        PS_TRY(take_container(rest, "]", scan, &value));
    } else if (rest->data[0] == '(' || rest->data[0] == '<') {
        PS_TRY(take_string(rest, &value));
    } else if (rest->data[0] == '/') {
        value.kind = PDF_NAME;
        take_name(rest, &value);
    } else {
        PS_TRY(take_word_value(rest, &value));
    }
    *ret_value = value;
    return PS_OK;
}

enum ps_err pdf_take_value_within(struct ps_bytes *rest, size_t most, struct pdf_value *ret_value)
{
    const struct scan scan = {.stop = rest->data + (most < rest->len ? most : rest->len)};

    return take_value(rest, scan, ret_value);
}

enum ps_err pdf_take_value(struct ps_bytes *rest, struct pdf_value *ret_value)
{
    return pdf_take_value_within(rest, rest->len, ret_value);
}

struct ps_bytes pdf_inside(struct pdf_value container)
{
    const size_t ends = container.kind == PDF_DICT ? 2 : 1;

    assert(container.octets.len >= 2 * ends);
    return ps_bytes(container.octets.data + ends, container.octets.len - 2 * ends);
}

enum ps_err pdf_next_element(struct ps_bytes *rest, struct pdf_value *ret_value, bool *ret_more)
{
    skip_space(rest);
    *ret_more = rest->len != 0;
    return *ret_more ? pdf_take_value(rest, ret_value) : PS_OK;
}

enum ps_err pdf_next_entry(struct ps_bytes *rest, struct pdf_value *ret_key,
                           struct pdf_value *ret_value, bool *ret_more)
{
    PS_TRY(pdf_next_element(rest, ret_key, ret_more));
    if (!*ret_more) {
        return PS_OK;
    }
    if (ret_key->kind != PDF_NAME) {
        return bad("a dictionary's key is no name");
    }
    return pdf_take_value(rest, ret_value);
}

bool pdf_name_is(struct pdf_value name, const char *text)
{
    struct ps_bytes rest = ps_bytes_from(name.octets, 1);

    if (name.kind != PDF_NAME) {
        return false;
    }
    for (; *text != '\0'; text++) {
        uint8_t c;

        if (rest.len == 0) {
            return false;
        }
        c = rest.data[0];
        if (c == '#' && rest.len > 2 && ps_hex_digit(rest.data[1]) >= 0 &&
            ps_hex_digit(rest.data[2]) >= 0) {
            c = (uint8_t)(ps_hex_digit(rest.data[1]) << 4 | ps_hex_digit(rest.data[2]));
            drop(&rest, 2);
        }
        drop(&rest, 1);
        if (c != (uint8_t)*text) {
            return false;
        }
    }
    return rest.len == 0;
}

enum ps_err pdf_get(struct pdf_value dict, const char *key, struct pdf_value *ret_value)
{
    struct pdf_value found = {.kind = PDF_NULL};
    struct pdf_value name;
    struct pdf_value value;
    struct ps_bytes rest;
    bool is_there = false;
    bool more;

    if (dict.kind != PDF_DICT) {
        return bad("no dictionary where one is needed");
    }
    rest = pdf_inside(dict);
    for (;;) {
        PS_TRY(pdf_next_entry(&rest, &name, &value, &more));
        if (!more) {
            *ret_value = found;
            return PS_OK;
        }
        if (pdf_name_is(name, key)) {
            if (is_there) {
                return bad("a dictionary has a key twice");
            }
            is_there = true;
            found = value;
        }
    }
}

enum ps_err pdf_unsigned(struct pdf_value value, uint64_t most, uint64_t *ret_number)
{
    if (value.kind != PDF_NUMBER) {
        return bad("no whole number where one is needed");
    }
    return parse_unsigned(value.octets, most, ret_number);
}

enum ps_err pdf_thousandths(struct pdf_value value, int64_t *ret_number)
{
    const int64_t most = INT64_C(1000000);
    int64_t number = 0;
    unsigned fraction = 0;
    bool has_dot = false;

    if (value.kind != PDF_NUMBER) {
        return bad("no number where one is needed");
    }
    for (size_t i = 0; i < value.octets.len && fraction < 3; i++) {
        const uint8_t c = value.octets.data[i];

        has_dot = has_dot || c == '.';
        if (!ps_is_digit(c)) {
            continue;
        }
        number = number * 10 + (c - '0');
        fraction += has_dot ? 1 : 0;
        if (number > most * 1000) {
            return bad("a coordinate that is too large");
        }
    }
    for (; fraction < 3; fraction++) {
        number *= 10;
    }
    if (number > most * 1000) {
        return bad("a coordinate that is too large");
    }
    *ret_number = value.octets.data[0] == '-' ? -number : number;
    return PS_OK;
}

enum ps_err pdf_reference(struct pdf_value value, struct pdf_reference *ret_reference)
{
    struct ps_bytes rest = value.octets;
    uint64_t number;
    uint64_t generation;

    if (value.kind != PDF_REFERENCE) {
        return bad("no reference where one is needed");
    }
    PS_TRY(pdf_take_unsigned(&rest, OBJECT_NUMBER_MAX, &number));
    PS_TRY(pdf_take_unsigned(&rest, GENERATION_MAX, &generation));
    *ret_reference = (struct pdf_reference){(uint32_t)number, (uint32_t)generation};
    return PS_OK;
}
