#include "lib/formats/json/internal.h"

#include "lib/base/encode.h"

#include <endian.h>
#include <stdlib.h>

/*
 * With so many characters and such exponents every number is within a double's range, whatever its
 * digits are (10^-180-128 and 10^180+128 are): no reader after us can make infinity or zero of it.
 */
#define NUMBER_MAX   128
#define EXPONENT_MAX 180

/* Up to so many members each is compared with each; more are sorted. */
#define FEW_MEMBERS 16

struct scan {
    struct json *json;
    const uint8_t *at;
    const uint8_t *end;
    const struct json_limits *limits;
    unsigned depth;
    unsigned values;
    uint32_t open[JSON_DEPTH_MAX]; /* the containers we are in */
};

static size_t offset_of(const struct scan *scan, const uint8_t *at)
{
    return (size_t)(at - scan->json->text.data);
}

static enum ps_err bad(const struct scan *scan, const uint8_t *at, const char *what)
{
    const size_t offset = offset_of(scan, at);

    return ps_fail(PS_E_INPUT, (long)offset, "JSON: %s at octet %zu", what, offset);
}

static enum ps_err no_memory(void)
{
    return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

static enum ps_err add(struct scan *scan, enum json_type type, const uint8_t *start, bool escaped)
{
    struct json *json = scan->json;

    if (json->count == json->cap &&
        !json_grow((void **)&json->tokens, &json->cap, sizeof *json->tokens, json->count + 1)) {
        return no_memory();
    }
    json->tokens[json->count] = (struct json_token){
        .start = (uint32_t)offset_of(scan, start),
        .end = (uint32_t)offset_of(scan, scan->at),
        .next = json->count + 1,
        .type = (uint8_t)type,
        .escaped = escaped,
    };
    json->count++;
    return PS_OK;
}

/*
 * Where among eight octets the first is that is below 0x20, a quote or a backslash; 8: nowhere. A
 * difference may borrow from the octets behind such a one, and so show more of them, never sooner.
 */
static unsigned find_end(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones * 0x80;
    const uint64_t quote = eight ^ (ones * '"');
    const uint64_t backslash = eight ^ (ones * '\\');
    const uint64_t low = (eight - ones * 0x20) & ~eight;
    const uint64_t found =
        (low | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops;

    return found == 0 ? 8 : (unsigned)__builtin_ctzll(found) / 8;
}

static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        uint64_t eight;
        unsigned plain;

        memcpy(&eight, at, sizeof eight);
        plain = find_end(le64toh(eight));
        at += plain;
        if (plain != 8) {
            return at;
        }
    }
    while (at < end && *at >= 0x20 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* RFC 8259 section 7. The octets are known to be UTF-8. */
static enum ps_err scan_string(struct scan *scan)
{
    const uint8_t *start = scan->at;
    const uint8_t *at = start + 1;
    bool escaped = false;

    for (;;) {
        uint32_t code;
        size_t step;

        at = skip_plain(at, scan->end);
        if (at == scan->end) {
            return bad(scan, start, "a string that does not end");
        }
        if (*at == '"') {
            break;
        }
        if (*at != '\\') {
            return bad(scan, at, "a control character in a string");
        }
        step = json_read_escape(at, scan->end, &code);
        if (step == 0) {
            return bad(scan, at, "an escape that stands for no character");
        }
        escaped = true;
        at += step;
    }
    scan->at = at + 1;
    return add(scan, JSON_STRING, start, escaped);
}

static bool is_digit(const struct scan *scan, const uint8_t *at)
{
    return at < scan->end && *at >= '0' && *at <= '9';
}

static const uint8_t *skip_digits(const struct scan *scan, const uint8_t *at, bool *all_zero)
{
    while (is_digit(scan, at)) {
        *all_zero = *all_zero && *at == '0';
        at++;
    }
    return at;
}

/* `at` stands after the "e". Returns where it ends, NULL when it is none or too large. */
static const uint8_t *scan_exponent(const struct scan *scan, const uint8_t *at)
{
    int exponent = 0;

    if (at < scan->end && (*at == '+' || *at == '-')) {
        at++;
    }
    if (!is_digit(scan, at)) {
        return NULL;
    }
    for (; is_digit(scan, at); at++) {
        exponent = exponent * 10 + (*at - '0');
        if (exponent > EXPONENT_MAX) {
            return NULL;
        }
    }
    return at;
}

/* RFC 8259 section 6, without what readers disagree about: negative zero and absurd exponents. */
static enum ps_err scan_number(struct scan *scan)
{
    const uint8_t *start = scan->at;
    const bool negative = *start == '-';
    const uint8_t *at = start + (negative ? 1 : 0);
    bool is_zero = true;

    if (!is_digit(scan, at) || (*at == '0' && is_digit(scan, at + 1))) {
        return bad(scan, start, "no number");
    }
    at = skip_digits(scan, at, &is_zero);
    if (at < scan->end && *at == '.') {
        if (!is_digit(scan, at + 1)) {
            return bad(scan, start, "a number without digits after its point");
        }
        at = skip_digits(scan, at + 1, &is_zero);
    }
    if (at < scan->end && (*at == 'e' || *at == 'E')) {
        at = scan_exponent(scan, at + 1);
        if (at == NULL) {
            return bad(scan, start, "a number with a wrong or too large exponent");
        }
    }
    if (at - start > NUMBER_MAX) {
        return bad(scan, start, "too long a number");
    }
    if (negative && is_zero && !scan->limits->negative_zero) {
        return bad(scan, start, "a negative zero");
    }
    scan->at = at;
    return add(scan, JSON_NUMBER, start, false);
}

static enum ps_err scan_word(struct scan *scan, const char *word, enum json_type type)
{
    const size_t len = strlen(word);
    const uint8_t *start = scan->at;

    if ((size_t)(scan->end - start) < len || memcmp(start, word, len) != 0) {
        return bad(scan, start, "no value");
    }
    scan->at += len;
    return add(scan, type, start, false);
}

static enum ps_err open_container(struct scan *scan, enum json_type type)
{
    const uint8_t *start = scan->at;

    if (scan->depth == scan->limits->depth) {
        return ps_fail(PS_E_LIMIT, (long)offset_of(scan, start), "JSON: nested more than %u deep",
                       scan->limits->depth);
    }
    scan->open[scan->depth++] = scan->json->count;
    scan->at++;
    return add(scan, type, start, false);
}

static enum ps_err scan_value(struct scan *scan)
{
    skip_space(scan);
    if (scan->at == scan->end) {
        return bad(scan, scan->at, "the end where a value should be");
    }
    switch (*scan->at) {
    case '"':
        return scan_string(scan);
    case '{':
        return open_container(scan, JSON_OBJECT);
    case '[':
        return open_container(scan, JSON_ARRAY);
    case 't':
        return scan_word(scan, "true", JSON_TRUE);
    case 'f':
        return scan_word(scan, "false", JSON_FALSE);
    case 'n':
        return scan_word(scan, "null", JSON_NULL);
    default:
        return scan_number(scan);
    }
}

static enum ps_err scan_name(struct scan *scan)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != '"') {
        return bad(scan, scan->at, "no member name");
    }
    PS_TRY(scan_string(scan));
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != ':') {
        return bad(scan, scan->at, "no colon after a member name");
    }
    scan->at++;
    return PS_OK;
}

static enum ps_err twice(const struct scan *scan, uint32_t object, struct ps_bytes name)
{
    const uint32_t start = scan->json->tokens[object].start;

    return ps_fail(PS_E_INPUT, (long)start, "JSON: member \"%.*s\" twice in the object at octet %u",
                   (int)(name.len > 64 ? 64 : name.len), (const char *)name.data, start);
}

static int compare_names(const void *a, const void *b)
{
    const struct ps_bytes *left = a;
    const struct ps_bytes *right = b;

    if (left->len != right->len) {
        return left->len < right->len ? -1 : 1;
    }
    return left->len == 0 ? 0 : memcmp(left->data, right->data, left->len);
}

/* A wrong guess costs a comparison; equal names always have equal bits. */
static uint64_t name_bit(struct ps_bytes name)
{
    const size_t mix =
        name.len == 0 ? 0 : name.len * 7 + name.data[0] * 3u + name.data[name.len - 1] * 5u;

    return UINT64_C(1) << (mix & 63);
}

static enum ps_err check_few(const struct scan *scan, uint32_t object, const struct ps_bytes *names,
                             uint32_t count)
{
    uint64_t bits = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t bit = name_bit(names[i]);

        for (uint32_t j = 0; j < i && (bits & bit) != 0; j++) {
            if (ps_bytes_equal(names[i], names[j])) {
                return twice(scan, object, names[i]);
            }
        }
        bits |= bit;
    }
    return PS_OK;
}

static enum ps_err check_many(const struct scan *scan, uint32_t object, struct ps_bytes *names,
                              uint32_t count)
{
    qsort(names, count, sizeof *names, compare_names);
    for (uint32_t i = 1; i < count; i++) {
        if (ps_bytes_equal(names[i - 1], names[i])) {
            return twice(scan, object, names[i]);
        }
    }
    return PS_OK;
}

/* RFC 8259 section 4 only advises against duplicates; readers differ on which one counts. */
static enum ps_err check_duplicates(struct scan *scan, uint32_t object)
{
    struct json *json = scan->json;
    const uint32_t count = json->tokens[object].count;
    uint32_t at = object + 1;

    if (count < 2) {
        return PS_OK;
    }
    if (!json_grow((void **)&json->names, &json->names_cap, sizeof *json->names, count)) {
        return no_memory();
    }
    for (uint32_t i = 0; i < count; i++) {
        PS_TRY(json_token_text(json, at, &json->names[i]));
        at = json->tokens[at + 1].next;
    }
    return count <= FEW_MEMBERS ? check_few(scan, object, json->names, count)
                                : check_many(scan, object, json->names, count);
}

static enum ps_err close_container(struct scan *scan)
{
    const uint32_t at = scan->open[--scan->depth];
    struct json_token *token = &scan->json->tokens[at];

    scan->at++;
    token->end = (uint32_t)offset_of(scan, scan->at);
    token->next = scan->json->count;
    return token->type == JSON_OBJECT ? check_duplicates(scan, at) : PS_OK;
}

/* The next member or element of the innermost container, or its end. */
static enum ps_err scan_next(struct scan *scan)
{
    const uint32_t open = scan->open[scan->depth - 1];
    const bool is_object = scan->json->tokens[open].type == JSON_OBJECT;

    skip_space(scan);
    if (scan->at == scan->end) {
        return bad(scan, scan->at, "an object or array that does not end");
    }
    if (*scan->at == (is_object ? '}' : ']')) {
        return close_container(scan);
    }
    if (scan->json->tokens[open].count != 0) {
        if (*scan->at != ',') {
            return bad(scan, scan->at, "no comma");
        }
        scan->at++;
    }
    if (++scan->values > scan->limits->values) {
        return ps_fail(PS_E_LIMIT, 0, "JSON: more than %u values", scan->limits->values);
    }
    if (is_object) {
        PS_TRY(scan_name(scan));
    }
    scan->json->tokens[open].count++;
    return scan_value(scan);
}

enum ps_err json_scan(struct json *json, const struct json_limits *limits)
{
    const struct ps_bytes text = json->text;
    const size_t valid = ps_utf8_prefix(text);
    struct scan scan = {.json = json, .at = text.data, .end = text.data, .limits = limits};

    if (text.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "JSON: nothing there");
    }
    scan.end = text.data + text.len;
    if (valid != text.len) {
        return bad(&scan, text.data + valid, "invalid UTF-8");
    }
    PS_TRY(scan_value(&scan));
    while (scan.depth != 0) {
        PS_TRY(scan_next(&scan));
    }
    skip_space(&scan);
    if (scan.at != scan.end) {
        return bad(&scan, scan.at, "something after the value");
    }
    return PS_OK;
}
