#include "tests/fuzz/fuzz.h"

#include "tests/unit/record_round_trip.h"

#include <assert.h>

/* A row of any kind in its canonical form: what a reader takes, its writer gives back to the octet.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    PS_BUF_AUTO out = {.max = 1u << 21};
    struct json_value row;

    assert(json != NULL || json_new(&json) == PS_OK);
    if (json_parse(json, ps_bytes(data, size), &limits, &row) != PS_OK ||
        json_check_canonical(row) != PS_OK) {
        return 0;
    }
    for (unsigned kind = 0; kind < CATALOG_AUTHORISING_COUNT; kind++) {
        ps_buf_reset(&out);
        if (record_round_trip((enum catalog_kind)kind, row, &out) == PS_OK) {
            assert(ps_bytes_equal(ps_buf_bytes(&out), ps_bytes(data, size)));
        }
    }
    return 0;
}
