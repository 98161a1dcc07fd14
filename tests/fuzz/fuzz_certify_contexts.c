#include "tests/fuzz/fuzz.h"

#include "frontends/certify/contexts.h"

#include <assert.h>

/* No file that is named lies elsewhere than beside the list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct contexts_entry entries[CONTEXTS_MAX];
    static struct json *json;
    size_t count = 0;

    assert(json != NULL || json_new(&json) == PS_OK);
    if (contexts_parse(ps_bytes(data, size), json, entries, &count) != PS_OK) {
        assert(count == 0);
    }
    for (size_t i = 0; i < count; i++) {
        assert(entries[i].file.len != 0 && entries[i].file.data[0] != '.');
        assert(memchr(entries[i].file.data, '/', entries[i].file.len) == NULL);
    }
    return 0;
}
