#ifndef FRONTENDS_OIDC_PAGES_PAGE_H
#define FRONTENDS_OIDC_PAGES_PAGE_H

#include "frontends/oidc/pages/html.h"
#include "frontends/oidc/pages/texts.h"
#include "frontends/oidc/pages/visitor.h"

/*
 * What all pages have around their content: head, the operator's name and logo, the languages, and
 * the headers that say that nothing runs, nothing is loaded from elsewhere, nobody keeps it and
 * nobody frames it.
 */
#define PAGE_MAX (128u * 1024u)

/* Where the forms of a login are sent. */
#define PAGE_STEPS "/login"

struct page {
    struct exchange *exchange;
    enum language language;
    struct login *login; /* whose forms it has; NULL: none */
    struct html html;
    unsigned status;
};

struct page_head {
    struct exchange *exchange;
    struct login *login;
    enum language language;
    enum text title;
    bool has_problem; /* told first, where a window has its title */
    unsigned status;
    struct ps_bytes onward; /* an address to go on to at once; empty: none */
};

/* Until where the content begins. The page is a variable of its caller. */
void page_begin(struct page *page, const struct page_head *head);

/* Answers the request; nothing of the login is used afterwards. */
void page_end(struct page *page);

/* One element with one text in it, or a text with a value in its gap. */
void page_put(struct page *page, enum html_element element, enum text text);
void page_put_with(struct page *page, enum html_element element, enum text text,
                   struct ps_bytes value);

/* The same, with a class or an id. */
void page_put_as(struct page *page, enum html_element element, const char *class, const char *id,
                 enum text text);

/* A form of the page's login, open: its handle and token are in it. */
void page_open_form(struct page *page);

/* A button that sends name=value; its text follows, then html_close. */
void page_open_button(struct page *page, const char *class, const char *name, const char *value);
void page_put_button(struct page *page, const char *class, const char *name, const char *value,
                     enum text text);

/* What is wrong, above the content, told at once to whoever has it read out. */
struct problem {
    enum text text;
    struct ps_bytes value; /* in its gap */
};
void page_put_problem(struct page *page, const struct problem *problem);

/* The language of a request that is in no login: Accept-Language. */
enum language page_language(const struct exchange *exchange);

/* The language of a login. */
enum language page_language_of(const struct login *login);

/* GET /login/{file}: the stylesheet and the operator's logo, each under a hash of it. */
void page_serve_file(struct exchange *exchange, const struct endpoint *endpoint);

#endif
