#include "tests/fuzz/fuzz.h"

#include "frontends/plugins/http/config.h"
#include "frontends/plugins/registry/config.h"

#include <assert.h>

/* What is refused has a line that says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(registry_config_free_cleanup) struct registry_config *registry = NULL;
    PS_CLEANUP(identity_config_free_cleanup) struct identity_config *identity = NULL;
    PS_BUF_AUTO first = {.max = 8u << 20};
    PS_BUF_AUTO second = {.max = 8u << 20};
    enum ps_err err = registry_config_parse("fuzz.conf", ps_bytes(data, size), &first, &registry);

    assert((err == PS_OK) == (first.len == 0) && (err == PS_OK) == (registry != NULL));
    err = identity_config_parse("fuzz.conf", ps_bytes(data, size), &second, &identity);
    assert((err == PS_OK) == (second.len == 0) && (err == PS_OK) == (identity != NULL));
    return 0;
}
