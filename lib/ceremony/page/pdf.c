#include "lib/ceremony/page/page.h"

#include "lib/base/encode.h"
#include "lib/ceremony/operation/text.h"
#include "lib/formats/pdf/text.h"

#include <stdio.h>

/*
 * Pages of A4 in the fonts that every viewer has (ISO 32000-1, section 9.6.2.2), without dates,
 * identifiers and compression: what is in the page is all that the octets depend on. Lengths are in
 * tenths of a point.
 */
#define PAGE_WIDTH  5950u
#define PAGE_HEIGHT 8420u
#define MARGIN      520u
#define BOTTOM      620u
#define WIDTH       (PAGE_WIDTH - 2 * MARGIN)
#define PAGES_MAX   20000u

/* Objects: 1 the catalog, 2 the pages, 3 to 5 the fonts, then a page and its content in turn. */
#define FIRST_PAGE 6u

enum font { REGULAR, BOLD, FIXED };

struct style {
    enum font font;
    unsigned size;    /* tenths of a point */
    unsigned leading; /* from line to line */
    const char *color;
};

static const char ink[] = "0.11 0.14 0.19";
static const char soft[] = "0.36 0.40 0.46";
static const char *const verdict_colors[] = {"0.08 0.40 0.23", "0.48 0.36 0.00", "0.63 0.07 0.07"};

struct pdf {
    struct ps_buf *out;
    struct ps_buf offsets; /* u32 of each object from FIRST_PAGE on */
    struct ps_buf content; /* of the page that is being written */
    unsigned pages;
    unsigned y; /* where the next line's top is, from below */
};

/* --- Objects --- */

static void begin_object(struct pdf *pdf, unsigned number)
{
    ps_buf_put_u32(&pdf->offsets, (uint32_t)pdf->out->len);
    ps_buf_printf(pdf->out, "%u 0 obj\n", number);
}

static void put_line_at(struct pdf *pdf, const struct style *style, unsigned x,
                        struct ps_bytes ansi)
{
    ps_buf_printf(&pdf->content, "BT %s rg /F%d %u.%u Tf %u.%u %u.%u Td ", style->color,
                  (int)style->font + 1, style->size / 10, style->size % 10, x / 10, x % 10,
                  (pdf->y - style->size) / 10, (pdf->y - style->size) % 10);
    pdf_put_literal(&pdf->content, ansi);
    ps_buf_put_str(&pdf->content, " Tj ET\n");
}

static enum ps_err end_page(struct pdf *pdf)
{
    static const struct style footer = {REGULAR, 75, 100, soft};
    const unsigned number = FIRST_PAGE + 2 * pdf->pages;
    char text[32];

    if (++pdf->pages > PAGES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u pages", PAGES_MAX);
    }
    (void)snprintf(text, sizeof text, "%u", pdf->pages);
    pdf->y = MARGIN - 100;
    put_line_at(pdf, &footer, PAGE_WIDTH - MARGIN - 100, ps_bytes_str(text));
    begin_object(pdf, number);
    ps_buf_printf(pdf->out,
                  "<</Type/Page/Parent 2 0 R/MediaBox[0 0 %u %u]/Resources<</Font<</F1 3 0 R/F2 4 "
                  "0 R/F3 5 0 R>>>>/Contents %u 0 R>>\nendobj\n",
                  PAGE_WIDTH / 10, PAGE_HEIGHT / 10, number + 1);
    begin_object(pdf, number + 1);
    ps_buf_printf(pdf->out, "<</Length %zu>>\nstream\n", pdf->content.len);
    ps_buf_put(pdf->out, ps_buf_bytes(&pdf->content));
    ps_buf_put_str(pdf->out, "endstream\nendobj\n");
    PS_TRY(ps_buf_status(&pdf->content));
    ps_buf_reset(&pdf->content);
    pdf->y = PAGE_HEIGHT - MARGIN;
    return ps_buf_status(pdf->out);
}

/* Room for so much, on this page or on the next one. */
static enum ps_err need(struct pdf *pdf, unsigned height)
{
    return pdf->y < BOTTOM + height ? end_page(pdf) : PS_OK;
}

/* --- Text --- */

static size_t character_len(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* What the fonts do not have is written as \u{...}. */
static enum ps_err put_ansi(struct ps_bytes text, struct ps_buf *out)
{
    PS_BUF_AUTO visible = {.max = 8 * text.len + 64};
    struct ps_bytes rest;

    operation_text_put_line(text, &visible);
    PS_TRY(ps_buf_status(&visible));
    for (rest = ps_buf_bytes(&visible); rest.len != 0;) {
        const size_t len =
            character_len(rest.data[0]) <= rest.len ? character_len(rest.data[0]) : 1;
        const struct ps_bytes one = ps_bytes(rest.data, len);
        uint32_t code = len == 1 ? one.data[0] : one.data[0] & (0x7fu >> len);

        for (size_t i = 1; i < len; i++) {
            code = code << 6 | (one.data[i] & 0x3fu);
        }
        if (pdf_to_win_ansi(one, out) != PS_OK) {
            ps_buf_printf(out, "\\u{%x}", (unsigned)code);
        }
        rest = ps_bytes_from(rest, len);
    }
    return ps_buf_status(out);
}

static unsigned width_of(const struct style *style, struct ps_bytes line)
{
    const uint64_t thousandths =
        style->font == FIXED ? (uint64_t)600 * line.len : pdf_helvetica_width(line);

    /* Bold letters are a little wider than those that are measured. */
    return (unsigned)(thousandths * style->size * (style->font == BOLD ? 107 : 100) / 100000);
}

/* How much of the text goes on one line: up to a blank, or as many letters as fit. */
static size_t fitting(const struct style *style, unsigned width, struct ps_bytes text)
{
    size_t fits = 0;
    size_t blank = 0;

    while (fits < text.len && width_of(style, ps_bytes(text.data, fits + 1)) <= width) {
        fits++;
        if (text.data[fits - 1] == ' ') {
            blank = fits;
        }
    }
    if (fits == text.len || fits == 0) {
        return fits == 0 ? 1 : fits;
    }
    return blank != 0 ? blank : fits;
}

struct column {
    unsigned x;
    unsigned width;
};

static enum ps_err put_wrapped(struct pdf *pdf, const struct style *style,
                               const struct column *column, struct ps_bytes ansi)
{
    do {
        const size_t len = ansi.len == 0 ? 0 : fitting(style, column->width, ansi);

        PS_TRY(need(pdf, style->leading));
        put_line_at(pdf, style, column->x, ps_bytes(ansi.data, len));
        pdf->y -= style->leading;
        ansi = ps_bytes_from(ansi, len);
    } while (ansi.len != 0);
    return PS_OK;
}

/* Line by line of the text. */
static enum ps_err put_text(struct pdf *pdf, const struct style *style, const struct column *column,
                            struct ps_bytes text)
{
    do {
        const uint8_t *end = text.len == 0 ? NULL : memchr(text.data, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.data);
        PS_BUF_AUTO ansi = {.max = 8 * len + 64};

        PS_TRY(put_ansi(ps_bytes(text.data, len), &ansi));
        PS_TRY(put_wrapped(pdf, style, column, ps_buf_bytes(&ansi)));
        text = ps_bytes_from(text, len + (end == NULL ? 0 : 1));
    } while (text.len != 0);
    return PS_OK;
}

/* --- Blocks --- */

static const struct column whole = {MARGIN, WIDTH};

/* What stands on the left of the text's first line. */
static enum ps_err put_left(struct pdf *pdf, const struct style *style, unsigned x,
                            struct ps_bytes text)
{
    PS_BUF_AUTO ansi = {.max = 8 * text.len + 64};

    PS_TRY(put_ansi(text, &ansi));
    put_line_at(pdf, style, x, ps_buf_bytes(&ansi));
    return PS_OK;
}

static enum ps_err put_pair(struct pdf *pdf, const struct page_block *block)
{
    static const struct style label = {BOLD, 80, 112, soft};
    static const struct style text = {REGULAR, 80, 112, ink};
    static const struct column column = {MARGIN + 1180, WIDTH - 1180};

    PS_TRY(need(pdf, text.leading));
    PS_TRY(put_left(pdf, &label, MARGIN, block->label));
    return put_text(pdf, &text, &column, block->text);
}

static enum ps_err put_finding(struct pdf *pdf, const struct page_block *block)
{
    static const char *const words[] = {"PASS", "NOTE", "FAIL"};
    const struct style verdict = {BOLD, 85, 120, verdict_colors[block->verdict]};
    static const struct style label = {REGULAR, 85, 120, soft};
    static const struct style text = {REGULAR, 85, 120, ink};
    static const struct column column = {MARGIN + 1050, WIDTH - 1050};

    PS_TRY(need(pdf, text.leading));
    PS_TRY(put_left(pdf, &verdict, MARGIN, ps_bytes_str(words[block->verdict])));
    PS_TRY(put_left(pdf, &label, MARGIN + 350, block->label));
    return put_text(pdf, &text, &column, block->text);
}

static enum ps_err put_headed(struct pdf *pdf, const struct page_block *block,
                              const struct style *style, unsigned before)
{
    static const struct style label = {REGULAR, 75, 105, soft};

    /* No heading stands alone at the end of a page. */
    PS_TRY(need(pdf, before + 4 * style->leading));
    pdf->y -= before;
    PS_TRY(put_text(pdf, style, &whole, block->text));
    if (block->label.len != 0) {
        PS_TRY(put_text(pdf, &label, &whole, block->label));
    }
    pdf->y -= 40;
    return PS_OK;
}

static enum ps_err put_block(struct pdf *pdf, const struct page_block *block)
{
    static const struct style title = {BOLD, 190, 240, ink};
    static const struct style heading = {BOLD, 130, 170, ink};
    static const struct style part = {BOLD, 100, 140, ink};
    static const struct style text = {REGULAR, 90, 126, ink};
    static const struct style octets = {FIXED, 70, 88, ink};
    static const struct column inner = {MARGIN + 80, WIDTH - 160};

    switch (block->kind) {
    case PAGE_TITLE:
        return put_headed(pdf, block, &title, 0);
    case PAGE_HEADING:
        return put_headed(pdf, block, &heading, 180);
    case PAGE_PART:
        return put_headed(pdf, block, &part, 110);
    case PAGE_PAIR:
        return put_pair(pdf, block);
    case PAGE_FINDING:
        return put_finding(pdf, block);
    case PAGE_OCTETS:
        PS_TRY(need(pdf, 60 + octets.leading));
        pdf->y -= 40;
        PS_TRY(put_text(pdf, &octets, &inner, block->text));
        pdf->y -= 40;
        return PS_OK;
    case PAGE_TEXT:
    case PAGE_KIND_COUNT:
        break;
    }
    return put_text(pdf, &text, &whole, block->text);
}

/* --- The file --- */

static const char fixed_objects[] =
    "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    "3 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>\nendobj\n"
    "4 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>\n"
    "endobj\n"
    "5 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>\nendobj\n";

static size_t offset_of_fixed(unsigned number)
{
    char begin[16];

    (void)snprintf(begin, sizeof begin, "\n%u 0 obj\n", number);
    return (size_t)(strstr(fixed_objects, begin) - fixed_objects) + 1;
}

static uint32_t offset_at(const struct pdf *pdf, size_t index)
{
    const uint8_t *at = pdf->offsets.data + 4 * index;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Section 7.5.4: each entry has 20 octets. */
static void put_end(struct pdf *pdf, size_t pages_at)
{
    const unsigned count = FIRST_PAGE + 2 * pdf->pages;
    const size_t table = pdf->out->len;

    ps_buf_printf(pdf->out, "xref\n0 %u\n0000000000 65535 f \n", count);
    for (unsigned number = 1; number < count; number++) {
        const size_t offset = number == 2           ? pages_at
                              : number < FIRST_PAGE ? offset_of_fixed(number)
                                                    : offset_at(pdf, number - FIRST_PAGE);

        ps_buf_printf(pdf->out, "%010zu 00000 n \n", offset);
    }
    ps_buf_printf(pdf->out, "trailer\n<</Size %u/Root 1 0 R>>\nstartxref\n%zu\n%%%%EOF\n", count,
                  table);
}

static void put_pages(struct pdf *pdf)
{
    ps_buf_put_str(pdf->out, "2 0 obj\n<</Type/Pages/Kids[");
    for (unsigned i = 0; i < pdf->pages; i++) {
        ps_buf_printf(pdf->out, "%s%u 0 R", i == 0 ? "" : " ", FIRST_PAGE + 2 * i);
    }
    ps_buf_printf(pdf->out, "]/Count %u>>\nendobj\n", pdf->pages);
}

static void clear(struct pdf *pdf)
{
    ps_buf_clear(&pdf->offsets);
    ps_buf_clear(&pdf->content);
}

enum ps_err page_put_pdf(const struct page *page, struct ps_buf *out)
{
    PS_CLEANUP(clear)
    struct pdf pdf = {.out = out,
                      .offsets = {.max = (size_t)8 * (PAGES_MAX + 1)},
                      .content = {.max = 1024u * 1024u},
                      .y = PAGE_HEIGHT - MARGIN};
    struct page_block block;
    size_t pages_at;

    PS_TRY(page_status(page));
    ps_buf_put_str(out, fixed_objects);
    for (size_t i = 0; page_at(page, i, &block); i++) {
        PS_TRY(put_block(&pdf, &block));
    }
    PS_TRY(end_page(&pdf));
    PS_TRY(ps_buf_status(&pdf.offsets));
    pages_at = out->len;
    put_pages(&pdf);
    put_end(&pdf, pages_at);
    return ps_buf_status(out);
}
