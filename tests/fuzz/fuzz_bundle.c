#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/bundle/bundle.h"

#include <assert.h>

static void on_row(void *context, const struct log_row *row)
{
    *(unsigned *)context += row->verdict == LOG_FAIL ? 1 : 0;
}

/* Whatever is read as a transcript can be verified, and says no if it is none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(bundle_free_cleanup) struct bundle *bundle = NULL;
    unsigned failures = 0;
    const struct bundle_check check = {.fn = on_row, .context = &failures};
    struct bundle_summary summary;
    enum ps_err err;

    if (bundle_parse(ps_bytes(data, size), &bundle) != PS_OK) {
        return 0;
    }
    err = bundle_verify(bundle, &check, &summary);
    assert(err == PS_E_NO_MEMORY || (err == PS_OK) == (failures == 0));
    return 0;
}
