#include "lib/ceremony/page/page.h"

#include "lib/base/encode.h"
#include "lib/ceremony/operation/text.h"

/* Everything is in the file: no script, no font, no picture, nothing is fetched. */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n<title>";
static const char style[] =
    "</title>\n<style>\n"
    ":root{color-scheme:light;--ink:#1b2430;--soft:#5b6675;--line:#d9dee5;--good:#14663a;"
    "--note:#7a5b00;--bad:#a11212;--paper:#fff;--shade:#f5f7fa}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:#eceff3;color:var(--ink);"
    "font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",\"Liberation Sans\",sans-serif}\n"
    "main{max-width:60rem;margin:2rem auto;padding:3rem 3.5rem;background:var(--paper);"
    "border:1px solid var(--line);border-radius:6px}\n"
    "header{border-bottom:3px solid var(--ink);margin-bottom:1.5rem}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem}\n"
    "header p{margin:0 0 1rem;color:var(--soft)}\n"
    "h2{font-size:1.3rem;margin:2.4rem 0 .2rem;padding-top:1rem;border-top:1px solid var(--line)}\n"
    ".for{margin:0 0 1rem;color:var(--soft);font-size:.85rem}\n"
    "h3{font-size:1.05rem;margin:1.8rem 0 .4rem}\n"
    "p{margin:.5rem 0}\n"
    ".pair{display:grid;grid-template-columns:12rem 1fr;gap:1rem;padding:.2rem 0;"
    "border-bottom:1px dotted var(--line)}\n"
    ".pair b{font-weight:600;color:var(--soft)}\n"
    ".pair span{overflow-wrap:anywhere}\n"
    ".finding{display:grid;grid-template-columns:4rem 7rem 1fr;gap:.8rem;padding:.3rem .6rem;"
    "border-bottom:1px solid var(--line)}\n"
    ".finding b{letter-spacing:.04em}\n.finding i{color:var(--soft);font-style:normal}\n"
    ".finding span{overflow-wrap:anywhere}\n"
    ".pass b{color:var(--good)}\n.note b{color:var(--note)}\n"
    ".fail{background:#fdecec}\n.fail b{color:var(--bad)}\n"
    "pre{font:13px/1.45 ui-monospace,\"Liberation Mono\",monospace;background:var(--shade);"
    "border:1px solid var(--line);border-radius:4px;padding:.8rem 1rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere;margin:.6rem 0}\n"
    "@media (max-width:40rem){main{padding:1.2rem;margin:0;border:0}"
    ".pair,.finding{grid-template-columns:1fr;gap:0}}\n"
    "@media print{@page{size:A4;margin:18mm 16mm}body{background:#fff;font-size:10pt}"
    "main{margin:0;padding:0;border:0;max-width:none}h2,h3{break-after:avoid}"
    ".pair,.finding{break-inside:avoid}pre{font-size:8pt}}\n"
    "</style>\n</head>\n<body>\n<main>\n";

/* What could be seen as something else is written as \u{...}, and newlines stay. */
static void put_text(struct ps_bytes text, struct ps_buf *out)
{
    PS_BUF_AUTO visible = {.max = (size_t)8 * text.len + 64};

    operation_text_put_visible(text, &visible);
    ps_buf_put_html(out, ps_buf_bytes(&visible));
}

/* "<open>text</close>\n" */
static void put_element(const char *open, struct ps_bytes text, const char *close,
                        struct ps_buf *out)
{
    ps_buf_put_str(out, open);
    put_text(text, out);
    ps_buf_put_str(out, close);
}

static void put_finding(const struct page_block *block, struct ps_buf *out)
{
    static const char *const opens[] = {"<div class=\"finding pass\"><b>PASS</b><i>",
                                        "<div class=\"finding note\"><b>NOTE</b><i>",
                                        "<div class=\"finding fail\"><b>FAIL</b><i>"};

    put_element(opens[block->verdict], block->label, "</i>", out);
    put_element("<span>", block->text, "</span></div>\n", out);
}

static void put_block(const struct page_block *block, struct ps_buf *out)
{
    switch (block->kind) {
    case PAGE_TITLE:
        put_element("<header>\n<h1>", block->text, "</h1>\n", out);
        put_element("<p>", block->label, "</p>\n</header>\n", out);
        break;
    case PAGE_HEADING:
        put_element("<h2>", block->text, "</h2>\n", out);
        if (block->label.len != 0) {
            put_element("<p class=\"for\">", block->label, "</p>\n", out);
        }
        break;
    case PAGE_PART:
        put_element("<h3>", block->text, "</h3>\n", out);
        break;
    case PAGE_PAIR:
        put_element("<div class=\"pair\"><b>", block->label, "</b>", out);
        put_element("<span>", block->text, "</span></div>\n", out);
        break;
    case PAGE_FINDING:
        put_finding(block, out);
        break;
    case PAGE_OCTETS:
        put_element("<pre>", block->text, "</pre>\n", out);
        break;
    case PAGE_TEXT:
    case PAGE_KIND_COUNT:
        put_element("<p>", block->text, "</p>\n", out);
        break;
    }
}

enum ps_err page_put_html(const struct page *page, struct ps_buf *out)
{
    struct page_block block;

    PS_TRY(page_status(page));
    ps_buf_put_str(out, head);
    if (page_at(page, 0, &block)) {
        put_text(block.text, out);
    }
    ps_buf_put_str(out, style);
    for (size_t i = 0; page_at(page, i, &block); i++) {
        put_block(&block, out);
    }
    ps_buf_put_str(out, "</main>\n</body>\n</html>\n");
    return ps_buf_status(out);
}
