#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/custody/paper.h"
#include "lib/ceremony/custody/passphrase_box.h"

#include <assert.h>

/* What was typed in reads as what its octets would be printed as. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_BUF_AUTO octets = {.max = PAPER_OCTETS_MAX};
    PS_BUF_AUTO text = {.max = PAPER_TEXT_MAX};
    PS_BUF_AUTO again = {.max = PAPER_OCTETS_MAX};
    struct box box;

    if (paper_read(ps_bytes(data, size), &octets) != PS_OK) {
        return 0;
    }
    paper_put_code(ps_buf_bytes(&octets), &text);
    assert(paper_read(ps_buf_bytes(&text), &again) == PS_OK);
    assert(ps_bytes_equal(ps_buf_bytes(&octets), ps_buf_bytes(&again)));
    return box_read(ps_buf_bytes(&octets), &box) == PS_OK && box.officer.len == 0;
}
