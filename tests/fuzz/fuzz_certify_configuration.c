#include "tests/fuzz/fuzz.h"

#include "frontends/certify/configuration.h"

#include <assert.h>

/* What is taken has all that a credential needs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct configuration *configuration = NULL;
    const enum ps_err err =
        configuration_read(ps_bytes(NULL, 0), ps_bytes(data, size), &configuration);

    assert((err == PS_OK) == (configuration != NULL));
    assert(err != PS_OK ||
           (configuration_id_valid(configuration->id) && configuration->key[0] != '\0' &&
            configuration->selector.len != 0 && configuration->template_json.len != 0));
    configuration_release(configuration);
    return 0;
}
