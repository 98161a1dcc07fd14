#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/log/archive.h"

#include <assert.h>
#include <string.h>

/* Each line of a manifest is a hash and a path that does not lead out of its directory. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ps_bytes rest = ps_bytes(data, size);
    struct log_manifest_line line;

    while (rest.len != 0 && log_manifest_take(&rest, &line) == PS_OK) {
        assert(line.hash.len == 2 * PS_SHA256_LEN && line.path.len != 0);
        assert(line.path.data[0] != '/');
        assert(memmem(line.path.data, line.path.len, "..", 2) == NULL);
    }
    return 0;
}
