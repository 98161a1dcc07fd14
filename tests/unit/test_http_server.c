#include "tests/unit/http_client.h"
#include "tests/unit/scratch.h"

#include "lib/http/server.h"

/* A handler that echoes the body; paths below /later are answered when the test says so. */
#define BODY_MAX  1000u
#define BIG_MAX   (2u * 1024u * 1024u)
#define LATER_MAX 64u

static struct ps_loop *loop;
static struct http_server *server;
static char path[SCRATCH_PATH_MAX];
static struct http_request *later[LATER_MAX];
static size_t later_count;
static unsigned answers;
static unsigned requests;
static unsigned last_status;
static bool drained;
static struct http_caller last_caller;

static void answer_with_body(struct http_request *request)
{
    const struct http_answer answer = {
        .status = 200, .media = "application/octet-stream", .etag = LITERAL("v1"), .max_age_s = 60};

    ps_buf_put(http_request_out(request), http_request_body(request));
    ps_buf_put_str(http_request_out(request), "!");
    http_answer(request, &answer);
}

static void on_head(void *context, struct http_request *request)
{
    const struct http_problem refusal = {.problem = PS_PROBLEM_NOT_FOUND};

    (void)context;
    last_caller = *http_request_caller(request);
    if (ps_bytes_equal_str(http_request_target(request)->path, "/refused")) {
        http_refuse(request, &refusal);
    } else if (ps_bytes_equal_str(http_request_target(request)->path, "/big")) {
        http_request_allow_body(request, BIG_MAX);
    } else if (!ps_bytes_equal_str(http_request_target(request)->path, "/nobody")) {
        http_request_allow_body(request, BODY_MAX);
    }
}

static void on_request(void *context, struct http_request *request)
{
    (void)context;
    requests++;
    if (ps_bytes_equal_str(http_request_target(request)->path, "/later")) {
        assert_true(later_count < LATER_MAX);
        later[later_count++] = request;
        return;
    }
    answer_with_body(request);
}

static void on_answer(void *context, struct http_request *request, unsigned status)
{
    (void)context;
    (void)request;
    answers++;
    last_status = status;
}

static void on_drained(void *context, struct http_server *ended)
{
    (void)context;
    (void)ended;
    drained = true;
}

static const struct http_handler handler = {.on_head = on_head,
                                            .on_request = on_request,
                                            .on_answer = on_answer,
                                            .on_drained = on_drained,
                                            .extra = 16};

static void answer_all(void)
{
    const size_t count = later_count;

    later_count = 0;
    for (size_t i = 0; i < count; i++) {
        answer_with_body(later[i]);
    }
}

static void start(const struct http_limits *limits)
{
    struct http_listener listener = {.transport = HTTP_TRANSPORT_UNIX};

    (void)snprintf(path, sizeof path, "%s/s", scratch_directory);
    listener.fd = listen_unix(path);
    assert_ok(ps_loop_new(&loop));
    assert_ok(http_server_new(loop, &listener, limits, &handler, NULL, &server));
    later_count = 0;
    answers = requests = last_status = 0;
    drained = false;
}

static int begin(void **state)
{
    const struct http_limits limits = {20000, 20000, 20000, 100, 50};

    if (scratch_make(state) != 0) {
        return -1;
    }
    start(&limits);
    return 0;
}

static int end(void **state)
{
    answer_all();
    assert_ok(ps_loop_turn(loop, 0));
    http_server_free(server);
    ps_loop_free(loop);
    return scratch_remove(state);
}

/* Starts again with other limits. */
static void restart(const struct http_limits *limits)
{
    http_server_free(server);
    ps_loop_free(loop);
    start(limits);
}

static void a_body_is_handed_over_and_answered(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "POST /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: my.id\r\n"
                             "Content-Length: 5\r\n\r\nhello");
    client_wait(&client, &response);
    assert_int_equal(response.status, 200);
    assert_text(response.body, "hello!");
    assert_non_null(strstr(response.head, "\r\nX-Request-Id: my.id\r\n"));
    assert_non_null(strstr(response.head, "\r\nETag: \"v1\"\r\n"));
    assert_int_equal(last_caller.kind, HTTP_CALLER_UNIX);
    assert_int_equal(last_caller.uid, getuid());
    client_close(&client);
}

static void an_invalid_request_id_is_replaced(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: not/valid\r\n\r\n");
    client_wait(&client, &response);
    assert_int_equal(response.status, 200);
    assert_null(strstr(response.head, "not/valid"));
    assert_non_null(strstr(response.head, "\r\nX-Request-Id: "));
    assert_int_equal(strcspn(strstr(response.head, "X-Request-Id: ") + 14, "\r"), 32);
    client_close(&client);
}

static void many_requests_share_a_connection(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, loop, path);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(client_status(&client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    }
    assert_false(client.ended);
    assert_int_equal(http_server_requests(server), 0);
    client_close(&client);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"
                             "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n2");
    client_wait(&client, &response);
    assert_text(response.body, "1!");
    client_drop(&client, &response);
    client_wait(&client, &response);
    assert_text(response.body, "2!");
    client_close(&client);
}

static void head_has_no_body(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!parse_response(&client, false, &response)) {
        client_turn(&client);
    }
    assert_int_equal(response.status, 200);
    assert_int_equal(client.in.len, response.len);
    client_drop(&client, &response);
    assert_int_equal(client_status(&client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_close(&client);
}

static void wait_for_later(size_t count)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    while (later_count < count) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(loop, 1));
    }
}

static void an_answer_may_come_later(void **state)
{
    struct client clients[3];
    struct response response;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        client_open(&clients[i], loop, path);
        client_send_str(&clients[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    wait_for_later(3);
    assert_int_equal(answers, 0);
    answer_all();
    for (size_t i = 0; i < 3; i++) {
        client_wait(&clients[i], &response);
        assert_int_equal(response.status, 200);
        client_drop(&clients[i], &response);
        assert_int_equal(client_status(&clients[i], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
        client_close(&clients[i]);
    }
}

static void a_client_that_closed_its_half_gets_the_answer(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    wait_for_later(1);
    answer_all();
    client_wait(&client, &response);
    assert_int_equal(response.status, 200);
    client_wait_end(&client);
    client_close(&client);
}

static void a_client_that_went_away_harms_nothing(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_later(1);
    client_close(&client);
    assert_ok(ps_loop_turn(loop, 0));
    answer_all();
    while (http_server_requests(server) != 0) {
        assert_ok(ps_loop_turn(loop, 1));
    }
}

static void chunks_are_put_together(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    client_wait(&client, &response);
    assert_text(response.body, "abcde!");
    client_close(&client);
}

static void a_limit_holds_to_the_octet(void **state)
{
    struct client client;
    char request[BODY_MAX + 200];
    int head;

    (void)state;
    client_open(&client, loop, path);
    for (size_t extra = 0; extra < 2; extra++) {
        head = snprintf(request, sizeof request,
                        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                        BODY_MAX + extra);
        memset(request + head, 'x', BODY_MAX + extra);
        request[(size_t)head + BODY_MAX + extra] = '\0';
        assert_int_equal(client_status(&client, request), extra == 0 ? 200 : 413);
    }
    assert_int_equal(client_status(&client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_close(&client);
}

static void chunks_over_the_limit_are_refused(void **state)
{
    struct client client;
    char request[4 * BODY_MAX];
    int head = snprintf(request, sizeof request,
                        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n",
                        BODY_MAX + 1);

    (void)state;
    memset(request + head, 'x', BODY_MAX + 1);
    (void)snprintf(request + head + BODY_MAX + 1, 16, "\r\n0\r\n\r\n");
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, request), 413);
    client_close(&client);
}

static void a_refused_body_is_read_and_the_connection_goes_on(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, "POST /refused HTTP/1.1\r\nHost: a\r\n"
                                            "Content-Length: 5\r\n\r\nhello"),
                     404);
    assert_int_equal(client_status(&client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    assert_int_equal(requests, 1);
    client_close(&client);
}

static void a_huge_body_is_refused_before_it_comes(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    client_wait(&client, &response);
    assert_int_equal(response.status, 413);
    assert_non_null(strstr(response.head, "\r\nConnection: close\r\n"));
    client_wait_end(&client);
    client_close(&client);
}

static void who_expects_100_is_refused_at_once(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "POST /refused HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                             "Content-Length: 5\r\n\r\n");
    client_wait(&client, &response);
    assert_int_equal(response.status, 404);
    client_close(&client);
}

static void who_expects_100_gets_it(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                             "Content-Length: 2\r\n\r\n");
    client_wait(&client, &response);
    assert_int_equal(response.status, 100);
    client_drop(&client, &response);
    client_send_str(&client, "ab");
    client_wait(&client, &response);
    assert_text(response.body, "ab!");
    client_close(&client);
}

static void a_body_where_none_is_taken_is_malformed(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, "POST /nobody HTTP/1.1\r\nHost: a\r\n"
                                            "Content-Length: 1\r\n\r\nx"),
                     400);
    client_close(&client);
}

/* library-traps.md: what libmicrohttpd lets through, with a second request hidden in it. */
#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
static const char *const smuggling[] = {
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    "0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 40\r\n\r\n"
    "0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 33\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length : 33\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN,
    "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\n" HIDDEN,
    "GET /a HTTP/1.1\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n" HIDDEN,
};

static void smuggling_shapes_are_refused_and_the_connection_ends(void **state)
{
    struct response response;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(smuggling); i++) {
        struct client client;

        client_open(&client, loop, path);
        client_send_str(&client, smuggling[i]);
        client_wait(&client, &response);
        assert_int_equal(response.status, 400);
        assert_non_null(strstr(response.head, "\r\nConnection: close\r\n"));
        client_drop(&client, &response);
        client_wait_end(&client);
        assert_int_equal(client.in.len, 0);
        client_close(&client);
    }
    assert_int_equal(requests, 0);
}

static void a_nul_in_the_target_is_refused(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send(&client, LITERAL("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"));
    client_wait(&client, &response);
    assert_int_equal(response.status, 400);
    client_close(&client);
}

static void a_malformed_target_is_one_problem_document(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "GET /a//b HTTP/1.1\r\nHost: a\r\n\r\n");
    client_wait(&client, &response);
    assert_int_equal(response.status, 400);
    assert_non_null(strstr(response.head, "application/problem+json"));
    assert_int_equal(requests, 0);
    client_close(&client);
}

static void too_many_header_fields_are_431(void **state)
{
    struct client client;
    char request[4096];
    size_t len = (size_t)snprintf(request, sizeof request, "GET /a HTTP/1.1\r\nHost: a\r\n");

    (void)state;
    for (int i = 0; i < 64; i++) {
        len += (size_t)snprintf(request + len, sizeof request - len, "X-%d: y\r\n", i);
    }
    (void)snprintf(request + len, sizeof request - len, "\r\n");
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, request), 431);
    client_close(&client);
}

static void a_head_that_does_not_come_ends_by_its_deadline(void **state)
{
    const struct http_limits limits = {50, 20000, 20000, 100, 50};
    struct client silent;
    struct client slow;

    (void)state;
    restart(&limits);
    client_open(&silent, loop, path);
    client_open(&slow, loop, path);
    client_send_str(&slow, "GET /a HTTP/1.1\r\nHos");
    client_wait_end(&silent);
    assert_int_equal(silent.in.len, 0);
    client_wait_end(&slow);
    assert_memory_equal(slow.in.data, "HTTP/1.1 408 ", 13);
    assert_int_equal(last_status, 408);
    client_close(&silent);
    client_close(&slow);
}

static void a_body_that_does_not_come_ends_by_its_deadline(void **state)
{
    const struct http_limits limits = {20000, 50, 20000, 100, 50};
    struct client client;
    unsigned sent = 0;

    (void)state;
    restart(&limits);
    client_open(&client, loop, path);
    client_send_str(&client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n");
    /* Octets that trickle in do not extend it. */
    while (!client.ended) {
        if (sent++ < 499) {
            (void)send(client.fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        client_turn(&client);
    }
    assert_memory_equal(client.in.data, "HTTP/1.1 408 ", 13);
    assert_int_equal(requests, 0);
    client_close(&client);
}

static void an_idle_connection_ends_by_its_deadline(void **state)
{
    const struct http_limits limits = {20000, 20000, 50, 100, 50};
    struct client client;

    (void)state;
    restart(&limits);
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_wait_end(&client);
    assert_int_equal(client.in.len, 0);
    client_close(&client);
}

static void an_answer_that_is_not_taken_ends_by_its_deadline(void **state)
{
    const struct http_limits limits = {20000, 50, 20000, 100, 50};
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;
    struct client client;
    int small = 4096;

    (void)state;
    restart(&limits);
    client_open(&client, loop, path);
    (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_send_str(&client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_later(1);
    for (int i = 0; i < 4096; i++) {
        ps_buf_put(http_request_out(later[0]), ps_bytes(path, 1));
        ps_buf_put(http_request_out(later[0]), ps_bytes(scratch_directory, 99));
        ps_buf_put(http_request_out(later[0]), ps_bytes(path, sizeof path));
    }
    answer_all();
    while (http_server_requests(server) != 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(loop, 1));
    }
    client_close(&client);
}

static void a_caller_with_too_many_connections_is_told_so(void **state)
{
    const struct http_limits limits = {20000, 20000, 20000, 100, 2};
    struct client clients[3];
    struct response response;

    (void)state;
    restart(&limits);
    for (size_t i = 0; i < 2; i++) {
        client_open(&clients[i], loop, path);
        client_send_str(&clients[i], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    wait_for_later(2);
    client_open(&clients[2], loop, path);
    client_send_str(&clients[2], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    client_wait(&clients[2], &response);
    assert_int_equal(response.status, 429);
    assert_non_null(strstr(response.head, "\r\nRetry-After: 1\r\n"));
    client_wait_end(&clients[2]);
    client_close(&clients[2]);
    answer_all();
    client_wait(&clients[0], &response);
    assert_int_equal(response.status, 200);
    client_close(&clients[0]);
    client_close(&clients[1]);
}

static void an_idle_connection_makes_room_for_the_same_caller(void **state)
{
    const struct http_limits limits = {20000, 20000, 20000, 100, 2};
    struct client clients[3];

    (void)state;
    restart(&limits);
    for (size_t i = 0; i < 3; i++) {
        client_open(&clients[i], loop, path);
        assert_int_equal(client_status(&clients[i], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    }
    client_wait_end(&clients[0]);
    assert_int_equal(client_status(&clients[1], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    for (size_t i = 0; i < 3; i++) {
        client_close(&clients[i]);
    }
}

static void the_total_is_limited_too(void **state)
{
    const struct http_limits limits = {20000, 20000, 20000, 1, 50};
    struct client clients[2];

    (void)state;
    restart(&limits);
    client_open(&clients[0], loop, path);
    client_send_str(&clients[0], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_later(1);
    client_open(&clients[1], loop, path);
    assert_int_equal(client_status(&clients[1], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 503);
    client_wait_end(&clients[1]);
    client_close(&clients[0]);
    client_close(&clients[1]);
}

/* Bodies that are announced and not finished would else fill the memory, one connection each. */
static void bodies_together_are_limited(void **state)
{
    static struct client clients[40];
    static uint8_t part[BIG_MAX - 1];
    struct response response;
    size_t open = 0;
    char head[128];

    (void)state;
    (void)snprintf(head, sizeof head, "POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: %u\r\n\r\n",
                   BIG_MAX);
    do {
        assert_true(open < PS_COUNT_OF(clients));
        client_open(&clients[open], loop, path);
        client_send_str(&clients[open], head);
        client_send(&clients[open], ps_bytes(part, sizeof part));
        open++;
    } while (answers == 0);
    client_send(&clients[open - 1], ps_bytes(part, 1));
    client_wait(&clients[open - 1], &response);
    assert_int_equal(response.status, 503);
    assert_in_range(open, 32, 34);
    /* What is small goes on; what is large does again when the others are gone. */
    client_drop(&clients[open - 1], &response);
    assert_int_equal(client_status(&clients[open - 1], "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    for (size_t i = 0; i < open; i++) {
        client_close(&clients[i]);
    }
    while (http_server_requests(server) != 0) {
        assert_ok(ps_loop_turn(loop, 1));
    }
    client_open(&clients[0], loop, path);
    client_send_str(&clients[0], head);
    client_send(&clients[0], ps_bytes(part, sizeof part));
    client_send(&clients[0], ps_bytes(part, 1));
    client_wait(&clients[0], &response);
    assert_int_equal(response.status, 200);
    client_close(&clients[0]);
}

static void draining_finishes_what_is_under_way(void **state)
{
    struct client busy;
    struct client idle;
    struct client refused;
    struct response response;

    (void)state;
    client_open(&busy, loop, path);
    client_open(&idle, loop, path);
    assert_int_equal(client_status(&idle, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_send_str(&busy, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_later(1);
    http_server_drain(server);
    client_wait_end(&idle);
    assert_false(drained);
    answer_all();
    client_wait(&busy, &response);
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(response.head, "\r\nConnection: close\r\n"));
    client_wait_end(&busy);
    while (!drained) {
        assert_ok(ps_loop_turn(loop, 1));
    }
    refused.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)close(refused.fd);
    client_close(&busy);
    client_close(&idle);
}

static void an_answer_over_its_maximum_is_a_problem(void **state)
{
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_later(1);
    assert_null(ps_buf_reserve(http_request_out(later[0]), HTTP_ANSWER_MAX + 1));
    answer_all();
    client_wait(&client, &response);
    assert_int_equal(response.status, 413);
    client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_is_handed_over_and_answered),
        TEST(an_invalid_request_id_is_replaced),
        TEST(many_requests_share_a_connection),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(head_has_no_body),
        TEST(an_answer_may_come_later),
        TEST(a_client_that_closed_its_half_gets_the_answer),
        TEST(a_client_that_went_away_harms_nothing),
        TEST(chunks_are_put_together),
        TEST(a_limit_holds_to_the_octet),
        TEST(chunks_over_the_limit_are_refused),
        TEST(a_refused_body_is_read_and_the_connection_goes_on),
        TEST(a_huge_body_is_refused_before_it_comes),
        TEST(who_expects_100_is_refused_at_once),
        TEST(who_expects_100_gets_it),
        TEST(a_body_where_none_is_taken_is_malformed),
        TEST(smuggling_shapes_are_refused_and_the_connection_ends),
        TEST(a_nul_in_the_target_is_refused),
        TEST(a_malformed_target_is_one_problem_document),
        TEST(too_many_header_fields_are_431),
        TEST(a_head_that_does_not_come_ends_by_its_deadline),
        TEST(a_body_that_does_not_come_ends_by_its_deadline),
        TEST(an_idle_connection_ends_by_its_deadline),
        TEST(an_answer_that_is_not_taken_ends_by_its_deadline),
        TEST(a_caller_with_too_many_connections_is_told_so),
        TEST(an_idle_connection_makes_room_for_the_same_caller),
        TEST(the_total_is_limited_too),
        TEST(bodies_together_are_limited),
        TEST(draining_finishes_what_is_under_way),
        TEST(an_answer_over_its_maximum_is_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
