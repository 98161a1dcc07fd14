#include "tests/fuzz/fuzz.h"

#include "lib/formats/jose/jws.h"

#include <assert.h>

/* RFC 8037 appendix A.2, so that an EdDSA input gets as far as its signature. */
static const char jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct public_key *key;
    const struct ps_bytes text = ps_bytes(data, size);
    const struct ps_bytes detached = ps_bytes_str("$.02");
    const struct jws_header header = {
        .alg = PS_ALG_EDDSA, .kid = text, .members = text, .type = "JWT"};
    const struct jwt_defaults defaults = {.now_s = 1700000000, .ttl_s = 60, .jti = detached};
    struct jws_parsed jws;
    PS_BUF_AUTO memory = {.max = 4 * 1024 * 1024};

    assert(key != NULL || public_key_from_jwk(ps_bytes_str(jwk), &key) == PS_OK);
    if (jws_parse(text, NULL, &memory, &jws) == PS_OK ||
        jws_parse(text, &detached, &memory, &jws) == PS_OK) {
        (void)!jws_verify(&jws, key);
    }
    (void)!jws_put_header(&header, &memory);
    (void)!jwt_put_payload(text, &defaults, &(struct jwt_pins){.max_ttl_s = 300}, &memory);
    return 0;
}
