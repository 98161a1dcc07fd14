#include "frontends/oidc/form.h"

#include "lib/base/encode.h"

/* Undoes what is escaped of text[*at ...] up to `end`, and goes behind that. */
static enum ps_err decode(struct ps_bytes text, const char *ends, size_t *at, struct ps_buf *memory,
                          struct ps_bytes *ret_decoded)
{
    const size_t start = memory->len;

    while (*at < text.len && strchr(ends, text.data[*at]) == NULL) {
        uint8_t c = text.data[(*at)++];

        if (c == '%') {
            const int high = *at + 1 < text.len ? ps_hex_digit(text.data[*at]) : -1;
            const int low = *at + 1 < text.len ? ps_hex_digit(text.data[*at + 1]) : -1;

            if (high < 0 || low < 0) {
                return ps_fail(PS_E_INPUT, 0, "an escape of the form is none");
            }
            c = (uint8_t)(high * 16 + low);
            *at += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == '\0') {
            return ps_fail(PS_E_INPUT, 0, "the form has a NUL");
        }
        ps_buf_put_u8(memory, c);
    }
    PS_TRY(ps_buf_status(memory));
    *ret_decoded = ps_bytes(memory->data + start, memory->len - start);
    return ps_utf8_valid(*ret_decoded) ? PS_OK : ps_fail(PS_E_INPUT, 0, "the form is not UTF-8");
}

static enum ps_err add(struct form *form, struct ps_bytes name, struct ps_bytes value)
{
    for (size_t i = 0; i < form->count; i++) {
        if (ps_bytes_equal(form->of[i].name, name)) {
            return ps_fail(PS_E_INPUT, 0, "a parameter stands there twice");
        }
    }
    if (form->count == FORM_PARAMETERS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u parameters", FORM_PARAMETERS_MAX);
    }
    form->of[form->count].name = name;
    form->of[form->count].value = value;
    form->count++;
    return PS_OK;
}

static void skip(struct ps_bytes text, uint8_t c, size_t *at)
{
    if (*at < text.len && text.data[*at] == c) {
        (*at)++;
    }
}

/* Nothing decoded is longer than its text, so that the memory never moves. */
enum ps_err form_parse(struct ps_bytes text, struct ps_buf *memory, struct form *ret_form)
{
    size_t at = 0;

    ret_form->count = 0;
    if (text.len > FORM_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a form of over %u octets", FORM_MAX);
    }
    if (ps_buf_reserve(memory, text.len + 1) == NULL) {
        return ps_buf_status(memory);
    }
    while (at < text.len) {
        struct ps_bytes name;
        struct ps_bytes value;

        PS_TRY(decode(text, "=&", &at, memory, &name));
        skip(text, '=', &at);
        PS_TRY(decode(text, "&", &at, memory, &value));
        skip(text, '&', &at);
        PS_TRY(add(ret_form, name, value));
    }
    return PS_OK;
}

bool form_get(const struct form *form, const char *name, struct ps_bytes *ret_value)
{
    for (size_t i = 0; i < form->count; i++) {
        if (ps_bytes_equal_str(form->of[i].name, name) && form->of[i].value.len != 0) {
            *ret_value = form->of[i].value;
            return true;
        }
    }
    return false;
}
