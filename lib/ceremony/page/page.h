#ifndef CEREMONY_PAGE_PAGE_H
#define CEREMONY_PAGE_PAGE_H

#include "lib/base/buf.h"
#include "lib/ceremony/log/verify.h"

/*
 * A text for people, block by block, to be written as HTML or as a PDF: so that both say the same.
 * The same blocks give the same octets. Texts are UTF-8 and copied; what the writers cannot show
 * they escape.
 */
enum page_kind {
    PAGE_TITLE,   /* text, and below it a line: label */
    PAGE_HEADING, /* text; label: what auditors look for here, or empty */
    PAGE_PART,    /* a smaller heading */
    PAGE_TEXT,    /* a paragraph */
    PAGE_PAIR,    /* label and text */
    PAGE_FINDING, /* label: the check; text; `verdict` */
    PAGE_OCTETS,  /* lines as they are, of one width: documents, notes, keys */
    PAGE_KIND_COUNT
};

struct page_block {
    enum page_kind kind;
    enum log_verdict verdict;
    struct ps_bytes label;
    struct ps_bytes text;
};

struct page;

PS_MUST_USE enum ps_err page_new(struct page **ret_page);
void page_free(struct page *page);
PS_DEFINE_CLEANUP(struct page, page_free)

/* Errors are kept: page_status says the first one. */
void page_add(struct page *page, const struct page_block *block);
void page_add_str(struct page *page, enum page_kind kind, const char *label, const char *text);
/* The text of a buffer; one that has failed makes the page fail. */
void page_add_buf(struct page *page, enum page_kind kind, const char *label,
                  const struct ps_buf *text);
PS_MUST_USE enum ps_err page_status(const struct page *page);

/* False past the end. The texts are borrowed until the page changes. */
bool page_at(const struct page *page, size_t index, struct page_block *ret_block);

/*
 * A whole HTML document, without scripts and without anything from elsewhere, for screen and paper.
 * Errors: PS_E_LIMIT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err page_put_html(const struct page *page, struct ps_buf *out);

/*
 * A PDF of A4 pages. It needs lib/formats/pdf/text.c besides. Errors: as above.
 * Source: ISO 32000-1
 */
PS_MUST_USE enum ps_err page_put_pdf(const struct page *page, struct ps_buf *out);

#endif
