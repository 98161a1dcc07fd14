#include "lib/ceremony/script/values.h"

#include "lib/base/encode.h"
#include "lib/base/name.h"

#define WORDS_MAX  256u
#define DIGITS_MAX 15u

/* --- What is typed --- */

static bool is_printable(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }
    return ps_utf8_valid(text);
}

static enum ps_err read_text(struct ps_bytes typed, struct ps_buf *out)
{
    if (typed.len == 0 || typed.len > SCRIPT_TEXT_MAX || !is_printable(typed)) {
        return ps_fail(PS_E_INPUT, 0, "type a text of printable characters");
    }
    ps_buf_put_json_string(out, typed);
    return ps_buf_status(out);
}

static enum ps_err read_name(struct ps_bytes typed, struct ps_buf *out)
{
    if (!ps_name_valid(typed)) {
        return ps_fail(PS_E_INPUT, 0,
                       "type a name: lower-case letters, digits, and . _ - but not at its front");
    }
    ps_buf_put_json_string(out, typed);
    return ps_buf_status(out);
}

static enum ps_err read_number(struct ps_bytes typed, struct ps_buf *out)
{
    bool is_good =
        typed.len != 0 && typed.len <= DIGITS_MAX && (typed.len == 1 || typed.data[0] != '0');

    for (size_t i = 0; i < typed.len; i++) {
        is_good = is_good && typed.data[i] >= '0' && typed.data[i] <= '9';
    }
    if (!is_good) {
        return ps_fail(PS_E_INPUT, 0, "type a number: at most %u digits, no 0 at its front",
                       DIGITS_MAX);
    }
    ps_buf_put(out, typed);
    return ps_buf_status(out);
}

static enum ps_err read_flag(struct ps_bytes typed, struct ps_buf *out)
{
    const bool is_yes = ps_bytes_equal_str(typed, "yes");

    if (!is_yes && !ps_bytes_equal_str(typed, "no")) {
        return ps_fail(PS_E_INPUT, 0, "type yes or no");
    }
    ps_buf_put_str(out, is_yes ? "true" : "false");
    return ps_buf_status(out);
}

static enum ps_err read_choice(const struct script_step *question, struct ps_bytes typed,
                               struct ps_buf *out)
{
    struct json_value choice;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_next(question->choices, &cursor, NULL, &choice)) {
        PS_TRY(json_string(choice, &text));
        if (ps_bytes_equal(text, typed)) {
            ps_buf_put_json_string(out, typed);
            return ps_buf_status(out);
        }
    }
    return ps_fail(PS_E_INPUT, 0, "type one of the choices");
}

static enum ps_err read_words(struct ps_bytes typed,
                              enum ps_err (*read)(struct ps_bytes word, struct ps_buf *out),
                              struct ps_buf *out)
{
    size_t count = 0;

    ps_buf_put_u8(out, '[');
    while (typed.len != 0) {
        const uint8_t *comma = memchr(typed.data, ',', typed.len);
        const size_t len = comma == NULL ? typed.len : (size_t)(comma - typed.data);

        if (++count > WORDS_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "type at most %u words", WORDS_MAX);
        }
        ps_buf_put_str(out, count == 1 ? "" : ",");
        PS_TRY(read(ps_bytes(typed.data, len), out));
        if (comma != NULL && len + 1 == typed.len) {
            return ps_fail(PS_E_INPUT, 0, "no comma at the end");
        }
        typed = ps_bytes_from(typed, comma == NULL ? len : len + 1);
    }
    ps_buf_put_u8(out, ']');
    return ps_buf_status(out);
}

static enum ps_err read_word(struct ps_bytes typed, struct ps_buf *out)
{
    if (typed.len != 0 && memchr(typed.data, ' ', typed.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "type words with commas between them, without blanks");
    }
    return read_text(typed, out);
}

static enum ps_err read_file(struct ps_bytes content, struct ps_buf *out)
{
    static const struct json_limits limits = {SCRIPT_VALUE_MAX, 8, 4096};
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, content, &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "what is in the file is no JSON object");
    }
    /* One line, whatever its form was: it goes into a line of the transcript. */
    return json_put_canonical(root, out);
}

enum ps_err script_value_read(const struct script_step *question, struct ps_bytes typed,
                              struct ps_buf *out)
{
    switch (question->input) {
    case SCRIPT_INPUT_TEXT:
        return read_text(typed, out);
    case SCRIPT_INPUT_NAME:
        return read_name(typed, out);
    case SCRIPT_INPUT_NUMBER:
        return read_number(typed, out);
    case SCRIPT_INPUT_FLAG:
        return read_flag(typed, out);
    case SCRIPT_INPUT_CHOICE:
        return read_choice(question, typed, out);
    case SCRIPT_INPUT_WORDS:
        return read_words(typed, read_word, out);
    case SCRIPT_INPUT_NUMBERS:
        return read_words(typed, read_number, out);
    case SCRIPT_INPUT_FILE:
        return read_file(typed, out);
    case SCRIPT_INPUT_COUNT:
    default:
        return ps_fail(PS_E_INTERNAL, 0, "a question of no kind");
    }
}

/* --- Where they stand --- */

/*
 * Takes what is at the front of a text: octets up to a variable, or a variable.
 * ret_variable: its name; no data: `ret_plain` has octets that stand for themselves
 */
static enum ps_err next_part(struct ps_bytes *text, struct ps_bytes *ret_plain,
                             struct ps_bytes *ret_variable)
{
    size_t len = 0;
    const uint8_t *end;

    *ret_plain = ps_bytes(NULL, 0);
    *ret_variable = ps_bytes(NULL, 0);
    while (len < text->len && text->data[len] != '{' && text->data[len] != '}') {
        len++;
    }
    if (len != 0) {
        *ret_plain = ps_bytes(text->data, len);
        *text = ps_bytes_from(*text, len);
        return PS_OK;
    }
    end = memchr(text->data, '}', text->len);
    len = end == NULL ? 0 : (size_t)(end - text->data);
    if (text->data[0] == '}' || end == NULL || !ps_name_valid(ps_bytes(text->data + 1, len - 1))) {
        return ps_fail(PS_E_INPUT, 0, "a brace that belongs to no {variable}");
    }
    *ret_variable = ps_bytes(text->data + 1, len - 1);
    *text = ps_bytes_from(*text, len + 1);
    return PS_OK;
}

enum ps_err script_text_walk(struct ps_bytes text,
                             enum ps_err (*visit)(void *context, struct ps_bytes variable),
                             void *context)
{
    struct ps_bytes plain;
    struct ps_bytes variable;

    while (text.len != 0) {
        PS_TRY(next_part(&text, &plain, &variable));
        if (variable.data != NULL) {
            PS_TRY(visit(context, variable));
        }
    }
    return PS_OK;
}

/* As deep as the reader of the script lets it be. */
enum ps_err script_json_walk(struct json_value value,
                             enum ps_err (*visit)(void *context, struct ps_bytes variable),
                             void *context)
{
    const enum json_type type = json_type(value);
    struct json_value element;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (type == JSON_STRING) {
        PS_TRY(json_string(value, &text));
        return script_text_walk(text, visit, context);
    }
    if (type != JSON_OBJECT && type != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(value, &cursor, &text, &element)) {
        PS_TRY(script_json_walk(element, visit, context));
    }
    return PS_OK;
}

void script_put_list(struct json_value list, struct ps_buf *out)
{
    struct json_value element;
    struct ps_bytes text;
    uint32_t cursor = 0;
    bool is_first = true;

    while (json_next(list, &cursor, NULL, &element)) {
        if (json_string(element, &text) != PS_OK) {
            text = json_raw(element);
        }
        ps_buf_put_str(out, is_first ? "" : ", ");
        ps_buf_put(out, text);
        is_first = false;
    }
}

/* For people: a string's content, a list's elements, else the JSON itself. */
static enum ps_err put_plain(struct ps_bytes value, struct ps_buf *out)
{
    static const struct json_limits limits = {SCRIPT_VALUE_MAX, 8, 4096};
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;
    struct ps_bytes text = value;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, value, &limits, &root));
    if (json_type(root) == JSON_ARRAY) {
        script_put_list(root, out);
        return ps_buf_status(out);
    }
    if (json_type(root) == JSON_STRING) {
        PS_TRY(json_string(root, &text));
    }
    ps_buf_put(out, text);
    return ps_buf_status(out);
}

enum ps_err script_put_text(const struct script_values *values, struct ps_bytes text,
                            struct ps_buf *out)
{
    struct ps_bytes plain;
    struct ps_bytes variable;
    struct ps_bytes value;

    while (text.len != 0) {
        PS_TRY(next_part(&text, &plain, &variable));
        ps_buf_put(out, plain);
        if (variable.data != NULL) {
            PS_TRY(values->get(values->context, variable, &value));
            PS_TRY(put_plain(value, out));
        }
    }
    return ps_buf_status(out);
}

static enum ps_err put_string(const struct script_values *values, struct ps_bytes text,
                              struct ps_buf *out)
{
    PS_BUF_AUTO replaced = {.max = SCRIPT_VALUE_MAX};
    struct ps_bytes rest = text;
    struct ps_bytes plain;
    struct ps_bytes variable;
    struct ps_bytes value;

    if (text.len != 0) {
        PS_TRY(next_part(&rest, &plain, &variable));
        if (variable.data != NULL && rest.len == 0) {
            PS_TRY(values->get(values->context, variable, &value));
            ps_buf_put(out, value);
            return ps_buf_status(out);
        }
    }
    PS_TRY(script_put_text(values, text, &replaced));
    ps_buf_put_json_string(out, ps_buf_bytes(&replaced));
    return ps_buf_status(out);
}

static enum ps_err put_container(const struct script_values *values, struct json_value value,
                                 struct ps_buf *out)
{
    const bool is_object = json_type(value) == JSON_OBJECT;
    struct json_value element;
    struct ps_bytes name;
    uint32_t cursor = 0;
    bool is_first = true;

    ps_buf_put_u8(out, is_object ? '{' : '[');
    while (json_next(value, &cursor, &name, &element)) {
        ps_buf_put_str(out, is_first ? "" : ",");
        is_first = false;
        if (is_object) {
            ps_buf_put_u8(out, '"');
            ps_buf_put(out, name);
            ps_buf_put_str(out, "\":");
        }
        PS_TRY(script_put_json(values, element, out));
    }
    ps_buf_put_u8(out, is_object ? '}' : ']');
    return ps_buf_status(out);
}

enum ps_err script_put_json(const struct script_values *values, struct json_value value,
                            struct ps_buf *out)
{
    const enum json_type type = json_type(value);
    struct ps_bytes text;

    if (type == JSON_STRING) {
        PS_TRY(json_string(value, &text));
        return put_string(values, text, out);
    }
    if (type == JSON_OBJECT || type == JSON_ARRAY) {
        return put_container(values, value, out);
    }
    ps_buf_put(out, json_raw(value));
    return ps_buf_status(out);
}
