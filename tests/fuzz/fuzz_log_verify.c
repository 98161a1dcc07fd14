#include "tests/fuzz/log_files.h"

#include "lib/ceremony/log/verify.h"

static void on_row(void *context, const struct log_row *row)
{
    unsigned *failures = context;

    *failures += row->verdict == LOG_FAIL ? 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct log_verify_request request = {.directory = log_files_directory()};
    struct log_summary summary = {0};
    unsigned failures = 0;
    enum ps_err err;

    log_files_write(ps_bytes(data, size));
    err = log_verify(&request, on_row, &failures, &summary);
    assert((err == PS_OK) == (failures == 0 && summary.trees == 1));
    log_files_remove();
    return 0;
}
