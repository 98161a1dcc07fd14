#include "tests/fuzz/fuzz.h"

#include "appliance/config/config.h"

#include <assert.h>

/* What is refused has a line that says why; what is accepted is the same as itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = NULL;
    struct config *again = NULL;
    PS_BUF_AUTO text;
    enum ps_err err;
    ps_buf_init(&text, 8u << 20);
    err = config_parse("fuzz.conf", ps_bytes(data, size), &text, &config);
    assert((err == PS_OK) == (text.len == 0) && (err == PS_OK) == (config != NULL));
    if (err == PS_OK) {
        assert(config_parse("fuzz.conf", ps_bytes(data, size), &text, &again) == PS_OK);
        config_put_changes(config, again, false, &text);
        config_put_changes(config, again, true, &text);
        assert(text.len == 0);
    }
    config_free(config);
    config_free(again);
    return 0;
}
