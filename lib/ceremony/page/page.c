#include "lib/ceremony/page/page.h"

#include <stdlib.h>

#define BLOCKS_MAX 200000u
#define TEXT_MAX   (256u * 1024u * 1024u)

/* Where a block's texts are in `text`, which moves while it grows. */
struct block {
    enum page_kind kind;
    enum log_verdict verdict;
    size_t label;
    size_t label_len;
    size_t content;
    size_t content_len;
};

struct page {
    struct ps_buf text;
    struct block *blocks;
    size_t count;
    size_t room;
    enum ps_err err;
};

enum ps_err page_new(struct page **ret_page)
{
    struct page *page = calloc(1, sizeof *page);

    if (page == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&page->text, TEXT_MAX);
    *ret_page = page;
    return PS_OK;
}

void page_free(struct page *page)
{
    if (page != NULL) {
        ps_buf_clear(&page->text);
        free(page->blocks);
        free(page);
    }
}

static enum ps_err make_room(struct page *page)
{
    const size_t room = page->room == 0 ? 256 : 2 * page->room;
    struct block *blocks;

    if (page->count < page->room) {
        return PS_OK;
    }
    if (page->count >= BLOCKS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than fits on pages");
    }
    blocks = reallocarray(page->blocks, room, sizeof *blocks);
    if (blocks == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    page->blocks = blocks;
    page->room = room;
    return PS_OK;
}

void page_add(struct page *page, const struct page_block *block)
{
    struct block kept = {.kind = block->kind,
                         .verdict = block->verdict,
                         .label = page->text.len,
                         .label_len = block->label.len,
                         .content_len = block->text.len};

    ps_buf_put(&page->text, block->label);
    kept.content = page->text.len;
    ps_buf_put(&page->text, block->text);
    if (page->err == PS_OK) {
        page->err = ps_buf_status(&page->text);
    }
    if (page->err == PS_OK) {
        page->err = make_room(page);
    }
    if (page->err == PS_OK) {
        page->blocks[page->count++] = kept;
    }
}

void page_add_str(struct page *page, enum page_kind kind, const char *label, const char *text)
{
    page_add(page, &(struct page_block){.kind = kind,
                                        .label = ps_bytes_str(label == NULL ? "" : label),
                                        .text = ps_bytes_str(text)});
}

void page_add_buf(struct page *page, enum page_kind kind, const char *label,
                  const struct ps_buf *text)
{
    const enum ps_err err = ps_buf_status(text);

    if (page->err == PS_OK) {
        page->err = err;
    }
    page_add(page, &(struct page_block){.kind = kind,
                                        .label = ps_bytes_str(label == NULL ? "" : label),
                                        .text = ps_buf_bytes(text)});
}

enum ps_err page_status(const struct page *page)
{
    return page->err;
}

bool page_at(const struct page *page, size_t index, struct page_block *ret_block)
{
    const struct block *block;

    if (index >= page->count) {
        return false;
    }
    block = &page->blocks[index];
    *ret_block =
        (struct page_block){.kind = block->kind,
                            .verdict = block->verdict,
                            .label = ps_bytes(page->text.data + block->label, block->label_len),
                            .text = ps_bytes(page->text.data + block->content, block->content_len)};
    return true;
}
