#include "tests/fuzz/fuzz.h"

#include "frontends/certify/request.h"

#include <assert.h>

/* What is refused has a code, and what is taken has a proof. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    struct credential_request request;
    struct refusal refusal = {NULL, NULL};
    PS_BUF_AUTO selector = {.max = 2u * REQUEST_MAX};
    enum ps_err err;

    assert(json != NULL || json_new(&json) == PS_OK);
    err = request_read(ps_bytes(data, size), json, &request, &refusal);
    assert((err == PS_OK) == (refusal.code == NULL));
    if (err == PS_OK && request.draft) {
        err = request_put_selector(&request, &selector, &refusal);
        assert((err == PS_OK) == (refusal.code == NULL));
    } else if (err == PS_OK) {
        assert(request.id.len != 0);
    }
    return 0;
}
