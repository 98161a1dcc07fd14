#include "frontends/certify/vc_template.h"

#include "lib/base/encode.h"

#define TEXT_MAX ((size_t)1024 * 1024)

/* A slot of a text: where it begins and ends, its name, and whether it may be empty. */
struct slot {
    size_t start;
    size_t end;
    struct ps_bytes name;
    bool optional;
};

static bool is_name_character(uint8_t c)
{
    return ps_is_letter(c) || ps_is_digit(c) || c == '_' || c == '-' || c == '.';
}

/* The name between braces at `at`; false: there is none. */
static bool read_name(struct ps_bytes text, size_t at, struct slot *slot)
{
    size_t end = at;

    while (end < text.len && is_name_character(text.data[end])) {
        end++;
    }
    if (end == at || end == text.len || text.data[end] != '}') {
        return false;
    }
    slot->name = ps_bytes(text.data + at, end - at);
    slot->end = end + 1;
    return true;
}

/* The next slot from `from` on; *ret_found false: there is no more. */
static enum ps_err next_slot(struct ps_bytes text, size_t from, struct slot *ret_slot,
                             bool *ret_found)
{
    for (size_t at = from; at + 1 < text.len; at++) {
        struct slot slot = {.start = at};
        const struct ps_bytes rest = ps_bytes_from(text, at);

        slot.optional = ps_bytes_starts_with(rest, ps_bytes_str("$!{"));
        if (!slot.optional && !ps_bytes_starts_with(rest, ps_bytes_str("${"))) {
            continue;
        }
        if (!read_name(text, at + (slot.optional ? 3 : 2), &slot)) {
            return ps_fail(PS_E_INPUT, 0,
                           "template: a slot without a name or its end, at octet %zu of a text",
                           at);
        }
        *ret_slot = slot;
        *ret_found = true;
        return PS_OK;
    }
    *ret_found = false;
    return PS_OK;
}

static bool is_whole(struct ps_bytes text, const struct slot *slot)
{
    return slot->start == 0 && slot->end == text.len;
}

static enum ps_err check_text(struct ps_bytes text)
{
    struct slot slot = {.end = 0};
    bool found = true;

    while (found) {
        PS_TRY(next_slot(text, slot.end, &slot, &found));
        if (found && slot.optional && !is_whole(text, &slot)) {
            return ps_fail(PS_E_INPUT, 0, "template: $!{%.*s} is not alone in its text",
                           PS_BYTES_FMT(slot.name));
        }
    }
    return PS_OK;
}

enum ps_err vc_template_check(struct json_value template_json)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (json_type(template_json) == JSON_STRING) {
        PS_TRY(json_string(template_json, &text));
        return check_text(text);
    }
    if (json_type(template_json) != JSON_OBJECT && json_type(template_json) != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(template_json, &cursor, NULL, &value)) {
        PS_TRY(vc_template_check(value));
    }
    return PS_OK;
}

/* What is found for a name: a variable's text, or a value of the data. */
struct found {
    bool is_there;
    bool is_text;
    struct ps_bytes text;
    struct json_value value;
};

static bool member_of(struct json_value object, struct ps_bytes name, struct json_value *ret_value)
{
    char text[128];

    if (json_type(object) != JSON_OBJECT || name.len >= sizeof text) {
        return false;
    }
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return json_member(object, text, ret_value);
}

/* A member of that very name, dots and all, goes before a way into objects. */
static bool find_value(struct json_value object, struct ps_bytes name, struct json_value *ret_value)
{
    const uint8_t *dot;
    struct json_value inner;

    if (name.len == 0) { /* before the first dot, or after the last */
        return false;
    }
    dot = memchr(name.data, '.', name.len);
    if (member_of(object, name, ret_value)) {
        return true;
    }
    return dot != NULL &&
           member_of(object, ps_bytes(name.data, (size_t)(dot - name.data)), &inner) &&
           find_value(inner, ps_bytes_from(name, (size_t)(dot - name.data) + 1), ret_value);
}

static enum ps_err find(const struct template_values *values, struct ps_bytes name,
                        struct found *ret_found)
{
    struct found found = {.is_there = false};

    for (size_t i = 0; i < values->count; i++) {
        if (ps_bytes_equal_str(name, values->variables[i].name)) {
            found = (struct found){
                .is_there = true, .is_text = true, .text = values->variables[i].text};
            *ret_found = found;
            return PS_OK;
        }
    }
    found.is_there =
        find_value(values->data, name, &found.value) && json_type(found.value) != JSON_NULL;
    if (found.is_there && json_type(found.value) == JSON_STRING) {
        found.is_text = true;
        PS_TRY(json_string(found.value, &found.text));
    }
    *ret_found = found;
    return PS_OK;
}

static enum ps_err put_whole(const struct template_values *values, const struct found *found,
                             struct ps_buf *out)
{
    if (found->is_text) {
        ps_buf_put_json_string(out, found->text);
        return ps_buf_status(out);
    }
    if (values->check != NULL) {
        PS_TRY(values->check(found->value));
    }
    ps_buf_put(out, json_raw(found->value));
    return ps_buf_status(out);
}

static enum ps_err put_within(const struct slot *slot, const struct found *found,
                              struct ps_buf *out)
{
    const enum json_type type = found->is_text ? JSON_STRING : json_type(found->value);

    if (type == JSON_OBJECT || type == JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "template: the value of %.*s is no text",
                       PS_BYTES_FMT(slot->name));
    }
    ps_buf_put(out, found->is_text ? found->text : json_raw(found->value));
    return PS_OK;
}

static enum ps_err find_slot(const struct template_values *values, const struct slot *slot,
                             struct found *ret_found)
{
    PS_TRY(find(values, slot->name, ret_found));
    if (!ret_found->is_there && !slot->optional) {
        return ps_fail(PS_E_NOT_FOUND, 0, "template: there is no value of %.*s",
                       PS_BYTES_FMT(slot->name));
    }
    return PS_OK;
}

static enum ps_err put_text(struct ps_bytes text, const struct template_values *values,
                            struct slot slot, struct ps_buf *out)
{
    PS_BUF_AUTO made = PS_BUF_SECRET(TEXT_MAX);
    size_t from = 0;
    bool found_slot = true;

    while (found_slot) {
        struct found found;

        ps_buf_put(&made, ps_bytes(text.data + from, slot.start - from));
        PS_TRY(find_slot(values, &slot, &found));
        PS_TRY(put_within(&slot, &found, &made));
        from = slot.end;
        PS_TRY(next_slot(text, from, &slot, &found_slot));
    }
    ps_buf_put(&made, ps_bytes_from(text, from));
    PS_TRY(ps_buf_status(&made));
    ps_buf_put_json_string(out, ps_buf_bytes(&made));
    return ps_buf_status(out);
}

/* *ret_left_out: nothing was written, since nothing is to stand there. */
static enum ps_err render_string(struct json_value string, const struct template_values *values,
                                 struct ps_buf *out, bool *ret_left_out)
{
    struct slot slot = {.end = 0};
    struct found found;
    struct ps_bytes text;
    bool has_slot;

    PS_TRY(json_string(string, &text));
    PS_TRY(next_slot(text, 0, &slot, &has_slot));
    if (!has_slot) {
        ps_buf_put(out, json_raw(string));
        return ps_buf_status(out);
    }
    if (!is_whole(text, &slot)) {
        return put_text(text, values, slot, out);
    }
    PS_TRY(find_slot(values, &slot, &found));
    *ret_left_out = !found.is_there;
    return found.is_there ? put_whole(values, &found, out) : PS_OK;
}

static enum ps_err render(struct json_value value, const struct template_values *values,
                          struct ps_buf *out, bool *ret_left_out);

/* Members of an object, with their names, and elements of an array. */
static enum ps_err render_container(struct json_value container,
                                    const struct template_values *values, struct ps_buf *out)
{
    const bool is_object = json_type(container) == JSON_OBJECT;
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;
    bool first = true;

    ps_buf_put_u8(out, is_object ? '{' : '[');
    while (json_next(container, &cursor, &name, &value)) {
        const size_t before = out->len;
        bool left_out = false;

        if (!first) {
            ps_buf_put_u8(out, ',');
        }
        if (is_object) {
            ps_buf_printf(out, "\"%.*s\":", PS_BYTES_FMT(name));
        }
        PS_TRY(render(value, values, out, &left_out));
        if (left_out) {
            out->len = before;
        } else {
            first = false;
        }
    }
    ps_buf_put_u8(out, is_object ? '}' : ']');
    return ps_buf_status(out);
}

static enum ps_err render(struct json_value value, const struct template_values *values,
                          struct ps_buf *out, bool *ret_left_out)
{
    switch (json_type(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return render_container(value, values, out);
    case JSON_STRING:
        return render_string(value, values, out, ret_left_out);
    case JSON_NULL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NUMBER:
    default:
        ps_buf_put(out, json_raw(value));
        return ps_buf_status(out);
    }
}

enum ps_err vc_template_render(struct json_value template_json,
                               const struct template_values *values, struct ps_buf *out)
{
    bool left_out = false;

    return render(template_json, values, out, &left_out);
}
