#include "tests/unit/http_service.h"

/* Requests and answers, whole, in parts, late and malformed. */

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

static void a_client_that_goes_away_before_is_not_worked_for(void **state)
{
    struct client client;
    struct client other;

    (void)state;
    client_open(&other, loop, path);
    assert_int_equal(client_status(&other, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_open(&client, loop, path);
    leaving_at_head = &client;
    assert_int_equal(send(client.fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 32, 0), 32);
    while (leaving_at_head != NULL || http_server_requests(server) != 0) {
        assert_ok(ps_loop_turn(loop, 1));
    }
    assert_int_equal(later_count, 0);
    assert_int_equal(requests, 1);
    client_close(&other);
}

/* Its request is still the handler's, and nobody else's is made of it. */
static void a_client_that_goes_away_at_once_harms_nobody(void **state)
{
    struct client client;
    struct client other;
    struct response response;

    (void)state;
    client_open(&other, loop, path);
    assert_int_equal(client_status(&other, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_open(&client, loop, path);
    leaving = &client;
    assert_int_equal(send(client.fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n", 32, 0), 32);
    wait_for_later(1);
    assert_null(leaving);
    assert_int_equal(http_server_requests(server), 1);
    client_send_str(&other, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nother");
    wait_for_later(2);
    assert_int_equal(http_server_requests(server), 2);
    assert_ptr_not_equal(later[0], later[1]);
    answer_all();
    client_wait(&other, &response);
    assert_true(ps_bytes_equal_str(response.body, "other!"));
    client_close(&other);
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
    "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n"
    "0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\t33\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nX-A: b\r\n \r\nContent-Length: 0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\nHost: a\r\nContent-Length: 0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\nContent-Length: 0\r\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\n\r\n" HIDDEN,
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\n" HIDDEN,
};

static void assert_refused_with_what_it_hides(struct ps_bytes octets)
{
    struct client client;
    struct response response;

    client_open(&client, loop, path);
    client_send(&client, octets);
    client_wait(&client, &response);
    assert_int_equal(response.status, 400);
    assert_non_null(strstr(response.head, "\r\nConnection: close\r\n"));
    client_drop(&client, &response);
    client_wait_end(&client);
    assert_int_equal(client.in.len, 0);
    client_close(&client);
    assert_int_equal(requests, 0);
}

static void smuggling_shapes_are_refused_and_the_connection_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(smuggling); i++) {
        assert_refused_with_what_it_hides(ps_bytes_str(smuggling[i]));
    }
}

#define WITH_NUL(line) LITERAL("POST /a HTTP/1.1\r\nHost: a\r\n" line "\r\n" HIDDEN)

static void a_nul_in_a_header_is_refused(void **state)
{
    (void)state;
    assert_refused_with_what_it_hides(WITH_NUL("Transfer-Encoding: chunked\0, gzip\r\n"));
    assert_refused_with_what_it_hides(WITH_NUL("Content-Length: 0\0x\r\n"));
    assert_refused_with_what_it_hides(WITH_NUL("Content-Length: 0\0\0\r\n"));
    assert_refused_with_what_it_hides(WITH_NUL("Content-Length: 0\0\0\0\0\0\0\r\n"));
    assert_refused_with_what_it_hides(WITH_NUL("X-A: b\0\r\nContent-Length: 0\r\n"));
    assert_refused_with_what_it_hides(
        WITH_NUL("X-A: b\0\0Content-Length: 33\r\nContent-Length: 0\r\n"));
}

/* However its octets come: at once, in pieces, behind another one or an empty line. */
static void a_head_of_many_lines_is_taken(void **state)
{
    PS_BUF_AUTO head = {.max = 65536};
    struct client client;
    struct response response;

    (void)state;
    ps_buf_put_str(&head, "\r\nGET /a HTTP/1.1\r\nHost: a \t\r\nX-Empty:\r\nX-Blank: \r\n");
    for (int i = 0; i < 50; i++) {
        ps_buf_printf(&head, "X-Line-%d:\t%0*d\r\n", i, i % 7 * 10 + 1, i);
    }
    ps_buf_put_str(&head, "Cookie: a=b; c=\"d\"\r\n\r\n");
    client_open(&client, loop, path);
    for (size_t piece = head.len; piece > 1; piece /= 7) {
        for (size_t at = 0; at < head.len; at += piece) {
            const struct ps_bytes rest = ps_bytes_from(ps_buf_bytes(&head), at);

            client_send(&client, ps_bytes(rest.data, rest.len < piece ? rest.len : piece));
            client_turn(&client);
        }
        client_wait(&client, &response);
        assert_int_equal(response.status, 200);
        client_drop(&client, &response);
    }
    client_close(&client);
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
        TEST(a_client_that_goes_away_before_is_not_worked_for),
        TEST(a_client_that_goes_away_at_once_harms_nobody),
        TEST(chunks_are_put_together),
        TEST(a_refused_body_is_read_and_the_connection_goes_on),
        TEST(who_expects_100_is_refused_at_once),
        TEST(who_expects_100_gets_it),
        TEST(a_body_where_none_is_taken_is_malformed),
        TEST(smuggling_shapes_are_refused_and_the_connection_ends),
        TEST(a_nul_in_a_header_is_refused),
        TEST(a_head_of_many_lines_is_taken),
        TEST(a_nul_in_the_target_is_refused),
        TEST(a_malformed_target_is_one_problem_document),
        TEST(draining_finishes_what_is_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
