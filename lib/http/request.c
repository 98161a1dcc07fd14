#include "lib/http/request.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/http/internal.h"

#include <assert.h>
#include <stdlib.h>

/*
 * Bodies and answers together may take this much memory; beyond it requests are refused until some
 * have been answered. A few octets always fit, so that health and reads go on.
 */
#define HELD_MAX   (64u * 1024u * 1024u)
#define ALWAYS_FIT (16u * 1024u)

/* Objects kept for the next request, and how large a buffer may be that is kept with them. */
#define KEEP_REQUESTS 128u
#define KEEP_OCTETS   (64u * 1024u)

const char *http_method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
        return "GET";
    case HTTP_HEAD:
        return "HEAD";
    case HTTP_POST:
        return "POST";
    case HTTP_PUT:
        return "PUT";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_PATCH:
        return "PATCH";
    case HTTP_OTHER:
    default:
        return "OTHER";
    }
}

static struct http_request *take(struct http_server *server)
{
    struct http_request *request = server->free_requests;

    if (request != NULL) {
        server->free_requests = request->next_free;
        server->free_count--;
        return request;
    }
    request = malloc(sizeof *request + server->handler.extra);
    if (request != NULL) {
        /* Bodies and answers may be about a person, and are gone when they are answered. */
        request->in = PS_BUF_SECRET(0);
        request->out = PS_BUF_SECRET(HTTP_ANSWER_MAX);
    }
    return request;
}

/* Field by field: most of the object is text that is written before it is read. */
static void reset(struct http_request *request, struct http_connection *connection)
{
    request->server = connection->server;
    request->connection = connection;
    request->mhd = connection->mhd;
    request->started_ns = ps_clock_mono_ns();
    request->method = HTTP_OTHER;
    request->target.path = ps_bytes(NULL, 0);
    request->target.query = ps_bytes(NULL, 0);
    request->target.segment_count = 0;
    request->target.parameter_count = 0;
    memset(request->headers, 0, sizeof request->headers);
    request->body_length = 0;
    request->chunked = false;
    request->head_seen = false;
    request->complete = false;
    request->suspended = false;
    request->failed = false;
    request->body_limit = 0;
    request->discarded = 0;
    request->held = 0;
    request->response = NULL;
    request->status = 0;
    request->id_len = 0;
    memset(request->extra, 0, connection->server->handler.extra);
}

struct http_request *request_new(struct http_connection *connection, const char *raw_target)
{
    struct http_request *request = take(connection->server);

    if (request == NULL) {
        return NULL;
    }
    reset(request, connection);
    request->raw_target = raw_target;
    request->target_len = strlen(raw_target);
    if (request->target_len <= sizeof request->target_text) {
        memcpy(request->target_text, raw_target, request->target_len);
    }
    connection->request = request;
    connection->server->requests++;
    return request;
}

void request_free(struct http_request *request)
{
    ps_buf_clear(&request->in);
    ps_buf_clear(&request->out);
    free(request);
}

void request_hold(struct http_request *request, size_t octets)
{
    request->held += octets;
    request->server->held += octets;
}

bool request_is_too_much(const struct http_request *request)
{
    return request->held > ALWAYS_FIT && request->server->held > HELD_MAX;
}

void request_let_go(struct http_request *request)
{
    request->server->held -= request->held;
    request->held = 0;
    ps_buf_clear(&request->in);
}

static void shed(struct ps_buf *buf)
{
    if (buf->cap > KEEP_OCTETS) {
        ps_buf_clear(buf);
    } else {
        ps_buf_reset(buf);
    }
}

void request_release(struct http_request *request)
{
    struct http_server *server = request->server;

    assert(!request->suspended);
    if (request->response != NULL) {
        MHD_destroy_response(request->response);
    }
    request->connection->request = NULL;
    server->requests--;
    server->held -= request->held;
    if (server->free_count == KEEP_REQUESTS) {
        request_free(request);
        return;
    }
    shed(&request->in);
    shed(&request->out);
    request->next_free = server->free_requests;
    server->free_requests = request;
    server->free_count++;
}

enum http_method http_request_method(const struct http_request *request)
{
    return request->method;
}

const struct http_target *http_request_target(const struct http_request *request)
{
    return &request->target;
}

const struct http_caller *http_request_caller(const struct http_request *request)
{
    return &request->connection->caller;
}

struct ps_bytes http_request_header(const struct http_request *request, enum http_header header)
{
    return request->headers[header];
}

struct ps_bytes http_request_id(const struct http_request *request)
{
    return ps_bytes(request->id, request->id_len);
}

struct ps_bytes http_request_body(const struct http_request *request)
{
    return ps_buf_bytes(&request->in);
}

uint64_t http_request_elapsed_us(const struct http_request *request)
{
    return (ps_clock_mono_ns() - request->started_ns) / PS_NS_PER_US;
}

void *http_request_extra(struct http_request *request)
{
    return request->extra;
}

void http_request_allow_body(struct http_request *request, size_t octets)
{
    request->body_limit = octets;
}

struct ps_buf *http_request_out(struct http_request *request)
{
    return &request->out;
}
