#include "lib/formats/json/json.h"

#include "lib/base/encode.h"
#include "lib/formats/json/internal.h"

#include <stdlib.h>

#define SAFE_INTEGER_MAX UINT64_C(9007199254740992) /* 2^53 */

static enum ps_err put_value(struct json *json, uint32_t at, struct ps_buf *out);

static enum ps_err outside_profile(const struct json *json, uint32_t at, const char *what)
{
    const uint32_t start = json->tokens[at].start;

    return ps_fail(PS_E_INPUT, (long)start, "no canonical form: %s at octet %u", what, start);
}

/* An integer in JSON's grammar is its own shortest form, which RFC 8785 section 3.2.2.3 asks for.
 */
static enum ps_err put_integer(const struct json *json, uint32_t at, struct ps_buf *out)
{
    const struct json_token *token = &json->tokens[at];
    const struct ps_bytes raw = ps_bytes(json->text.data + token->start, token->end - token->start);
    uint64_t number = 0;

    for (size_t i = raw.data[0] == '-' ? 1 : 0; i < raw.len; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9') {
            return outside_profile(json, at, "a number that is no plain integer");
        }
        number = number * 10 + (uint64_t)(raw.data[i] - '0');
        if (number > SAFE_INTEGER_MAX) {
            return outside_profile(json, at, "an integer beyond 2^53");
        }
    }
    ps_buf_put(out, raw);
    return PS_OK;
}

static enum ps_err put_array(struct json *json, uint32_t at, struct ps_buf *out)
{
    const uint32_t end = json->tokens[at].next;

    ps_buf_put_u8(out, '[');
    for (uint32_t element = at + 1; element < end; element = json->tokens[element].next) {
        if (element != at + 1) {
            ps_buf_put_u8(out, ',');
        }
        PS_TRY(put_value(json, element, out));
    }
    ps_buf_put_u8(out, ']');
    return PS_OK;
}

static enum ps_err check_name(struct json *json, uint32_t at)
{
    struct ps_bytes name;

    PS_TRY(json_token_text(json, at, &name));
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] >= 0x80) {
            return outside_profile(json, at, "a member name that is not ASCII");
        }
    }
    return PS_OK;
}

/* All names were undone by check_name, so that json_token_text only looks them up. */
static int compare_members(const void *a, const void *b, void *context)
{
    struct ps_bytes left = {0};
    struct ps_bytes right = {0};

    if (json_token_text(context, *(const uint32_t *)a, &left) != PS_OK ||
        json_token_text(context, *(const uint32_t *)b, &right) != PS_OK) {
        abort();
    }
    return ps_bytes_compare(left, right);
}

/* Pushes the object's names, sorted, on json->order and returns where they begin. */
static enum ps_err sort_members(struct json *json, uint32_t object, uint32_t *ret_first)
{
    const uint32_t count = json->tokens[object].count;
    const uint32_t first = json->order_count;
    bool in_order = true;
    uint32_t at = object + 1;

    if (!json_grow((void **)&json->order, &json->order_cap, sizeof *json->order, first + count)) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        PS_TRY(check_name(json, at));
        json->order[first + i] = at;
        if (i != 0 &&
            compare_members(&json->order[first + i - 1], &json->order[first + i], json) > 0) {
            in_order = false;
        }
        at = json->tokens[at + 1].next;
    }
    json->order_count = first + count;
    /* Of what is canonical already, they are. */
    if (!in_order) {
        /* ASCII names sort by octets as they do by UTF-16 code units, RFC 8785 section 3.2.3. */
        qsort_r(json->order + first, count, sizeof *json->order, compare_members, json);
    }
    *ret_first = first;
    return PS_OK;
}

static enum ps_err put_object(struct json *json, uint32_t at, struct ps_buf *out)
{
    const uint32_t count = json->tokens[at].count;
    uint32_t first;

    PS_TRY(sort_members(json, at, &first));
    ps_buf_put_u8(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t name = json->order[first + i];
        struct ps_bytes text;

        PS_TRY(json_token_text(json, name, &text));
        if (i != 0) {
            ps_buf_put_u8(out, ',');
        }
        ps_buf_put_json_string(out, text);
        ps_buf_put_u8(out, ':');
        PS_TRY(put_value(json, name + 1, out));
    }
    ps_buf_put_u8(out, '}');
    json->order_count = first;
    return PS_OK;
}

/* Recursion is bounded by JSON_DEPTH_MAX, which the text was read under. */
static enum ps_err put_value(struct json *json, uint32_t at, struct ps_buf *out)
{
    struct ps_bytes text;

    switch ((enum json_type)json->tokens[at].type) {
    case JSON_FALSE:
        ps_buf_put_str(out, "false");
        return PS_OK;
    case JSON_TRUE:
        ps_buf_put_str(out, "true");
        return PS_OK;
    case JSON_NUMBER:
        return put_integer(json, at, out);
    case JSON_STRING:
        PS_TRY(json_token_text(json, at, &text));
        ps_buf_put_json_string(out, text);
        return PS_OK;
    case JSON_ARRAY:
        return put_array(json, at, out);
    case JSON_OBJECT:
        return put_object(json, at, out);
    case JSON_NULL:
        break;
    }
    return outside_profile(json, at, "null");
}

enum ps_err json_put_canonical(struct json_value value, struct ps_buf *out)
{
    struct json *json = (struct json *)(uintptr_t)value.doc;

    json->order_count = 0;
    PS_TRY(put_value(json, value.at, out));
    return ps_buf_status(out);
}

static size_t first_difference(struct ps_bytes a, struct ps_bytes b)
{
    size_t at = 0;

    while (at < a.len && at < b.len && a.data[at] == b.data[at]) {
        at++;
    }
    return at;
}

enum ps_err json_check_canonical(struct json_value root)
{
    const struct ps_bytes text = root.doc->text;
    PS_BUF_AUTO canonical;
    enum ps_err err;
    size_t at;

    /* Whatever is longer than the text is not the text. */
    ps_buf_init(&canonical, text.len);
    err = json_put_canonical(root, &canonical);
    if (err == PS_OK && ps_bytes_equal(ps_buf_bytes(&canonical), text)) {
        return PS_OK;
    }
    if (err != PS_OK && err != PS_E_LIMIT) {
        return err;
    }
    at = first_difference(ps_buf_bytes(&canonical), text);
    return ps_fail(PS_E_INPUT, (long)at,
                   "JSON that is not in its canonical form (RFC 8785), from octet %zu on", at);
}
