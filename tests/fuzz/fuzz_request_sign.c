#include "tests/fuzz/fuzz.h"

#include "api/sign/sign.h"

#include <assert.h>

/* Bodies of the signing routes: what is read can be sent to the keeper. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sign_verb *const verbs[] = {
        &sign_jws,  &sign_jwt, &sign_sd_jwt, &sign_raw, &sign_data_integrity,
        &sign_cose, &sign_cwt, &sign_jwe,    &sign_cms};
    static struct json *json;
    struct json_value body;
    PS_BUF_AUTO frame = {.max = 2 * 1024 * 1024};

    assert(json != NULL || json_new(&json) == PS_OK);
    for (unsigned i = 0; i < 2 * PS_COUNT_OF(verbs); i++) {
        const struct sign_verb *verb = verbs[i / 2];
        union sign_message message = {0};
        struct sign_item item = {0};

        if (json_parse(json, ps_bytes(data, size), &JSON_LIMITS_REQUEST, &body) != PS_OK) {
            return 0;
        }
        if (verb->read(body, i % 2 == 1, &message, &item) == PS_OK) {
            assert(ipc_encode(verb->ask, &message, &frame) == PS_OK);
        }
    }
    return 0;
}
