#include "tests/fuzz/fuzz.h"

#include "lib/formats/pem.h"

#include <assert.h>

/* What is taken is written and taken again as the same octets; what is refused stays. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ps_bytes rest = ps_bytes(data, size);
    enum ps_err err = PS_OK;

    while (err == PS_OK) {
        const struct ps_bytes before = rest;
        struct ps_bytes text;
        PS_BUF_AUTO der = {.max = 1u << 20};
        PS_BUF_AUTO again = {.max = 1u << 20};
        PS_BUF_AUTO written = {.max = 1u << 21};

        err = pem_take(&rest, PEM_CERTIFICATE, &der);
        if (err != PS_OK) {
            assert(ps_bytes_equal(rest, before));
            break;
        }
        pem_put(PEM_CERTIFICATE, ps_buf_bytes(&der), &written);
        text = ps_buf_bytes(&written);
        assert(pem_take(&text, PEM_CERTIFICATE, &again) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&again), ps_buf_bytes(&der)));
    }
    return 0;
}
