#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/operation/text.h"

#include <assert.h>

/* What is read as a document is in its only form, and fits on a page that holds no control. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    struct operation_document document;
    PS_BUF_AUTO page = {.max = OPERATION_TEXT_MAX};

    assert(json != NULL || json_new(&json) == PS_OK);
    if (operation_document_parse(json, ps_bytes(data, size), &document) != PS_OK) {
        return 0;
    }
    assert(json_check_canonical(document.root) == PS_OK);
    assert(operation_text_put(&document, &page) == PS_OK);
    assert(operation_text_put_difference(&document, &document, &page) == PS_OK);
    for (size_t i = 0; i < page.len; i++) {
        assert(page.data[i] == '\n' || (page.data[i] >= ' ' && page.data[i] != 0x7f));
    }
    return 0;
}
