#ifndef FRONTENDS_OIDC_PAGES_HTML_H
#define FRONTENDS_OIDC_PAGES_HTML_H

#include "lib/base/buf.h"

/*
 * Writes one HTML document. Whatever text is given, it stays text: there is no way to write a tag,
 * an attribute or an address but by a name of elements.def and attributes.def, and no script, style
 * or handler is among those. Octets that are no UTF-8, and control characters, become U+FFFD.
 */
enum html_element {
#define HTML_ELEMENT(name, is_void) HTML_##name,
#include "frontends/oidc/pages/elements.def"
#undef HTML_ELEMENT
    HTML_ELEMENTS
};

enum html_attribute {
#define HTML_ATTRIBUTE(name, text) HTML_AT_##name,
#define HTML_PLACE(name, text)     HTML_AT_##name,
#include "frontends/oidc/pages/attributes.def"
#undef HTML_ATTRIBUTE
#undef HTML_PLACE
    HTML_ATTRIBUTES
};

#define HTML_DEPTH_MAX 16u

struct html {
    struct ps_buf *out;
    enum html_element open[HTML_DEPTH_MAX];
    size_t depth;
    bool in_tag; /* attributes may follow */
};

/* out: stays valid; its error is the document's */
void html_begin(struct html *html, struct ps_buf *out);

/* Begins an element; a void one has no html_close. */
void html_open(struct html *html, enum html_element element);
void html_close(struct html *html);

/* An element with one text in it and no attributes. */
void html_element(struct html *html, enum html_element element, struct ps_bytes text);

/* Of the element that was just opened, before anything in it. `value` NULL data: no value. */
void html_attribute(struct html *html, enum html_attribute attribute, struct ps_bytes value);
void html_attribute_str(struct html *html, enum html_attribute attribute, const char *value);

/*
 * An address: a path of our own ("/..."), https, http, or a private-use scheme (with a dot in it).
 * Anything else is PS_E_INTERNAL in the buffer.
 */
void html_place(struct html *html, enum html_attribute attribute, struct ps_bytes address);

/* href: a place in this page, by its id. */
void html_anchor(struct html *html, const char *id);

void html_text(struct html *html, struct ps_bytes text);

/*
 * A text with one "{}" in it, where the value stands, apart from the direction of what is around it
 * (bdi). Without "{}": the text alone.
 */
void html_text_with(struct html *html, struct ps_bytes text, struct ps_bytes value);

/* All elements are closed. Errors: the buffer's. */
PS_MUST_USE enum ps_err html_end(struct html *html);

#endif
