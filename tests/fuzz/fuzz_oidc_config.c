#include "tests/fuzz/config_form.h"
#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_config_form(&oidc_config_form, ps_bytes(data, size));
    return 0;
}
