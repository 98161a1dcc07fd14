#include "lib/http/internal.h"

#include <assert.h>
#include <stdio.h>
#include <sys/socket.h>

/* For a 503 of which nobody can say when it ends: until people have done something. */
#define RETRY_LATER_S 60u

static struct MHD_Response *make_response(struct ps_bytes body)
{
    /* The octets stay where they are until exchange_end, or for ever; none are copied. */
    return MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data,
                                           MHD_RESPMEM_PERSISTENT);
}

/* What came in, and behind it what was written. */
static struct MHD_Response *make_response_after_body(const struct http_request *request)
{
    const struct MHD_IoVec parts[] = {
        {.iov_base = request->in.data, .iov_len = request->in.len},
        {.iov_base = request->out.data, .iov_len = request->out.len},
    };

    return MHD_create_response_from_iovec(parts, 2, NULL, NULL);
}

/* What cannot be a header's value (empty, too long, line ends) makes none. */
static void add(struct MHD_Response *response, const char *name, const char *before,
                struct ps_bytes value)
{
    char text[HTTP_VALUE_MAX + 4];
    const int len = snprintf(text, sizeof text, "%s%.*s%s", before, PS_BYTES_FMT(value), before);

    if (value.len != 0 && len > 0 && (size_t)len < sizeof text) {
        (void)MHD_add_response_header(response, name, text);
    }
}

static void add_location(struct MHD_Response *response, struct ps_bytes location)
{
    char text[HTTP_LOCATION_MAX + 1];

    if (location.len < sizeof text && memchr(location.data, '\0', location.len) == NULL) {
        memcpy(text, location.data, location.len);
        text[location.len] = '\0';
        (void)MHD_add_response_header(response, "Location", text);
    }
}

static void add_number(struct MHD_Response *response, const char *name, const char *before,
                       uint32_t value)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%s%u", before, value);
    (void)MHD_add_response_header(response, name, text);
}

static void add_caching(struct http_request *request, const struct http_answer *answer,
                        struct MHD_Response *response)
{
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        return;
    }
    if (answer->max_age_s != 0) {
        add_number(response, "Cache-Control", "max-age=", answer->max_age_s);
    } else {
        (void)MHD_add_response_header(response, "Cache-Control",
                                      answer->etag.len != 0 ? "no-cache" : "no-store");
    }
}

static void add_headers(struct http_request *request, const struct http_answer *answer,
                        struct MHD_Response *response)
{
    request->id[request->id_len] = '\0';
    if (request->id_len != 0) {
        (void)MHD_add_response_header(response, "X-Request-Id", request->id);
    }
    if (answer->media != NULL) {
        (void)MHD_add_response_header(response, "Content-Type", answer->media);
    }
    if (answer->etag.len != 0) {
        add(response, "ETag", "\"", answer->etag);
    }
    if (answer->location.len != 0) {
        add_location(response, answer->location);
    }
    if (answer->allow.len != 0) {
        add(response, "Allow", "", answer->allow);
    }
    if (answer->retry_after_s != 0) {
        add_number(response, "Retry-After", "", answer->retry_after_s);
    }
    for (size_t i = 0; i < answer->field_count; i++) {
        (void)MHD_add_response_header(response, answer->fields[i].name, answer->fields[i].value);
    }
    if (answer->close || request->server->draining) {
        (void)MHD_add_response_header(response, "Connection", "close");
    }
    add_caching(request, answer, response);
}

enum MHD_Result answer_queue(struct http_request *request)
{
    struct MHD_Response *response = request->response;
    enum MHD_Result queued;

    if (response == NULL) {
        return MHD_NO;
    }
    request->response = NULL;
    connection_enter(request->connection, PHASE_SEND);
    queued = MHD_queue_response(request->mhd, request->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* The handler answers a request that libmicrohttpd was told to wait for. */
static void resume(struct http_request *request)
{
    if (request->response == NULL || answer_queue(request) != MHD_YES) {
        request->failed = true;
    }
    request->suspended = false;
    MHD_resume_connection(request->mhd);
    ps_defer_arm(request->server->run);
}

void http_answer(struct http_request *request, const struct http_answer *answer)
{
    struct http_server *server = request->server;
    const struct ps_bytes body = answer->body != NULL ? *answer->body : ps_buf_bytes(&request->out);

    assert(request->status == 0 && !request->failed);
    if (answer->body == NULL && request->out.err != PS_OK) {
        const struct http_problem problem = {.problem = request->out.err == PS_E_LIMIT
                                                            ? PS_PROBLEM_TOO_LARGE
                                                            : PS_PROBLEM_OVERLOADED};

        http_refuse(request, &problem);
        return;
    }
    if (answer->body == NULL) {
        request_hold(request, body.len);
    }
    request->response =
        answer->is_after_body ? make_response_after_body(request) : make_response(body);
    if (request->response != NULL) {
        request->status = answer->status;
        add_headers(request, answer, request->response);
        server->handler.on_answer(server->context, request, answer->status);
    } else {
        request->failed = true;
    }
    if (request->suspended) {
        resume(request);
    }
}

/* Of what waits for people: not soon. */
static uint32_t usual_wait_s(enum ps_problem problem)
{
    const uint32_t soon_s = ps_problem_wait_s(problem);

    return soon_s == 0 && http_problem_status(problem) == MHD_HTTP_SERVICE_UNAVAILABLE
               ? RETRY_LATER_S
               : soon_s;
}

static void refuse(struct http_request *request, const struct http_problem *problem, bool close)
{
    struct http_problem told = *problem;
    struct http_answer answer = {.status = http_problem_status(problem->problem),
                                 .media = http_problem_media,
                                 .close = close};

    if (told.retry_after_s == 0) {
        told.retry_after_s = usual_wait_s(problem->problem);
    }
    answer.retry_after_s = told.retry_after_s;
    ps_buf_reset(&request->out);
    http_put_problem(&told, http_request_id(request), &request->out);
    if (request->out.err == PS_OK) {
        http_answer(request, &answer);
        return;
    }
    /* Without memory for a body: the status alone. */
    ps_buf_reset(&request->out);
    answer.media = NULL;
    http_answer(request, &answer);
}

void http_refuse(struct http_request *request, const struct http_problem *problem)
{
    refuse(request, problem, false);
}

void answer_refuse_and_close(struct http_request *request, enum ps_problem problem,
                             const char *detail)
{
    const struct http_problem refusal = {.problem = problem, .detail = ps_bytes_str(detail)};

    refuse(request, &refusal, true);
}

static void put_late(struct http_request *request, enum ps_problem problem, struct ps_buf *out)
{
    const struct http_problem refusal = {.problem = problem};
    const struct ps_problem_info *info = ps_problem_info(problem);
    PS_BUF_AUTO body;

    ps_buf_init(&body, 4096);
    http_put_problem(&refusal, http_request_id(request), &body);
    ps_buf_printf(out,
                  "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\n"
                  "Content-Length: %zu\r\n",
                  info->http_status, MHD_get_reason_phrase_for((unsigned)info->http_status),
                  http_problem_media, body.len);
    if (request->id_len != 0) {
        ps_buf_printf(out, "X-Request-Id: %.*s\r\n", (int)request->id_len, request->id);
    }
    ps_buf_put_str(out, "\r\n");
    ps_buf_put(out, ps_buf_bytes(&body));
}

void answer_late(struct http_request *request, enum ps_problem problem)
{
    const struct http_connection *connection = request->connection;
    PS_BUF_AUTO out;
    ssize_t sent;

    /* Nothing that still arrives of it is worked on. */
    request->failed = true;
    if (request->status == 0) {
        request->server->handler.on_answer(request->server->context, request,
                                           http_problem_status(problem));
    }
    ps_buf_init(&out, 8192);
    put_late(request, problem, &out);
    if (out.err != PS_OK) {
        return;
    }
    /* Best effort: the connection ends at once, whether the client reads this or not. */
    if (connection->session != NULL) {
        sent = gnutls_record_send(connection->session, out.data, out.len);
    } else {
        sent = send(connection->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    (void)sent;
}
