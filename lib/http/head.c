#include "lib/http/internal.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"

#include <strings.h>

#define HEADERS_MAX 64u
#define LINE_END    2u /* CR LF */

static const struct {
    const char *name;
    size_t len;
    bool repeatable;
} known[HTTP_HEADER_COUNT] = {
    [HTTP_HOST] = {"Host", 4, false},
    [HTTP_CONTENT_LENGTH] = {"Content-Length", 14, false},
    [HTTP_TRANSFER_ENCODING] = {"Transfer-Encoding", 17, false},
    [HTTP_CONTENT_TYPE] = {"Content-Type", 12, false},
    [HTTP_CONTENT_ENCODING] = {"Content-Encoding", 16, false},
    [HTTP_ACCEPT] = {"Accept", 6, true},
    [HTTP_EXPECT] = {"Expect", 6, false},
    [HTTP_X_REQUEST_ID] = {"X-Request-Id", 12, false},
    [HTTP_IDEMPOTENCY_KEY] = {"Idempotency-Key", 15, false},
    [HTTP_IF_MATCH] = {"If-Match", 8, false},
    [HTTP_IF_NONE_MATCH] = {"If-None-Match", 13, false},
    [HTTP_AUTHORIZATION] = {"Authorization", 13, false},
    [HTTP_COOKIE] = {"Cookie", 6, false},
    [HTTP_DPOP] = {"DPoP", 4, false},
    [HTTP_X_XSRF_TOKEN] = {"X-XSRF-TOKEN", 12, false},
    [HTTP_OAUTH_DETAILS_KEY] = {"oauth-details-key", 17, false},
    [HTTP_OAUTH_DETAILS_HASH] = {"oauth-details-hash", 18, false},
    [HTTP_X_REAL_IP] = {"X-Real-IP", 9, false},
    [HTTP_ACCEPT_LANGUAGE] = {"Accept-Language", 15, true},
};

struct reading {
    struct http_request *request;
    unsigned count;
    const char *next; /* where the next line begins */
    enum ps_err err;
};

/* RFC 9110 section 5.6.2: token. */
static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL))) {
            return false;
        }
    }
    return len != 0;
}

/* RFC 9110 section 5.5: no control characters but the tab. */
static bool is_value(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const uint8_t c = (uint8_t)text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* libmicrohttpd drops white space before a value, not after it. */
static struct ps_bytes trimmed(const char *value, size_t len)
{
    while (len != 0 && (value[len - 1] == ' ' || value[len - 1] == '\t')) {
        len--;
    }
    return ps_bytes(value == NULL ? "" : value, len);
}

static enum ps_err take_header(struct http_request *request, struct ps_bytes name,
                               struct ps_bytes value)
{
    for (unsigned i = 0; i < HTTP_HEADER_COUNT; i++) {
        if (name.len != known[i].len ||
            strncasecmp((const char *)name.data, known[i].name, name.len) != 0) {
            continue;
        }
        if (request->headers[i].data == NULL) {
            request->headers[i] = value;
            return PS_OK;
        }
        if (!known[i].repeatable) {
            return ps_fail(PS_E_INPUT, 0, "the header %s stands there twice", known[i].name);
        }
        return PS_OK;
    }
    return PS_OK;
}

/*
 * Up to its version 1.0 libmicrohttpd takes LF for the end of a line and a NUL for that of a value,
 * and makes a folded line a part of the name above it, where others see another header. It leaves
 * the lines of a head where they came, each with its end of two octets: what is no line to
 * everybody shows as a gap between two of them, or at their end.
 */
static bool begins_at(const struct reading *reading, const char *line)
{
    return MHD_VERSION >= 0x01000000 || line == reading->next;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct reading *reading = context;

    (void)kind;
    if (++reading->count > HEADERS_MAX) {
        reading->err = ps_fail(PS_E_LIMIT, 0, "more than %u header fields", HEADERS_MAX);
    } else if (!begins_at(reading, name)) {
        reading->err = ps_fail(PS_E_INPUT, 0, "a header's line is none to everybody");
    } else if (!is_token(name, name_len)) {
        /* "Content-Length :" would be another header to us than to whoever forwarded it. */
        reading->err = ps_fail(PS_E_INPUT, 0, "a header's name is no token");
    } else if (!is_value(value, value_len)) {
        reading->err = ps_fail(PS_E_INPUT, 0, "a header's value has a control character");
    } else {
        reading->err =
            take_header(reading->request, ps_bytes(name, name_len), trimmed(value, value_len));
        reading->next = value + value_len + LINE_END;
    }
    return reading->err == PS_OK ? MHD_YES : MHD_NO;
}

static enum http_method method_of(const char *name)
{
    static const enum http_method methods[] = {HTTP_GET, HTTP_HEAD,   HTTP_POST,
                                               HTTP_PUT, HTTP_DELETE, HTTP_PATCH};

    for (size_t i = 0; i < PS_COUNT_OF(methods); i++) {
        if (strcmp(name, http_method_name(methods[i])) == 0) {
            return methods[i];
        }
    }
    return HTTP_OTHER;
}

static enum ps_err read_length(struct http_request *request)
{
    const struct ps_bytes text = request->headers[HTTP_CONTENT_LENGTH];
    uint64_t length = 0;

    if (text.len == 0 || text.len > 15) {
        return ps_fail(PS_E_INPUT, 0, "Content-Length is no number");
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return ps_fail(PS_E_INPUT, 0, "Content-Length is no number");
        }
        length = length * 10 + (uint64_t)(text.data[i] - '0');
    }
    request->body_length = length;
    return PS_OK;
}

/*
 * Where the body ends has to be beyond doubt: whoever reads it differently sees another request in
 * it (RFC 9112 sections 6.3 and 11.2).
 */
static enum ps_err read_framing(struct http_request *request, const char *version)
{
    const struct ps_bytes coding = request->headers[HTTP_TRANSFER_ENCODING];

    if (coding.data != NULL) {
        if (request->headers[HTTP_CONTENT_LENGTH].data != NULL) {
            return ps_fail(PS_E_INPUT, 0, "both Content-Length and Transfer-Encoding");
        }
        if (strcmp(version, MHD_HTTP_VERSION_1_1) != 0) {
            return ps_fail(PS_E_INPUT, 0, "Transfer-Encoding needs HTTP/1.1");
        }
        if (coding.len != 7 || strncasecmp((const char *)coding.data, "chunked", 7) != 0) {
            return ps_fail(PS_E_INPUT, 0, "a transfer coding other than chunked");
        }
        request->chunked = true;
    } else if (request->headers[HTTP_CONTENT_LENGTH].data != NULL) {
        PS_TRY(read_length(request));
    }
    if (request->headers[HTTP_HOST].data == NULL && strcmp(version, MHD_HTTP_VERSION_1_0) != 0) {
        return ps_fail(PS_E_INPUT, 0, "the header Host is missing");
    }
    if ((request->chunked || request->body_length != 0) &&
        (request->method == HTTP_GET || request->method == HTTP_HEAD)) {
        return ps_fail(PS_E_INPUT, 0, "a %s with a body", http_method_name(request->method));
    }
    return PS_OK;
}

/* Random octets are drawn for many ids at once. */
static void make_id(struct http_request *request)
{
    static _Thread_local uint8_t pool[64][16];
    static _Thread_local size_t left;
    static const char digits[] = "0123456789abcdef";

    if (left == 0) {
        ps_random(pool, sizeof pool);
        left = PS_COUNT_OF(pool);
    }
    left--;
    for (size_t i = 0; i < sizeof pool[0]; i++) {
        request->id[2 * i] = digits[pool[left][i] >> 4];
        request->id[2 * i + 1] = digits[pool[left][i] & 15];
    }
    request->id_len = 2 * sizeof pool[0];
}

static void read_id(struct http_request *request)
{
    const struct ps_bytes given = request->headers[HTTP_X_REQUEST_ID];

    if (!ps_request_id_valid(given)) {
        make_id(request);
        return;
    }
    memcpy(request->id, given.data, given.len);
    request->id_len = given.len;
}

/*
 * The request target is read as a C string, which ends at a NUL; the version stands one octet after
 * the target's real end.
 */
static enum ps_err check_target_end(const struct http_request *request, const char *version)
{
    if (version != request->raw_target + request->target_len + 1) {
        return ps_fail(PS_E_INPUT, 0, "the request line is malformed");
    }
    return PS_OK;
}

/* `first`: where the request line begins */
static enum ps_err check_head_end(const struct reading *reading, const char *first)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(reading->request->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    if (info == NULL || !begins_at(reading, first + info->header_size - LINE_END)) {
        return ps_fail(PS_E_INPUT, 0, "the head does not end with its last line");
    }
    return PS_OK;
}

enum ps_err request_read_head(struct http_request *request, const char *version, const char *method)
{
    struct reading reading = {.request = request, .next = version + strlen(version) + LINE_END};

    request->method = method_of(method);
    (void)MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, on_header, &reading);
    read_id(request);
    PS_TRY(reading.err);
    PS_TRY(check_target_end(request, version));
    PS_TRY(check_head_end(&reading, method));
    return read_framing(request, version);
}
