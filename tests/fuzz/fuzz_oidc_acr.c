#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/acr.h"
#include "lib/formats/json/json.h"

#include <assert.h>

/* A file of factors: of what is taken, the answer is JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {1u << 20, 8, 20000, false};
    static struct json *json;
    PS_CLEANUP(acr_free_cleanup) struct acr_map *map = NULL;
    PS_BUF_AUTO out = {.max = 1u << 20};
    struct json_value root;

    assert(json != NULL || json_new(&json) == PS_OK);
    if (size == 0 || acr_new(ps_bytes(data, size), &map) != PS_OK) {
        return 0;
    }
    acr_put_factors(map, ps_bytes_str("a mosip:idp:acr:generated-code mosip:idp:acr:biometrics a"),
                    ps_bytes_str("OTP BIO PIN"), &out);
    assert(ps_buf_status(&out) == PS_OK);
    assert(json_parse(json, ps_buf_bytes(&out), &limits, &root) == PS_OK);
    assert(json_type(root) == JSON_ARRAY);
    ps_buf_reset(&out);
    acr_put_ways(map, ps_bytes_str("mosip:idp:acr:generated-code"), ps_bytes_str("OTP PIN"), &out);
    assert(ps_buf_status(&out) == PS_OK && (out.len == 0 || out.data[out.len - 1] == '\n'));
    return 0;
}
