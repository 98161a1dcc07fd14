#include "tests/fuzz/config_form.h"
#include "tests/fuzz/fuzz.h"

#include "frontends/plugins/http/config.h"
#include "frontends/plugins/registry/config.h"

/* One is the other's mistake, and the reverse. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_config_form(&registry_config_form, ps_bytes(data, size));
    fuzz_config_form(&identity_config_form, ps_bytes(data, size));
    return 0;
}
