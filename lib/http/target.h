#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * A request target (RFC 9112 section 3.2.1, origin-form) as it stood in the request line. There is
 * exactly one way to write each path: no empty, "." or ".." segment, no percent-encoding; whatever
 * else is refused, never mended, so that no two programs can read two paths out of one.
 */

#define HTTP_TARGET_MAX     2048u /* octets, query included */
#define HTTP_SEGMENTS_MAX   12u
#define HTTP_PARAMETERS_MAX 8u

struct http_parameter {
    struct ps_bytes name;
    struct ps_bytes value; /* percent-encoding undone; valid UTF-8 without control characters */
};

struct http_target {
    struct ps_bytes path;
    struct ps_bytes query; /* of http_target_split: as it stood; data NULL: none */
    struct ps_bytes segments[HTTP_SEGMENTS_MAX]; /* of "/": none */
    size_t segment_count;
    struct http_parameter parameters[HTTP_PARAMETERS_MAX]; /* names are distinct */
    size_t parameter_count;
};

/*
 * Splits `text`, which outlives the result; escapes in parameter values are undone in place.
 * Errors: PS_E_INPUT, the detail says what is wrong; PS_E_LIMIT: over HTTP_TARGET_MAX.
 */
PS_MUST_USE enum ps_err http_target_parse(char *text, size_t len, struct http_target *ret_target);

/*
 * The same, but of a query of up to HTTP_QUERY_MAX octets no more is read than that it is one: for
 * whoever has to take it in another form, such as application/x-www-form-urlencoded.
 */
#define HTTP_QUERY_MAX 6144u
PS_MUST_USE enum ps_err http_target_split(const char *text, size_t len,
                                          struct http_target *ret_target);

/* False when the query has no such parameter. */
bool http_target_parameter(const struct http_target *target, const char *name,
                           struct ps_bytes *ret_value);

#endif
