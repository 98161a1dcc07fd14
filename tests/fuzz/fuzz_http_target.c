#include "tests/fuzz/fuzz.h"

#include "api/internal.h"
#include "api/read/log.h"

#include <assert.h>

/* A request target: split, routed, and read as the path of a tile. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[HTTP_TARGET_MAX + 1];
    struct http_target target;
    struct route_match match;
    struct log_tile_path path;

    if (size > sizeof text) {
        return 0;
    }
    memcpy(text, data, size);
    if (http_target_split(text, size, &target) == PS_OK) {
        assert(target.path.len <= HTTP_TARGET_MAX && target.query.len < HTTP_QUERY_MAX);
    }
    (void)http_etag_named(ps_bytes(data, size), ps_bytes_str("a"));
    if (http_target_parse(text, size, &target) != PS_OK) {
        return 0;
    }
    assert(size <= HTTP_TARGET_MAX && target.path.data[0] == '/');
    for (unsigned listener = LISTENS_CLIENTS; listener <= LISTENS_MANAGEMENT; listener++) {
        route_find(listener, HTTP_GET, &target, &match);
        assert(match.route == NULL || match.methods != 0);
    }
    return log_tile_parse(target.segments, target.segment_count, &path) == PS_E_INTERNAL;
}
