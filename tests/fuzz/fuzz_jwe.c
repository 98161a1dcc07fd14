#include "tests/fuzz/fuzz.h"

#include "lib/formats/jose/jwe.h"

#include <assert.h>
#include <stdlib.h>

/* RFC 7518 appendix C, Bob's key. */
static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                          "\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
                          "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct public_key *key;
    const struct ps_bytes text = ps_bytes(data, size);
    const struct jwe_header header = {.alg = JWE_ECDH_ES, .enc = JWE_A128GCM, .members = text};
    struct jwe_parsed jwe;
    PS_BUF_AUTO memory = {.max = 4 * 1024 * 1024};
    PS_BUF_AUTO out = {.max = 4 * 1024 * 1024};

    assert(key != NULL || public_key_from_jwk(ps_bytes_str(jwk), &key) == PS_OK);
    if (jwe_parse(text, &memory, &jwe) == PS_OK) {
        assert(jwe_open(&jwe.sealed, jwe.epk, &out) != PS_E_INTERNAL);
        ps_buf_reset(&out);
        jwe_put_compact(&jwe.sealed, &out);
        /* Each octet string has one text: what was read is what is written. */
        if (!ps_bytes_equal(ps_buf_bytes(&out), text)) {
            abort();
        }
    }
    (void)!jwe_seal(key, &header, text, &out);
    return 0;
}
