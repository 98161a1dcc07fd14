#include "lib/http/internal.h"

#include "lib/base/clock.h"

#include <assert.h>
#include <strings.h>

/*
 * A body that is refused is read to its end up to this size, so that the client gets to read the
 * answer and the connection can go on; beyond it the connection is closed.
 */
#define DRAIN_MAX (4u * 1024u * 1024u)

void *exchange_begin(void *context, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_connection *connection = info == NULL ? NULL : info->socket_context;

    (void)context;
    if (connection == NULL) {
        return NULL;
    }
    if (connection->over == PS_PROBLEM_NONE) { /* else its second goes on */
        connection_enter(connection, PHASE_HEAD);
    }
    return request_new(connection, uri == NULL ? "" : uri);
}

static void refuse(struct http_request *request, enum ps_problem problem, const char *detail)
{
    const struct http_problem refusal = {.problem = problem, .detail = ps_bytes_str(detail)};

    http_refuse(request, &refusal);
}

static bool expects_continue(const struct http_request *request)
{
    const struct ps_bytes expect = request->headers[HTTP_EXPECT];

    return expect.len == 12 && strncasecmp((const char *)expect.data, "100-continue", 12) == 0;
}

static void check_body_length(struct http_request *request)
{
    const bool has_body = request->chunked || request->body_length != 0;

    if (request->status != 0 || request->failed || !has_body) {
        return;
    }
    if (request->body_limit == 0) {
        refuse(request, PS_PROBLEM_MALFORMED, "this route takes no body");
    } else if (request->body_length > request->body_limit) {
        refuse(request, PS_PROBLEM_TOO_LARGE, "the body is over the limit of this route");
    }
    request->in.max = request->body_limit;
}

/* Refusals for which the connection has to end. False when there is none. */
static bool refuse_connection(struct http_request *request)
{
    const struct http_connection *connection = request->connection;

    if (connection->over != PS_PROBLEM_NONE) {
        answer_refuse_and_close(request, connection->over, "too many connections");
        return true;
    }
    if (request->server->draining) {
        answer_refuse_and_close(request, PS_PROBLEM_STOPPING, NULL);
        return true;
    }
    return false;
}

/* Of a target that is longer than both there is no text. */
static enum ps_err read_target(struct http_request *request)
{
    if (!request->server->handler.plain_query ||
        request->target_len > sizeof request->target_text) {
        return http_target_parse(request->target_text, request->target_len, &request->target);
    }
    return http_target_split(request->target_text, request->target_len, &request->target);
}

static enum MHD_Result on_head(struct http_request *request, const char *method,
                               const char *version)
{
    struct http_server *server = request->server;
    const enum ps_err err = request_read_head(request, version, method);

    request->head_seen = true;
    if (err != PS_OK) {
        answer_refuse_and_close(
            request, err == PS_E_LIMIT ? PS_PROBLEM_HEADERS_TOO_LARGE : PS_PROBLEM_MALFORMED,
            ps_detail()->text);
        return answer_queue(request);
    }
    caller_identify(request->connection);
    if (refuse_connection(request)) {
        return answer_queue(request);
    }
    if (read_target(request) != PS_OK) {
        refuse(request, PS_PROBLEM_MALFORMED, ps_detail()->text);
    } else {
        server->handler.on_head(server->context, request);
    }
    check_body_length(request);
    if (request->status != 0 && (expects_continue(request) || request->body_length > DRAIN_MAX)) {
        return answer_queue(request);
    }
    if (request->chunked || request->body_length != 0) {
        connection_enter(request->connection, PHASE_BODY);
    }
    return MHD_YES;
}

static void discard(struct http_request *request, size_t size)
{
    request->discarded += size;
    if (request->discarded > DRAIN_MAX) {
        answer_late(request, PS_PROBLEM_TOO_LARGE);
        connection_end(request->connection);
    }
}

static void on_body(struct http_request *request, const char *data, size_t size)
{
    if (request->status != 0) {
        discard(request, size);
        return;
    }
    /* Room for all of it at once, but not on the client's word alone. */
    if (request->in.len == 0 && request->body_length <= 64u * 1024u) {
        (void)ps_buf_reserve(&request->in, (size_t)request->body_length);
    }
    ps_buf_put(&request->in, ps_bytes(data, size));
    request_hold(request, size);
    if (request_is_too_much(request)) {
        request_let_go(request);
        refuse(request, PS_PROBLEM_OVERLOADED, "too much is being worked on at the moment");
    } else if (request->in.err == PS_E_LIMIT) {
        refuse(request, PS_PROBLEM_TOO_LARGE, "the body is over the limit of this route");
    } else if (request->in.err != PS_OK) {
        refuse(request, PS_PROBLEM_OVERLOADED, NULL);
    }
}

/* Who is told to wait is out of libmicrohttpd's sight until the handler has answered. */
static enum MHD_Result hand_over(struct http_request *request)
{
    request->server->handler.on_request(request->server->context, request);
    if (request->failed) {
        return MHD_NO;
    }
    if (request->status != 0) {
        return answer_queue(request);
    }
    request->suspended = true;
    MHD_suspend_connection(request->mhd);
    return MHD_YES;
}

/*
 * libmicrohttpd calls twice, and only the second call hands over. What it waits for is decided
 * between the two: suspended in the first, it would read from the socket first thing after resuming
 * and, finding that the client has closed its half, drop the answer. And a client that goes away
 * between the two takes its request with it, which nobody works on then.
 */
static enum MHD_Result on_end(struct http_request *request)
{
    if (request->status != 0) {
        return answer_queue(request);
    }
    if (!request->complete) {
        request->complete = true;
        connection_enter(request->connection, PHASE_WORK);
        return MHD_YES;
    }
    return hand_over(request);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's type, parameters and all. */
enum MHD_Result exchange_continue(void *context, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    struct http_request *exchange = *request;

    (void)context;
    (void)mhd;
    (void)url;
    if (exchange == NULL || exchange->failed) {
        return MHD_NO;
    }
    if (!exchange->head_seen) {
        return on_head(exchange, method, version);
    }
    if (*size != 0) {
        on_body(exchange, data, *size);
        *size = 0;
        return MHD_YES;
    }
    return on_end(exchange);
}

void exchange_end(void *context, struct MHD_Connection *mhd, void **request,
                  enum MHD_RequestTerminationCode why)
{
    struct http_request *exchange = *request;

    (void)context;
    (void)mhd;
    (void)why;
    *request = NULL;
    if (exchange == NULL) {
        return;
    }
    connection_enter(exchange->connection, PHASE_IDLE);
    request_release(exchange);
}
