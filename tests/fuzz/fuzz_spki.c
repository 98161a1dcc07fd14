#include "tests/fuzz/fuzz.h"

#include "lib/formats/public_key/public_key.h"

#include <assert.h>

/* A key has one encoding; signatures and certificates are read with the same octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    PS_CLEANUP(public_key_free_cleanup) struct public_key *other = NULL;
    const struct ps_bytes octets = ps_bytes(data, size);
    PS_BUF_AUTO raw = {.max = 256};
    PS_BUF_AUTO der = {.max = 256};

    if (public_key_from_spki(octets, &key) == PS_OK) {
        assert(ps_bytes_equal(public_key_spki(key), octets));
    }
    if (ecdsa_from_der(octets, 32, &raw) == PS_OK) {
        assert(raw.len == 64 && ecdsa_put_der(ps_buf_bytes(&raw), &der) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&der), octets));
    }
    (void)!public_key_from_certificate(octets, &other);
    public_key_free(other);
    other = NULL;
    (void)!public_key_from_pem(octets, &other);
    return 0;
}
