#include "tests/fuzz/fuzz.h"

#include "lib/formats/json/json.h"

#include <assert.h>

/* The canonical form of a text is a text, and its own canonical form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    const struct json_limits limits = {8 * 1024 * 1024, 16, 20000};
    struct json_value root;
    PS_BUF_AUTO first = {.max = 8 * 1024 * 1024};
    PS_BUF_AUTO second = {.max = 8 * 1024 * 1024};

    assert(json != NULL || json_new(&json) == PS_OK);
    if (json_parse(json, ps_bytes(data, size), &limits, &root) != PS_OK ||
        json_put_canonical(root, &first) != PS_OK) {
        return 0;
    }
    assert(json_parse(json, ps_buf_bytes(&first), &limits, &root) == PS_OK);
    assert(json_check_canonical(root) == PS_OK);
    assert(json_put_canonical(root, &second) == PS_OK);
    assert(ps_bytes_equal(ps_buf_bytes(&first), ps_buf_bytes(&second)));
    return 0;
}
