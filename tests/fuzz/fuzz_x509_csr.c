#include "tests/fuzz/fuzz.h"

#include "lib/formats/x509/csr.h"

#include <assert.h>

/* What is read can be written again, and says the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x509_csr csr;
    PS_BUF_AUTO info;

    ps_buf_init(&info, 2 * X509_CSR_MAX);
    if (x509_csr_read(ps_bytes(data, size), &csr) == PS_OK) {
        const enum ps_err err = x509_put_csr_info(&csr.subject, &csr.sans, csr.spki, &info);

        assert(err == PS_OK);
    }
    x509_csr_clear(&csr);
    return 0;
}
