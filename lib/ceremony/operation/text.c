#include "lib/ceremony/operation/text.h"

#include "lib/base/encode.h"
#include "lib/ceremony/operation/value.h"
#include "lib/ceremony/words/pgp_words.h"

#include <assert.h>

/* The page. Values that are objects are told member by member, further to the right. */

#define INDENT         2u
#define WORDS_PER_LINE 4u

struct page {
    struct params params;
    struct ps_buf *out;
    unsigned depth;
};

static void put_member(struct page *page, const struct param *param, struct json_value value);

static void put_indent(const struct page *page)
{
    for (unsigned i = 0; i < page->depth * INDENT; i++) {
        ps_buf_put_u8(page->out, ' ');
    }
}

static void put_label(const struct page *page, const char *label)
{
    put_indent(page);
    ps_buf_put_str(page->out, label);
    ps_buf_put_u8(page->out, ':');
}

static void put_members(struct page *page, const struct param *parent, struct json_value object)
{
    const struct param *param;
    struct json_value value;
    size_t cursor = 0;

    page->depth++;
    while ((param = param_next_member(page->params, parent, &cursor)) != NULL) {
        if (param_find(object, param, &value)) {
            put_member(page, param, value);
        }
    }
    page->depth--;
}

static void put_map(struct page *page, const struct param *param, struct json_value map)
{
    const struct param *element = param_element(page->params, param);
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    page->depth++;
    while (json_next(map, &cursor, &name, &value)) {
        put_indent(page);
        ps_buf_printf(page->out, "\"%.*s\": ", PS_BYTES_FMT(name));
        operation_value_put(page->params, element, value, page->out);
        ps_buf_put_u8(page->out, '\n');
    }
    page->depth--;
}

static void put_elements(struct page *page, const struct param *param, struct json_value list)
{
    const struct param *element = param_element(page->params, param);
    struct json_value value;
    uint32_t cursor = 0;

    page->depth++;
    while (json_next(list, &cursor, NULL, &value)) {
        put_indent(page);
        ps_buf_put_str(page->out, "- ");
        operation_value_put(page->params, element, value, page->out);
        ps_buf_put_u8(page->out, '\n');
    }
    page->depth--;
}

static void put_objects(struct page *page, const struct param *param, struct json_value list)
{
    const struct param *element = param_element(page->params, param);
    struct json_value value;
    uint32_t cursor = 0;
    size_t number = 0;

    while (json_next(list, &cursor, NULL, &value)) {
        put_indent(page);
        ps_buf_printf(page->out, "%s %zu of %zu:\n", element->label, ++number, json_count(list));
        put_members(page, element, value);
    }
}

static void put_member(struct page *page, const struct param *param, struct json_value value)
{
    if (operation_value_is_list_of_objects(page->params, param) && json_count(value) != 0) {
        put_objects(page, param, value);
        return;
    }
    put_label(page, param->label);
    if (param->kind == PARAM_OBJECT) {
        ps_buf_put_u8(page->out, '\n');
        put_members(page, param, value);
    } else if (param->kind == PARAM_MAP && json_count(value) != 0) {
        ps_buf_put_u8(page->out, '\n');
        put_map(page, param, value);
    } else if (param->kind == PARAM_LIST && json_count(value) > 1) {
        ps_buf_put_u8(page->out, '\n');
        put_elements(page, param, value);
    } else {
        ps_buf_put_u8(page->out, ' ');
        operation_value_put(page->params, param, value, page->out);
        ps_buf_put_u8(page->out, '\n');
    }
}

/* The value of "{a.b}" in a sentence: a path that the type has, and always. */
static void put_blank(const struct operation_document *document, struct ps_bytes path,
                      struct ps_buf *out)
{
    const struct params params = operation_params_of(document->type);
    struct json_value value = document->params;
    const struct param *param = NULL;

    while (path.len != 0) {
        const uint8_t *dot = memchr(path.data, '.', path.len);
        const size_t len = dot == NULL ? path.len : (size_t)(dot - path.data);
        bool is_there;

        param = param_member(params, param, ps_bytes(path.data, len));
        is_there = param != NULL && param_find(value, param, &value);
        assert(is_there);
        path = ps_bytes_from(path, len + 1);
    }
    assert(param != NULL);
    operation_value_put_bare(params, param, value, out);
}

static void put_sentence(const struct operation_document *document, struct ps_buf *out)
{
    const char *at = document->type->sentence;

    while (*at != 0) {
        const size_t plain = strcspn(at, "{");
        const size_t len = strcspn(at + plain, "}");

        ps_buf_put(out, ps_bytes(at, plain));
        at += plain;
        if (len > 1) {
            put_blank(document, ps_bytes(at + 1, len - 1), out);
        }
        at += len + (at[len] == '}' ? 1 : 0);
    }
    ps_buf_put_u8(out, '\n');
}

/* All members of the document but its params, which stand above. */
static void put_about(const struct operation_document *document, struct ps_buf *out)
{
    struct page page = {.params = operation_params_of_document(), .out = out, .depth = 1};
    const struct param *param;
    struct json_value value;
    size_t cursor = 0;

    while ((param = param_next_member(page.params, NULL, &cursor)) != NULL) {
        if (param->kind != PARAM_PARAMS && param_find(document->root, param, &value)) {
            put_member(&page, param, value);
        }
    }
}

static void put_approvals(const struct operation_document *document, struct ps_buf *out)
{
    const struct operation_type_info *type = document->type;

    ps_buf_printf(out, "  Class %c: unless the policy in force says otherwise, %s.\n",
                  document->class, operation_class_text(document->class));
    if (type->approvals != NULL) {
        ps_buf_printf(out, "  %s\n", type->approvals);
    }
    if (type->about == OPERATION_ABOUT_KEY) {
        ps_buf_put_str(out, "  If the key's own class is higher, that one counts.\n");
    }
}

static void put_identity(const struct operation_document *document, struct ps_buf *out)
{
    const uint8_t *hash = document->hash;

    ps_buf_put_str(out, "  SHA-256: ");
    ps_buf_put_hex(out, ps_bytes(hash, PS_SHA256_LEN));
    ps_buf_put_str(out, "\n  Its first half in words:\n");
    for (size_t at = 0; at < PGP_WORDS_OF_DOCUMENT; at += WORDS_PER_LINE) {
        ps_buf_put_str(out, "    ");
        pgp_words_put(ps_bytes(hash + at, WORDS_PER_LINE), out);
        ps_buf_put_u8(out, '\n');
    }
}

enum ps_err operation_text_put(const struct operation_document *document, struct ps_buf *out)
{
    struct page page = {.params = operation_params_of(document->type), .out = out};

    if (document->is_practice) {
        ps_buf_put_str(out, "PRACTICE. This appliance is for practice only.\n\n");
    }
    put_sentence(document, out);
    ps_buf_put_str(out, "\nIn full:\n");
    if (json_count(document->params) == 0) {
        ps_buf_put_str(out, "  It has no parameters.\n");
    }
    put_members(&page, NULL, document->params);
    ps_buf_put_str(out, "\nAbout this document:\n");
    put_about(document, out);
    ps_buf_put_str(out, "\nWho has to approve it:\n");
    put_approvals(document, out);
    ps_buf_put_str(out, "\nWhat is signed:\n");
    put_identity(document, out);
    return ps_buf_status(out);
}
