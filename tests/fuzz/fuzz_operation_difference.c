#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/operation/text.h"

#include <assert.h>

/* Two documents, one after the other with a newline between. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *readers[2];
    const uint8_t *cut = size == 0 ? NULL : memchr(data, '\n', size);
    const size_t len = cut == NULL ? size : (size_t)(cut - data);
    struct operation_document before;
    struct operation_document now;
    PS_BUF_AUTO text = {.max = 2 * OPERATION_TEXT_MAX};

    for (size_t i = 0; i < 2; i++) {
        assert(readers[i] != NULL || json_new(&readers[i]) == PS_OK);
    }
    if (operation_document_parse(readers[0], ps_bytes(data, len), &before) == PS_OK &&
        operation_document_parse(readers[1], ps_bytes_from(ps_bytes(data, size), len + 1), &now) ==
            PS_OK &&
        before.type == now.type) {
        assert(operation_text_put_difference(&before, &now, &text) == PS_OK);
    }
    return 0;
}
