#include "tests/fuzz/fuzz.h"

#include "lib/formats/tlog/proof_text.h"

#include <assert.h>

/* A proof, and a request to a witness, that are read are written again as the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ps_bytes text = ps_bytes(data, size);
    struct witness_request request;
    struct tlog_proof proof;
    PS_BUF_AUTO extra = {.max = 1024 * 1024};
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    if (tlog_proof_parse(text, &extra, &proof) == PS_OK) {
        tlog_proof_put(&proof, &out);
    } else if (witness_request_parse(text, &request) == PS_OK) {
        witness_request_put(&request, &out);
    }
    assert(out.len == 0 || ps_bytes_equal(ps_buf_bytes(&out), text));
    return 0;
}
