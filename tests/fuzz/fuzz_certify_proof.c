#include "tests/fuzz/fuzz.h"

#include "frontends/certify/proof.h"
#include "frontends/certify/token.h"

#include <assert.h>

/* A proof of the one moment at which those of the corpus are good; and a token's outer form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    const struct proof_expected expected = {.audience = ps_bytes_str("https://issuer.example"),
                                            .client = ps_bytes_str("wallet"),
                                            .now_s = 1800000000};
    PS_BUF_AUTO memory = {.max = 4u * TOKEN_TEXT_MAX};
    struct jws_parsed jws;
    struct proof proof;

    assert(json != NULL || json_new(&json) == PS_OK);
    proof_init(&proof);
    if (proof_check(ps_bytes(data, size), &expected, json, &proof) == PS_OK) {
        assert(proof.did.len != 0 && proof.jwk.len != 0);
    }
    proof_clear(&proof);
    if (token_parse(ps_bytes(data, size), &memory, &jws) == PS_OK) {
        assert(jws.alg != PS_ALG_NONE);
    }
    return 0;
}
