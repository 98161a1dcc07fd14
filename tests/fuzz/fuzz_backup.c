#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/backup/backup_read.h"

#include <assert.h>

/* In pieces of one octet the same comes out as in one piece. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct backup_trust trust = {.log_key = {NULL, 0}};
    const struct backup_calls calls = {.row = NULL};
    struct backup_summary summary;
    enum ps_err results[2];

    for (size_t pass = 0; pass < 2; pass++) {
        PS_CLEANUP(backup_reader_free_cleanup) struct backup_reader *reader = NULL;
        const size_t step = pass == 0 ? size : 1;

        assert(backup_reader_new(&trust, &calls, &reader) == PS_OK);
        results[pass] = PS_OK;
        for (size_t at = 0; at < size && results[pass] == PS_OK; at += step) {
            results[pass] = backup_reader_feed(reader, ps_bytes(data + at, step));
        }
        if (results[pass] == PS_OK) {
            results[pass] = backup_reader_finish(reader, &summary);
        }
    }
    assert(results[0] == results[1]);
    return 0;
}
