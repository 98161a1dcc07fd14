#include "tests/fuzz/fuzz.h"

#include "frontends/certify/disclose.h"
#include "frontends/certify/vc_template.h"

#include <assert.h>

static const struct json_limits limits = {65536, 16, 2000, false};

/* A template filled with itself is JSON, and so are its claims when some are kept back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    static struct json *other;
    struct template_values values = {.count = 0};
    struct json_value root;
    PS_BUF_AUTO made = {.max = 8u << 20};
    PS_BUF_AUTO payload = {.max = 8u << 20};
    PS_BUF_AUTO disclosures = {.max = 8u << 20};

    assert(json != NULL || (json_new(&json) == PS_OK && json_new(&other) == PS_OK));
    if (json_parse(json, ps_bytes(data, size), &limits, &values.data) != PS_OK ||
        vc_template_check(values.data) != PS_OK ||
        vc_template_render(values.data, &values, &made) != PS_OK ||
        json_parse(other, ps_buf_bytes(&made), &JSON_LIMITS_REQUEST, &root) != PS_OK ||
        json_type(root) != JSON_OBJECT) {
        return 0;
    }
    ps_buf_put_u8(&payload, '{');
    if (disclose_claims(root, ps_bytes_str("a\na.b\nc[*]\n"), &payload, &disclosures) == PS_OK) {
        ps_buf_put_u8(&payload, '}');
        assert(json_parse(other, ps_buf_bytes(&payload),
                          &(struct json_limits){8u << 20, 20, 90000, false}, &root) == PS_OK);
    }
    return 0;
}
