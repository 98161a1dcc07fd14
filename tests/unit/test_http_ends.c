#include "tests/unit/http_client.h"
#include "tests/unit/scratch.h"

#include "lib/http/server.h"

#include <microhttpd.h>

/* How connections end that no answer of ours can end in order. Deadlines are far away here. */
static struct ps_loop *loop;
static struct http_server *server;
static char path[SCRATCH_PATH_MAX];
static unsigned requests;
static unsigned last_status;
static bool out_of_memory; /* for answers */

/* In place of the library's. */
struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer,
                                                     enum MHD_ResponseMemoryMode mode)
{
    (void)mode;
    return out_of_memory ? NULL
                         : MHD_create_response_from_buffer_with_free_callback(size, buffer, NULL);
}

static void on_head(void *context, struct http_request *request)
{
    (void)context;
    if (ps_bytes_equal_str(http_request_target(request)->path, "/refused")) {
        http_refuse(request, &(struct http_problem){.problem = PS_PROBLEM_NOT_FOUND});
    } else {
        http_request_allow_body(request, 1000);
    }
}

static void on_request(void *context, struct http_request *request)
{
    const struct http_answer answer = {.status = 200, .media = "text/plain"};

    (void)context;
    requests++;
    http_answer(request, &answer);
}

static void on_answer(void *context, struct http_request *request, unsigned status)
{
    (void)context;
    (void)request;
    last_status = status;
}

static void on_drained(void *context, struct http_server *ended)
{
    (void)context;
    (void)ended;
}

static int begin(void **state)
{
    static const struct http_handler handler = {.on_head = on_head,
                                                .on_request = on_request,
                                                .on_answer = on_answer,
                                                .on_drained = on_drained,
                                                .extra = 16};
    const struct http_limits limits = {600000, 600000, 600000, 100, 50};
    struct http_listener listener = {.transport = HTTP_TRANSPORT_UNIX};

    if (scratch_make(state) != 0) {
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/s", scratch_directory);
    listener.fd = listen_unix(path);
    requests = last_status = 0;
    assert_ok(ps_loop_new(&loop));
    assert_ok(http_server_new(loop, &listener, &limits, &handler, NULL, &server));
    return 0;
}

static int end(void **state)
{
    http_server_free(server);
    ps_loop_free(loop);
    return scratch_remove(state);
}

/*
 * Sends the octets, closes this half, and waits for the end; what came is left in `client`. When
 * all of it is there before the server looks, libmicrohttpd misses the end; later it sees it by
 * itself.
 */
static void send_and_half_close(struct client *client, const char *octets, bool at_once)
{
    client_open(client, loop, path);
    if (at_once) {
        const ssize_t len = (ssize_t)strlen(octets);

        assert_int_equal(send(client->fd, octets, (size_t)len, MSG_NOSIGNAL), len);
    } else {
        client_send_str(client, octets);
        client_turn(client);
    }
    assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
    client_wait_end(client);
}

/* Ended long before its deadline, with 400 or without a word, and never worked on. */
static void assert_given_up(const char *octets)
{
    for (unsigned i = 0; i < 2; i++) {
        struct client client;

        send_and_half_close(&client, octets, i == 0);
        if (client.in.len != 0) {
            assert_true(client.in.len > 13);
            assert_memory_equal(client.in.data, "HTTP/1.1 400 ", 13);
        }
        assert_int_equal(requests, 0);
        client_close(&client);
    }
}

static void a_half_closed_head_is_malformed(void **state)
{
    struct client client;

    (void)state;
    send_and_half_close(&client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Le", true);
    assert_true(client.in.len > 13);
    assert_memory_equal(client.in.data, "HTTP/1.1 400 ", 13);
    assert_int_equal(last_status, 400);
    assert_int_equal(requests, 0);
    client_close(&client);
    assert_given_up("POST /a HTTP/1.1\r\nHost: a\r\nContent-Le");
}

static void a_half_closed_request_line_ends(void **state)
{
    (void)state;
    assert_given_up("POST /a HT");
    assert_given_up("P");
}

static void a_half_closed_body_ends(void **state)
{
    (void)state;
    assert_given_up("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    assert_given_up("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf of it");
    assert_given_up("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nhalf");
}

static void a_second_request_that_stays_unfinished_ends_too(void **state)
{
    struct client client;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        send_and_half_close(&client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHo",
                            i == 0);
        assert_memory_equal(client.in.data, "HTTP/1.1 200 ", 13);
        assert_int_equal(requests, 1 + i);
        client_close(&client);
    }
}

static void who_waits_with_an_open_half_is_left_alone(void **state)
{
    const uint64_t until = ps_clock_mono_ns() + PS_NS_PER_S;
    struct client client;
    struct response response;

    (void)state;
    client_open(&client, loop, path);
    client_send_str(&client, "GET /a HTTP/1.1\r\nHo");
    /* Over several looks; that nothing happens has no end that could be waited for. */
    while (ps_clock_mono_ns() < until) {
        client_turn(&client);
        assert_false(client.ended);
    }
    client_send_str(&client, "st: a\r\n\r\n");
    client_wait(&client, &response);
    assert_int_equal(response.status, 200);
    client_close(&client);
}

/* The library's own words, past every callback: they are HTML, and the connection ends. */
static void versions_that_do_not_exist_get_the_librarys_answer(void **state)
{
    static const struct {
        const char *version;
        const char *answer;
    } rows[] = {
        {"HTTP/2.0", "HTTP/1.1 505 "}, {"HTTP/0.9", "HTTP/1.1 505 "},
        {"HTTP/3.7", "HTTP/1.1 505 "}, {"HTTP/1.10", "HTTP/1.1 400 "},
        {"http/1.1", "HTTP/1.1 400 "}, {"HTTPS/1.1", "HTTP/1.1 400 "},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct client client;
        char text[128];

        (void)snprintf(text, sizeof text,
                       "GET /a %s\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
                       rows[i].version);
        client_open(&client, loop, path);
        client_send_str(&client, text);
        client_wait_end(&client);
        assert_memory_equal(client.in.data, rows[i].answer, strlen(rows[i].answer));
        assert_non_null(memmem(client.in.data, client.in.len, "<html>", 6));
        assert_int_equal(requests, 0);
        client_close(&client);
    }
}

/* RFC 9110 section 2.5: a higher minor version is answered with the highest that one knows. */
static void a_higher_minor_version_is_served_as_1_1(void **state)
{
    struct client client;

    (void)state;
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, "GET /a HTTP/1.7\r\nHost: a\r\n\r\n"), 200);
    client_close(&client);
}

static void a_refusal_without_memory_ends_the_connection(void **state)
{
    struct client client;

    (void)state;
    out_of_memory = true;
    client_open(&client, loop, path);
    client_send_str(&client, "POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    client_wait_end(&client);
    assert_int_equal(client.in.len, 0);
    client_close(&client);
    out_of_memory = false;
    client_open(&client, loop, path);
    assert_int_equal(client_status(&client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
    client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_half_closed_head_is_malformed),
        TEST(a_half_closed_request_line_ends),
        TEST(a_half_closed_body_ends),
        TEST(a_second_request_that_stays_unfinished_ends_too),
        TEST(who_waits_with_an_open_half_is_left_alone),
        TEST(versions_that_do_not_exist_get_the_librarys_answer),
        TEST(a_higher_minor_version_is_served_as_1_1),
        TEST(a_refusal_without_memory_ends_the_connection),
    };

    return cmocka_run_group_tests_name("http_ends", tests, NULL, NULL);
}
