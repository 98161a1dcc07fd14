#include "tests/fuzz/fuzz.h"

#include "lib/formats/public_key/public_key.h"

#include <assert.h>

/* A key that is taken can be written and is taken again as the same key. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    PS_CLEANUP(public_key_free_cleanup) struct public_key *again = NULL;
    PS_BUF_AUTO jwk = {.max = 8192};

    if (public_key_from_jwk(ps_bytes(data, size), &key) != PS_OK) {
        return 0;
    }
    public_key_put_jwk(key, PS_ALG_ES256, "sig", &jwk);
    assert(public_key_from_jwk(ps_buf_bytes(&jwk), &again) == PS_OK);
    assert(ps_bytes_equal(public_key_kid(key), public_key_kid(again)));
    assert(ps_bytes_equal(public_key_spki(key), public_key_spki(again)));
    return 0;
}
