#include "lib/formats/pdf/internal.h"

/* Nodes of the page tree from its root to a page. */
#define LEVELS_MAX 64u

/* A node on the way, with what pages inherit from it (ISO 32000-1 section 7.7.3.4). */
struct node {
    struct pdf_page page;
    struct pdf_value kids; /* PDF_NULL: it is a page */
    bool has_box;
    uint64_t count; /* pages below it */
};

static enum ps_err read_box(struct pdf *pdf, struct pdf_value array, struct pdf_rectangle *ret_box)
{
    int64_t numbers[4];
    struct ps_bytes rest;
    struct pdf_value value;
    bool more;

    if (array.kind != PDF_ARRAY) {
        return pdf_bad("a page's /MediaBox is no array");
    }
    rest = pdf_inside(array);
    for (size_t i = 0; i < PS_COUNT_OF(numbers); i++) {
        PS_TRY(pdf_next_element(&rest, &value, &more));
        if (!more) {
            return pdf_bad("a page's /MediaBox has fewer than four numbers");
        }
        PS_TRY(pdf_resolve(pdf, value, &value));
        PS_TRY(pdf_thousandths(value, &numbers[i]));
    }
    /* Section 7.9.5: any two opposite corners. */
    *ret_box = (struct pdf_rectangle){
        .left = numbers[0] < numbers[2] ? numbers[0] : numbers[2],
        .bottom = numbers[1] < numbers[3] ? numbers[1] : numbers[3],
        .right = numbers[0] < numbers[2] ? numbers[2] : numbers[0],
        .top = numbers[1] < numbers[3] ? numbers[3] : numbers[1],
    };
    return PS_OK;
}

static enum ps_err read_rotation(struct pdf_value value, unsigned *ret_rotate)
{
    int64_t thousandths;
    int64_t degrees;

    PS_TRY(pdf_thousandths(value, &thousandths));
    degrees = thousandths / 1000 % 360;
    degrees += degrees < 0 ? 360 : 0;
    if (thousandths % 1000 != 0 || degrees % 90 != 0) {
        return pdf_bad("a page's /Rotate is no multiple of 90");
    }
    *ret_rotate = (unsigned)degrees;
    return PS_OK;
}

/* `parent`: what is inherited; NULL at the root. */
static enum ps_err read_node(struct pdf *pdf, struct pdf_value value, const struct node *parent,
                             struct node *ret_node)
{
    struct node node = {.kids = {.kind = PDF_NULL}};

    if (parent != NULL) {
        node.page = parent->page;
        node.has_box = parent->has_box;
    }
    PS_TRY(pdf_reference(value, &node.page.reference));
    PS_TRY(pdf_object(pdf, node.page.reference, &node.page.dict));
    PS_TRY(pdf_get_resolved(pdf, node.page.dict, "MediaBox", &value));
    if (value.kind != PDF_NULL) {
        PS_TRY(read_box(pdf, value, &node.page.media_box));
        node.has_box = true;
    }
    PS_TRY(pdf_get_resolved(pdf, node.page.dict, "Rotate", &value));
    if (value.kind != PDF_NULL) {
        PS_TRY(read_rotation(value, &node.page.rotate));
    }
    PS_TRY(pdf_get_resolved(pdf, node.page.dict, "Kids", &node.kids));
    if (node.kids.kind == PDF_ARRAY) {
        PS_TRY(pdf_get_resolved(pdf, node.page.dict, "Count", &value));
        PS_TRY(pdf_unsigned(value, PDF_OBJECTS_MAX, &node.count));
    } else {
        node.kids.kind = PDF_NULL;
        node.count = 1;
    }
    *ret_node = node;
    return PS_OK;
}

static enum ps_err count_elements(struct pdf_value array, uint64_t *ret_count)
{
    struct ps_bytes rest = pdf_inside(array);
    struct pdf_value value;
    bool more = true;

    for (*ret_count = 0; more; *ret_count += more ? 1 : 0) {
        PS_TRY(pdf_next_element(&rest, &value, &more));
    }
    return PS_OK;
}

/*
 * From a node to the one of its kids that has page number *skip below it, or is it. Where there are
 * as many kids as pages, each kid is a page, and those before are not looked at.
 */
static enum ps_err step_down(struct pdf *pdf, struct node *node, uint64_t *skip)
{
    struct ps_bytes rest = pdf_inside(node->kids);
    struct pdf_value value;
    struct node kid;
    uint64_t kids;
    bool more;

    PS_TRY(count_elements(node->kids, &kids));
    for (;;) {
        PS_TRY(pdf_next_element(&rest, &value, &more));
        if (!more) {
            return pdf_bad("its page tree has fewer pages than it says");
        }
        if (kids == node->count && *skip > 0) {
            --*skip;
            continue;
        }
        PS_TRY(read_node(pdf, value, node, &kid));
        if (*skip < kid.count) {
            *node = kid;
            return PS_OK;
        }
        *skip -= kid.count;
    }
}

enum ps_err pdf_find_page(struct pdf *pdf, uint32_t number, struct pdf_page *ret_page)
{
    struct pdf_value catalog;
    struct pdf_value value;
    struct node node;
    uint64_t skip = (uint64_t)number - 1;

    PS_TRY(pdf_get_resolved(pdf, pdf->tail.trailer, "Root", &catalog));
    PS_TRY(pdf_get(catalog, "Pages", &value));
    PS_TRY(read_node(pdf, value, NULL, &node));
    if (number == 0 || skip >= node.count) {
        return ps_fail(PS_E_STATE, 0, "the PDF has no page %u: it has %llu", number,
                       (unsigned long long)node.count);
    }
    for (unsigned levels = 0; node.kids.kind == PDF_ARRAY; levels++) {
        if (levels == LEVELS_MAX) {
            return pdf_bad("its page tree is too deep");
        }
        PS_TRY(step_down(pdf, &node, &skip));
    }
    if (!node.has_box) {
        return pdf_bad("a page has no /MediaBox");
    }
    *ret_page = node.page;
    return PS_OK;
}
