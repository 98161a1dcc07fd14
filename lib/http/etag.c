#include "lib/http/request.h"

bool http_etag_named(struct ps_bytes list, struct ps_bytes etag)
{
    if (ps_bytes_equal_str(list, "*")) {
        return true;
    }
    while (list.len != 0) {
        const uint8_t *open = memchr(list.data, '"', list.len);
        const uint8_t *end;
        struct ps_bytes rest;

        if (open == NULL) {
            return false;
        }
        rest = ps_bytes_from(list, (size_t)(open - list.data) + 1);
        end = rest.len == 0 ? NULL : memchr(rest.data, '"', rest.len);
        if (end == NULL) {
            return false;
        }
        if (ps_bytes_equal(ps_bytes(rest.data, (size_t)(end - rest.data)), etag)) {
            return true;
        }
        list = ps_bytes_from(rest, (size_t)(end - rest.data) + 1);
    }
    return false;
}
