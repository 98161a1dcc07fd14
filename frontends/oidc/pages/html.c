#include "frontends/oidc/pages/html.h"

#include "lib/base/encode.h"

#include <assert.h>

static const struct {
    const char *name;
    bool is_void;
} elements[HTML_ELEMENTS] = {
#define HTML_ELEMENT(name, is_void) [HTML_##name] = {#name, is_void},
#include "frontends/oidc/pages/elements.def"
#undef HTML_ELEMENT
};

static const struct {
    const char *text;
    bool is_place;
} attributes[HTML_ATTRIBUTES] = {
#define HTML_ATTRIBUTE(name, text) [HTML_AT_##name] = {text, false},
#define HTML_PLACE(name, text)     [HTML_AT_##name] = {text, true},
#include "frontends/oidc/pages/attributes.def"
#undef HTML_ATTRIBUTE
#undef HTML_PLACE
};

static const char replacement[] = "\xef\xbf\xbd";

static bool is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

/* How many octets at the front are characters that a page may have. */
static size_t count_good(struct ps_bytes text)
{
    const size_t valid = ps_utf8_prefix(text);
    size_t good = 0;

    while (good < valid && !is_control(text.data[good])) {
        good++;
    }
    return good;
}

static void put_escaped(struct ps_buf *out, struct ps_bytes text)
{
    while (text.len != 0) {
        const size_t good = count_good(text);

        ps_buf_put_html(out, ps_bytes(text.data, good));
        text = ps_bytes_from(text, good);
        if (text.len != 0) {
            ps_buf_put_str(out, replacement);
            text = ps_bytes_from(text, 1);
        }
    }
}

static void end_tag(struct html *html)
{
    if (html->in_tag) {
        ps_buf_put_u8(html->out, '>');
        html->in_tag = false;
    }
}

void html_begin(struct html *html, struct ps_buf *out)
{
    *html = (struct html){.out = out};
    ps_buf_put_str(out, "<!DOCTYPE html>\n");
}

void html_open(struct html *html, enum html_element element)
{
    assert(html->depth < HTML_DEPTH_MAX);
    end_tag(html);
    ps_buf_printf(html->out, "<%s", elements[element].name);
    html->in_tag = true;
    if (!elements[element].is_void) {
        html->open[html->depth++] = element;
    }
}

void html_close(struct html *html)
{
    assert(html->depth != 0);
    end_tag(html);
    ps_buf_printf(html->out, "</%s>", elements[html->open[--html->depth]].name);
}

void html_element(struct html *html, enum html_element element, struct ps_bytes text)
{
    html_open(html, element);
    html_text(html, text);
    html_close(html);
}

static void put_attribute(struct html *html, enum html_attribute attribute, struct ps_bytes value)
{
    assert(html->in_tag);
    ps_buf_printf(html->out, " %s", attributes[attribute].text);
    if (value.data != NULL) {
        ps_buf_put_str(html->out, "=\"");
        put_escaped(html->out, value);
        ps_buf_put_u8(html->out, '"');
    }
}

void html_attribute(struct html *html, enum html_attribute attribute, struct ps_bytes value)
{
    assert(!attributes[attribute].is_place);
    put_attribute(html, attribute, value);
}

void html_attribute_str(struct html *html, enum html_attribute attribute, const char *value)
{
    html_attribute(html, attribute, ps_bytes_str(value));
}

/* RFC 8252 section 7.1: a private-use scheme is a name in reverse order, with a dot in it. */
static bool has_dotted_scheme(struct ps_bytes address)
{
    bool dotted = false;

    for (size_t i = 0; i < address.len && address.data[i] != ':'; i++) {
        const uint8_t c = address.data[i];

        if (!ps_is_letter(c) && (i == 0 || (!ps_is_digit(c) && strchr(".+-", c) == NULL))) {
            return false;
        }
        dotted = dotted || c == '.';
    }
    return dotted && memchr(address.data, ':', address.len) != NULL;
}

static bool is_place(struct ps_bytes address)
{
    if (address.len == 0) {
        return false;
    }
    if (address.data[0] == '/') {
        return address.len == 1 || (address.data[1] != '/' && address.data[1] != '\\');
    }
    return ps_bytes_starts_with(address, ps_bytes_str("https://")) ||
           ps_bytes_starts_with(address, ps_bytes_str("http://")) || has_dotted_scheme(address);
}

void html_place(struct html *html, enum html_attribute attribute, struct ps_bytes address)
{
    assert(attributes[attribute].is_place);
    if (is_place(address)) {
        put_attribute(html, attribute, address);
    } else if (html->out->err == PS_OK) {
        html->out->err = ps_fail(PS_E_INTERNAL, 0, "an address that no page may have");
    }
}

void html_anchor(struct html *html, const char *id)
{
    assert(html->in_tag);
    ps_buf_put_str(html->out, " href=\"#");
    put_escaped(html->out, ps_bytes_str(id));
    ps_buf_put_u8(html->out, '"');
}

void html_text(struct html *html, struct ps_bytes text)
{
    end_tag(html);
    put_escaped(html->out, text);
}

static size_t find_gap(struct ps_bytes text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.data[i] == '{' && text.data[i + 1] == '}') {
            return i;
        }
    }
    return text.len;
}

void html_text_with(struct html *html, struct ps_bytes text, struct ps_bytes value)
{
    const size_t gap = find_gap(text);

    html_text(html, ps_bytes(text.data, gap));
    if (gap != text.len) {
        html_element(html, HTML_bdi, value);
        html_text(html, ps_bytes_from(text, gap + 2));
    }
}

enum ps_err html_end(struct html *html)
{
    assert(html->depth == 0);
    end_tag(html);
    ps_buf_put_u8(html->out, '\n');
    return ps_buf_status(html->out);
}
