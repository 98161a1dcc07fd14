#include "tests/fuzz/fuzz.h"

#include "lib/formats/pdf/update.h"

#include <assert.h>

/* What is signed can be read again, and signed once more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pdf_signature signature = {.page = 1,
                                            .cms_max = 8,
                                            .box = {0, 0, 100000, 20000},
                                            .lines = {ps_bytes_str("Keys")},
                                            .line_count = 1};
    PS_CLEANUP(pdf_free_cleanup) struct pdf *pdf = NULL;
    PS_CLEANUP(pdf_free_cleanup) struct pdf *again = NULL;
    struct pdf_slot slot;
    PS_BUF_AUTO update = {.max = 1024 * 1024};
    PS_BUF_AUTO file = {.max = 2 * 1024 * 1024};

    if (pdf_open(ps_bytes(data, size), &pdf) != PS_OK ||
        pdf_put_update(pdf, &signature, &update, &slot) != PS_OK) {
        return 0;
    }
    ps_buf_put(&file, ps_bytes(data, size));
    ps_buf_put(&file, ps_buf_bytes(&update));
    assert(slot.total == file.len && file.data[slot.begin] == '<');
    if (pdf_open(ps_buf_bytes(&file), &again) != PS_OK) {
        assert(ps_detail()->err == PS_E_LIMIT);
    }
    return 0;
}
