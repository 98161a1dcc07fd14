#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/custody/share.h"

#include <assert.h>

/* A share has one form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_BUF_AUTO again = {.max = SHARE_OCTETS_MAX};
    struct share share;

    if (share_read(ps_bytes(data, size), &share) == PS_OK) {
        assert(share_put(&share, &again) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&again), ps_bytes(data, size)));
    }
    return 0;
}
