#ifndef TESTS_UNIT_OPERATION_DOCUMENTS_H
#define TESTS_UNIT_OPERATION_DOCUMENTS_H

#include "tests/unit/support.h"

#include "lib/ceremony/operation/document.h"

/* tests/vectors/operations/: a document of each type, and helpers to make others out of them. */

static inline PS_UNUSED void read_document(const char *type, struct ps_buf *out)
{
    char name[64];

    (void)snprintf(name, sizeof name, "operations/%s.json", type);
    read_vectors(name, out);
}

/* The first `from` in `text` becomes `to`; it has to be there. */
static inline PS_UNUSED void replace(struct ps_buf *text, const char *from, const char *to)
{
    const size_t len = strlen(from);
    uint8_t *at = memmem(text->data, text->len, from, len);
    PS_BUF_AUTO copy;

    assert_non_null(at);
    ps_buf_init(&copy, READ_FILE_MAX);
    ps_buf_put(&copy, ps_bytes(text->data, (size_t)(at - text->data)));
    ps_buf_put_str(&copy, to);
    ps_buf_put(&copy, ps_bytes(at + len, text->len - (size_t)(at - text->data) - len));
    assert_ok(ps_buf_status(&copy));
    ps_buf_reset(text);
    ps_buf_put(text, ps_buf_bytes(&copy));
    assert_ok(ps_buf_status(text));
}

/* True when the octets hold the text. */
static inline PS_UNUSED bool contains(const struct ps_buf *octets, const char *text)
{
    return memmem(octets->data, octets->len, text, strlen(text)) != NULL;
}

#endif
