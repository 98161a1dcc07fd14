#include "lib/http/target.h"

#include "lib/base/encode.h"

static bool is_alnum(uint8_t c)
{
    return ps_is_letter(c) || ps_is_digit(c);
}

/* RFC 3986 section 3.3: pchar, without percent-encoding. */
static bool is_pchar(uint8_t c)
{
    return is_alnum(c) || (c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

static enum ps_err add_segment(struct ps_bytes segment, struct http_target *target)
{
    if (segment.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "the path has an empty segment");
    }
    if (ps_bytes_equal_str(segment, ".") || ps_bytes_equal_str(segment, "..")) {
        return ps_fail(PS_E_INPUT, 0, "the path has a dot segment");
    }
    if (target->segment_count == HTTP_SEGMENTS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "the path has more than %u segments", HTTP_SEGMENTS_MAX);
    }
    target->segments[target->segment_count++] = segment;
    return PS_OK;
}

static enum ps_err check_path(struct ps_bytes path)
{
    if (path.len == 0 || path.data[0] != '/') {
        return ps_fail(PS_E_INPUT, 0, "the request target does not begin with a slash");
    }
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] == '%') {
            return ps_fail(PS_E_INPUT, 0, "no path here needs percent-encoding");
        }
        if (path.data[i] != '/' && !is_pchar(path.data[i])) {
            return ps_fail(PS_E_INPUT, 0, "the path has a character that no URI path may have");
        }
    }
    return PS_OK;
}

static size_t until(struct ps_bytes text, char end)
{
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.data, end, text.len);

    return at == NULL ? text.len : (size_t)(at - text.data);
}

static enum ps_err parse_path(struct ps_bytes path, struct http_target *target)
{
    struct ps_bytes rest = path;

    target->path = path;
    PS_TRY(check_path(path));
    /* Of "/" alone there is no segment; else one stands behind each slash. */
    while (path.len > 1 && rest.len != 0) {
        rest = ps_bytes(rest.data + 1, rest.len - 1);
        PS_TRY(add_segment(ps_bytes(rest.data, until(rest, '/')), target));
        rest = ps_bytes_from(rest, until(rest, '/'));
    }
    return PS_OK;
}

/* Undoes percent-encoding in place (RFC 3986 section 2.1); the result is never longer. */
static enum ps_err unescape(char *text, size_t len, struct ps_bytes *ret_value)
{
    size_t to = 0;

    for (size_t from = 0; from < len; from++, to++) {
        int high;
        int low;

        if (text[from] != '%') {
            text[to] = text[from];
            continue;
        }
        high = len - from > 2 ? ps_hex_digit((uint8_t)text[from + 1]) : -1;
        low = len - from > 2 ? ps_hex_digit((uint8_t)text[from + 2]) : -1;
        if (high < 0 || low < 0) {
            return ps_fail(PS_E_INPUT, 0, "the query has a broken percent-encoding");
        }
        text[to] = (char)(high << 4 | low);
        from += 2;
    }
    *ret_value = ps_bytes(text, to);
    return PS_OK;
}

static enum ps_err check_value(struct ps_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 || value.data[i] == 0x7f) {
            return ps_fail(PS_E_INPUT, 0, "a query parameter has a control character");
        }
    }
    if (!ps_utf8_valid(value)) {
        return ps_fail(PS_E_INPUT, 0, "a query parameter is not UTF-8");
    }
    return PS_OK;
}

static bool is_name_char(uint8_t c)
{
    return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static enum ps_err check_name(struct ps_bytes name, const struct http_target *target)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.data[i])) {
            return ps_fail(PS_E_INPUT, 0, "a query parameter's name has an unusual character");
        }
    }
    if (name.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "a query parameter has no name");
    }
    for (size_t i = 0; i < target->parameter_count; i++) {
        if (ps_bytes_equal(target->parameters[i].name, name)) {
            return ps_fail(PS_E_INPUT, 0, "the query parameter %.*s stands there twice",
                           PS_BYTES_FMT(name));
        }
    }
    return PS_OK;
}

/* `text`: one "name=value" between ampersands. */
static enum ps_err add_parameter(char *text, size_t len, struct http_target *target)
{
    char *equals = memchr(text, '=', len);
    struct http_parameter parameter;

    if (equals == NULL) {
        return ps_fail(PS_E_INPUT, 0, "a query parameter has no value");
    }
    if (target->parameter_count == HTTP_PARAMETERS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "more than %u query parameters", HTTP_PARAMETERS_MAX);
    }
    parameter.name = ps_bytes(text, (size_t)(equals - text));
    PS_TRY(check_name(parameter.name, target));
    PS_TRY(unescape(equals + 1, len - parameter.name.len - 1, &parameter.value));
    PS_TRY(check_value(parameter.value));
    target->parameters[target->parameter_count++] = parameter;
    return PS_OK;
}

static enum ps_err check_query(struct ps_bytes query)
{
    for (size_t i = 0; i < query.len; i++) {
        const uint8_t c = query.data[i];

        if (c != '%' && c != '/' && c != '?' && !is_pchar(c)) {
            return ps_fail(PS_E_INPUT, 0, "the query has a character that no URI may have");
        }
    }
    return PS_OK;
}

static enum ps_err parse_query(char *text, size_t len, struct http_target *target)
{
    size_t start = 0;

    PS_TRY(check_query(ps_bytes(text, len)));
    while (start <= len) {
        const size_t size = until(ps_bytes(text + start, len - start), '&');

        PS_TRY(add_parameter(text + start, size, target));
        start += size + 1;
    }
    return PS_OK;
}

enum ps_err http_target_parse(char *text, size_t len, struct http_target *ret_target)
{
    struct http_target target = {.segment_count = 0};
    char *question;
    size_t path_len;

    if (len > HTTP_TARGET_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "the request target is over %u octets", HTTP_TARGET_MAX);
    }
    question = memchr(text, '?', len);
    path_len = question == NULL ? len : (size_t)(question - text);
    PS_TRY(parse_path(ps_bytes(text, path_len), &target));
    if (question != NULL) {
        PS_TRY(parse_query(question + 1, len - path_len - 1, &target));
    }
    *ret_target = target;
    return PS_OK;
}

enum ps_err http_target_split(const char *text, size_t len, struct http_target *ret_target)
{
    const char *question = memchr(text, '?', len);
    const size_t path_len = question == NULL ? len : (size_t)(question - text);
    struct http_target target = {.segment_count = 0};

    if (path_len > HTTP_TARGET_MAX || len - path_len > HTTP_QUERY_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "the request target is over %u octets", HTTP_QUERY_MAX);
    }
    PS_TRY(parse_path(ps_bytes(text, path_len), &target));
    if (question != NULL) {
        target.query = ps_bytes(question + 1, len - path_len - 1);
        PS_TRY(check_query(target.query));
    }
    *ret_target = target;
    return PS_OK;
}

bool http_target_parameter(const struct http_target *target, const char *name,
                           struct ps_bytes *ret_value)
{
    for (size_t i = 0; i < target->parameter_count; i++) {
        if (ps_bytes_equal_str(target->parameters[i].name, name)) {
            *ret_value = target->parameters[i].value;
            return true;
        }
    }
    return false;
}
