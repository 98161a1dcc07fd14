#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "lib/base/buf.h"
#include "lib/http/caller.h"
#include "lib/http/problem.h"
#include "lib/http/target.h"

/*
 * One request, from its head until its answer has been sent. The objects are used again and again;
 * what a handler reads from one is valid until it has answered.
 */
struct http_request;

enum http_method {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_DELETE = 16,
    HTTP_PATCH = 32,
    HTTP_OTHER = 64 /* any other: no route takes it */
};
const char *http_method_name(enum http_method method);

/* The headers that matter; each at most once in a request, but for Accept. */
enum http_header {
    HTTP_HOST,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_CONTENT_TYPE,
    HTTP_CONTENT_ENCODING,
    HTTP_ACCEPT,
    HTTP_EXPECT,
    HTTP_X_REQUEST_ID,
    HTTP_IDEMPOTENCY_KEY,
    HTTP_IF_MATCH,
    HTTP_IF_NONE_MATCH,
    HTTP_AUTHORIZATION,
    HTTP_COOKIE,
    HTTP_DPOP,
    HTTP_X_XSRF_TOKEN,
    HTTP_OAUTH_DETAILS_KEY,
    HTTP_OAUTH_DETAILS_HASH,
    HTTP_X_REAL_IP,
    HTTP_ACCEPT_LANGUAGE,
    HTTP_HEADER_COUNT
};

enum http_method http_request_method(const struct http_request *request);
const struct http_target *http_request_target(const struct http_request *request);
const struct http_caller *http_request_caller(const struct http_request *request);

/*
 * Octets that are the same for all requests of one user, certificate or address (of IPv6 one
 * network of 64 bits): for limits, not for who somebody is. May be none.
 */
struct ps_bytes http_request_peer(const struct http_request *request);

/* The value as it stood there; data is NULL when the header is absent. */
struct ps_bytes http_request_header(const struct http_request *request, enum http_header header);

/* Taken from X-Request-Id, or made; 1 to PS_REQUEST_ID_MAX characters. */
struct ps_bytes http_request_id(const struct http_request *request);

/* Empty before on_request. */
struct ps_bytes http_request_body(const struct http_request *request);

/* Since its request line was read. */
uint64_t http_request_elapsed_us(const struct http_request *request);

/* Memory of the handler's own for this request, as large as it asked for, zero at first. */
void *http_request_extra(struct http_request *request);

/* In on_head: a body of at most `octets` is taken; without this call, none is. */
void http_request_allow_body(struct http_request *request, size_t octets);

/*
 * Where the body of the answer is written; empty at first. Written here and then handed over by
 * http_answer it is never copied. At most HTTP_ANSWER_MAX octets.
 */
#define HTTP_ANSWER_MAX (6u * 1024u * 1024u)
struct ps_buf *http_request_out(struct http_request *request);

/* What is NULL, empty or 0 makes no header. Texts are under HTTP_VALUE_MAX octets. */
#define HTTP_VALUE_MAX    512u
#define HTTP_LOCATION_MAX 4096u
/*
 * Whether the value of an If-None-Match names the entity-tag (without its quotes): RFC 9110 section
 * 13.1.2, weak comparison with each of the list, or "*".
 */
bool http_etag_named(struct ps_bytes list, struct ps_bytes etag);

struct http_field {
    const char *name;
    const char *value;
};
struct http_answer {
    unsigned status;
    const char *media;           /* Content-Type */
    bool is_after_body;          /* the request's own body comes first, and is not copied */
    const struct ps_bytes *body; /* instead of http_request_out; the octets stay valid for ever */
    struct ps_bytes etag;        /* without quotes */
    struct ps_bytes location;    /* at most HTTP_LOCATION_MAX octets */
    struct ps_bytes allow;
    uint32_t max_age_s; /* Cache-Control of what may be cached; else it says that nothing may */
    uint32_t retry_after_s;
    const struct http_field *fields; /* further headers, texts of our own */
    size_t field_count;
    bool close; /* the connection ends after it */
};

/*
 * Answers, exactly once per request, at once or later. If the buffer of http_request_out has an
 * error, the answer is a problem document instead. The request is gone for the handler then.
 */
void http_answer(struct http_request *request, const struct http_answer *answer);

/* Answers with a problem document. */
void http_refuse(struct http_request *request, const struct http_problem *problem);

#endif
