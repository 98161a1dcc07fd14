#include "tests/fuzz/fuzz.h"

#include "keystore/catalog/catalog.h"

#include <assert.h>

/* Effects of two leaves: each is taken whole or changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *catalog = NULL;
    PS_CLEANUP(catalog_close_cleanup) struct catalog *before = NULL;
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    const size_t len = end == NULL ? size : (size_t)(end - data);
    const struct ps_bytes first = ps_bytes(data, len);
    const struct ps_bytes second = ps_bytes_from(ps_bytes(data, size), len + 1);

    assert(catalog_open_memory(&catalog) == PS_OK && catalog_open_memory(&before) == PS_OK);
    if (catalog_apply_effects(catalog, first, 1) == PS_OK) {
        assert(catalog_apply_effects(before, first, 1) == PS_OK);
    }
    assert(catalog_compare(catalog, before) == PS_OK);
    if (catalog_apply_effects(catalog, second, 2) != PS_OK) {
        assert(catalog_compare(catalog, before) == PS_OK);
    }
    assert(catalog_compare(catalog, catalog) == PS_OK);
    return 0;
}
