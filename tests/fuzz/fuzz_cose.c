#include "tests/fuzz/fuzz.h"

#include "lib/formats/cose/cose.h"

#include <assert.h>

/* RFC 8037 appendix A.2, so that an EdDSA input gets as far as its signature. */
static const char jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct public_key *key;
    const struct ps_bytes octets = ps_bytes(data, size);
    const struct cose_header header = {.alg = PS_ALG_EDDSA, .kid = octets, .members = octets};
    PS_CLEANUP(public_key_free_cleanup) struct public_key *other = NULL;
    enum ps_alg alg = PS_ALG_NONE;
    struct cose_parsed cose;
    PS_BUF_AUTO out = {.max = 4 * 1024 * 1024};

    assert(key != NULL || public_key_from_jwk(ps_bytes_str(jwk), &key) == PS_OK);
    if (cose_parse(octets, NULL, &cose) == PS_OK || cose_parse(octets, &octets, &cose) == PS_OK) {
        (void)!cose_verify(&cose, octets, cose.alg, key);
    }
    if (cose_key_read(octets, &other, &alg) == PS_OK) {
        assert(cose_key_put(other, alg, &out) == PS_OK);
    }
    ps_buf_reset(&out);
    (void)!cose_put_header(&header, &out);
    return 0;
}
