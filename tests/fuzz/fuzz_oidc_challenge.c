#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/challenge.h"

#include <assert.h>

/* What a person shows: what is refused has a code, what is taken is within the plugin's limits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {1u << 20, 8, 1000, false};
    static struct json *json;
    struct challenges challenges = {.count = 0};
    struct otp_request otp = {.count = 0};
    struct json_value root;
    const char *code = NULL;

    assert(json != NULL || json_new(&json) == PS_OK);
    if (json_parse(json, ps_bytes(data, size), &limits, &root) != PS_OK ||
        json_type(root) != JSON_OBJECT) {
        return 0;
    }
    if (challenge_read(root, &challenges, &code) == PS_OK) {
        assert(challenges.count >= 1 && challenges.count <= PRIVYSEAL_AUTH_CHALLENGES);
        assert(challenges.types.len != 0 && challenges.individual.len <= PRIVYSEAL_AUTH_ID_MAX);
    } else {
        assert(code != NULL);
    }
    code = NULL;
    if (challenge_read_otp(root, ps_bytes_str("email phone"), &otp, &code) == PS_OK) {
        assert(otp.count >= 1 && otp.count <= PRIVYSEAL_AUTH_CHALLENGES);
    } else {
        assert(code != NULL);
    }
    return 0;
}
