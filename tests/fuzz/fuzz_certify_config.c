#include "tests/fuzz/fuzz.h"

#include "frontends/certify/config.h"

#include <assert.h>

/* What is refused has a line that says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct certify_config *config = NULL;
    PS_BUF_AUTO errors = {.max = 8u << 20};
    const enum ps_err err =
        certify_config_parse("fuzz.conf", ps_bytes(data, size), &errors, &config);

    assert((err == PS_OK) == (errors.len == 0) && (err == PS_OK) == (config != NULL));
    certify_config_free(config);
    return 0;
}
