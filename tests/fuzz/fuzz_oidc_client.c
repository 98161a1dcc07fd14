#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/envelope.h"
#include "lib/base/clock.h"

#include <assert.h>

/* A request of client management: what is taken is whole, what is not has a mistake to tell. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned shapes[] = {SHAPE_CREATE | SHAPE_NAMES | SHAPE_CONFIG, SHAPE_UPDATE,
                                      SHAPE_PATCH | SHAPE_NAMES | SHAPE_CONFIG};
    static struct json *json;
    struct json_value request;
    uint64_t now_ns = 0;

    assert(json != NULL || json_new(&json) == PS_OK);
    assert(ps_time_parse(ps_bytes_str("2026-01-02T03:04:05.000Z"), &now_ns) == PS_OK);
    (void)client_redirect_uri_valid(ps_bytes(data, size));
    if (envelope_open(json, ps_bytes(data, size), now_ns, &request) != PS_OK) {
        return 0;
    }
    for (size_t i = 0; i < PS_COUNT_OF(shapes); i++) {
        struct client_mistakes mistakes = {.count = 0};
        CLIENT_AUTO client;
        enum ps_err err;

        client_init(&client);
        err = client_read(request, shapes[i], ps_bytes_str("name email"), &client, &mistakes);
        assert((err == PS_OK) == (mistakes.count == 0));
        assert(err != PS_OK || shapes[i] != shapes[0] ||
               (client.id.len != 0 && client.fields[CLIENT_PUBLIC_KEY_ID].len == 43));
    }
    return 0;
}
