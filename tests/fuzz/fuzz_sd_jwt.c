#include "tests/fuzz/fuzz.h"

#include "lib/formats/jose/sd_jwt.h"
#include "lib/formats/jose/x5c.h"

#include <assert.h>

/* The payload of an SD-JWT, or its type, or a chain of one certificate. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ps_bytes text = ps_bytes(data, size);
    const struct jwt_pins pins = {.issuer = ps_bytes_str("https://a.example"), .max_ttl_s = 60};
    PS_BUF_AUTO out = {.max = 4 * 1024 * 1024};

    if (sd_jwt_check(ps_bytes_str("{\"vct\":\"a\"}"), text, 0, &(struct jwt_pins){0}) == PS_OK) {
        assert(sd_jwt_is_type(text));
    }
    (void)!sd_jwt_check(text, ps_bytes_str("a+sd-jwt"), 1700000000, &(struct jwt_pins){0});
    (void)!sd_jwt_check(text, ps_bytes_str("dc+sd-jwt"), 1700000000, &pins);
    (void)x5c_is_self_issued(text);
    x5c_put((const struct ps_bytes[]){text, text}, 2, &out);
    return 0;
}
