#include "tests/fuzz/fuzz.h"

#include "lib/formats/cose/cwt.h"

#include <assert.h>

/* What is read in the ordered form is read in any order, too, and written again as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ps_bytes octets = ps_bytes(data, size);
    const struct cwt_defaults defaults = {.now_s = 1700000000, .ttl_s = 60, .cti = octets};
    struct cbor_pair pairs[64];
    PS_BUF_AUTO memory = {.max = 4 * 1024 * 1024};
    PS_BUF_AUTO out = {.max = 4 * 1024 * 1024};
    struct cbor_map map = {.memory = &memory, .pairs = pairs, .room = 64};
    struct cbor_item item;

    if (cbor_parse(octets, CBOR_ORDERED, &item) == PS_OK && item.kind == CBOR_MAP &&
        cbor_map_add_all(&map, octets) == PS_OK) {
        assert(cbor_parse(octets, CBOR_ANY_ORDER, &item) == PS_OK);
        assert(cbor_put_map(&map, &out) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&out), octets));
    }
    ps_buf_reset(&out);
    if (cwt_put_claims(octets, &defaults, &out) == PS_OK) {
        assert(cbor_parse(ps_buf_bytes(&out), CBOR_ORDERED, &item) == PS_OK);
    }
    return 0;
}
