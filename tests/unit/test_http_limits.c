#include "tests/unit/http_service.h"

/* What the server bounds: octets, time, connections, and bodies together. */

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

static void assert_long_head(size_t octets, unsigned status)
{
    struct client client;
    static char request[20000];
    const int len = snprintf(request, sizeof request, "GET /a HTTP/1.1\r\nHost: a\r\nX: ");

    memset(request + len, 'x', octets);
    (void)snprintf(request + len + octets, sizeof request - (size_t)len - octets, "\r\n\r\n");
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, request), status);
    client_close(&client);
}

static void a_head_that_is_too_long_is_431(void **state)
{
    const struct http_limits limits = {20000, 20000, 20000, 100, 50, 8192};

    (void)state;
    assert_long_head(15000, 200);
    assert_long_head(17000, 431);
    restart(&limits);
    assert_long_head(7000, 200);
    assert_long_head(8500, 431);
    assert_long_head(7000, 200);
}

static void a_head_that_does_not_come_ends_by_its_deadline(void **state)
{
    /* Time enough for what is sent to be there before it is over. */
    const struct http_limits limits = {500, 20000, 20000, 100, 50};
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

static void a_caller_over_its_limit_gains_no_time_by_beginning_a_request(void **state)
{
    const struct http_limits limits = {60000, 60000, 60000, 100, 1};
    struct client clients[2];

    (void)state;
    restart(&limits);
    client_open(&clients[0], loop, path);
    client_send_str(&clients[0], "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for_later(1);
    client_open(&clients[1], loop, path);
    client_send_str(&clients[1], "GET /a HTTP/1.1\r\nHos");
    client_wait_end(&clients[1]);
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
    assert_non_null(strstr(response.head, "\r\nRetry-After: 1\r\n"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_limit_holds_to_the_octet),
        TEST(chunks_over_the_limit_are_refused),
        TEST(a_huge_body_is_refused_before_it_comes),
        TEST(too_many_header_fields_are_431),
        TEST(a_head_that_is_too_long_is_431),
        TEST(a_head_that_does_not_come_ends_by_its_deadline),
        TEST(a_body_that_does_not_come_ends_by_its_deadline),
        TEST(an_idle_connection_ends_by_its_deadline),
        TEST(an_answer_that_is_not_taken_ends_by_its_deadline),
        TEST(a_caller_with_too_many_connections_is_told_so),
        TEST(a_caller_over_its_limit_gains_no_time_by_beginning_a_request),
        TEST(an_idle_connection_makes_room_for_the_same_caller),
        TEST(the_total_is_limited_too),
        TEST(bodies_together_are_limited),
        TEST(an_answer_over_its_maximum_is_a_problem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
