#include "tests/fuzz/fuzz.h"

#include "api/verify/keyset.h"

#include <assert.h>

static enum ps_err try_key(void *context, const struct keyset_key *key)
{
    (void)context;
    assert(key->key != NULL && key->kid.len != 0);
    return public_key_verify(key->key, PS_ALG_ES256, ps_bytes_str("message"),
                             ps_bytes_str("no signature"));
}

/* JWK sets and arrays of certificates from outside. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct keyset_wish wish = {.alg = PS_ALG_NONE};
    static struct json *json;
    struct json_value root;

    assert(json != NULL || json_new(&json) == PS_OK);
    if (json_parse(json, ps_bytes(data, size), &JSON_LIMITS_REQUEST, &root) == PS_OK) {
        assert(keyset_try_jwks(root, &wish, try_key, NULL) != PS_OK);
        assert(keyset_try_certificates(root, &wish, try_key, NULL) != PS_OK);
    }
    return 0;
}
