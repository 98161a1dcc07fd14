#include "tests/fuzz/fuzz.h"

#include "lib/formats/json/json.h"

#include <assert.h>

/* Whatever is accepted can be walked, and every value in it read. */
static void walk(struct json_value value)
{
    struct json_value inner;
    struct ps_bytes text;
    uint32_t cursor = 0;
    size_t count = 0;
    assert((json_string(value, &text) == PS_OK) == (json_type(value) == JSON_STRING));
    for (; json_next(value, &cursor, &text, &inner); count++) {
        walk(inner);
    }
    assert(count == json_count(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    struct json_value root;
    assert(json != NULL || json_new(&json) == PS_OK);
    if (json_parse(json, ps_bytes(data, size), &JSON_LIMITS_REQUEST, &root) == PS_OK) {
        walk(root);
    }
    return 0;
}
