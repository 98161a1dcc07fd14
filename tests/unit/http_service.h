#ifndef TESTS_UNIT_HTTP_SERVICE_H
#define TESTS_UNIT_HTTP_SERVICE_H

#include "tests/unit/http_client.h"
#include "tests/unit/scratch.h"

#include "lib/http/server.h"

/* A server in the test's thread. It echoes bodies, and answers /later when the test says so. */
#define BODY_MAX  1000u
#define BIG_MAX   (2u * 1024u * 1024u)
#define LATER_MAX 64u
#define EXTRA     16u

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
static struct client *leaving_at_head; /* goes away while its head is handed over */
static struct client *leaving;         /* the same of its request */

static inline PS_UNUSED void answer_with_body(struct http_request *request)
{
    const struct http_answer answer = {
        .status = 200, .media = "application/octet-stream", .etag = LITERAL("v1"), .max_age_s = 60};

    ps_buf_put(http_request_out(request), http_request_body(request));
    ps_buf_put_str(http_request_out(request), "!");
    http_answer(request, &answer);
}

/* What a request leaves there is gone when its object is another's. */
static inline PS_UNUSED void use_extra(struct http_request *request)
{
    static const uint8_t nothing[EXTRA];

    assert_memory_equal(http_request_extra(request), nothing, EXTRA);
    memset(http_request_extra(request), 0xff, EXTRA);
}

static inline PS_UNUSED void leave(struct client **who)
{
    if (*who != NULL) {
        client_close(*who);
        *who = NULL;
    }
}

static inline PS_UNUSED void on_head(void *context, struct http_request *request)
{
    const struct http_problem refusal = {.problem = PS_PROBLEM_NOT_FOUND};

    (void)context;
    use_extra(request);
    leave(&leaving_at_head);
    last_caller = *http_request_caller(request);
    if (ps_bytes_equal_str(http_request_target(request)->path, "/refused")) {
        http_refuse(request, &refusal);
    } else if (ps_bytes_equal_str(http_request_target(request)->path, "/big")) {
        http_request_allow_body(request, BIG_MAX);
    } else if (!ps_bytes_equal_str(http_request_target(request)->path, "/nobody")) {
        http_request_allow_body(request, BODY_MAX);
    }
}

static inline PS_UNUSED void on_request(void *context, struct http_request *request)
{
    (void)context;
    requests++;
    leave(&leaving);
    if (ps_bytes_equal_str(http_request_target(request)->path, "/later")) {
        assert_true(later_count < LATER_MAX);
        later[later_count++] = request;
        return;
    }
    answer_with_body(request);
}

static inline PS_UNUSED void on_answer(void *context, struct http_request *request, unsigned status)
{
    (void)context;
    (void)request;
    answers++;
    last_status = status;
}

static inline PS_UNUSED void on_drained(void *context, struct http_server *ended)
{
    (void)context;
    (void)ended;
    drained = true;
}

static const struct http_handler handler = {.on_head = on_head,
                                            .on_request = on_request,
                                            .on_answer = on_answer,
                                            .on_drained = on_drained,
                                            .extra = EXTRA};

static inline PS_UNUSED void answer_all(void)
{
    const size_t count = later_count;

    later_count = 0;
    for (size_t i = 0; i < count; i++) {
        answer_with_body(later[i]);
    }
}

static inline PS_UNUSED void start(const struct http_limits *limits)
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

static inline PS_UNUSED int begin(void **state)
{
    const struct http_limits limits = {20000, 20000, 20000, 100, 50};

    if (scratch_make(state) != 0) {
        return -1;
    }
    start(&limits);
    return 0;
}

static inline PS_UNUSED int end(void **state)
{
    answer_all();
    assert_ok(ps_loop_turn(loop, 0));
    http_server_free(server);
    ps_loop_free(loop);
    return scratch_remove(state);
}

/* Starts again with other limits. */
static inline PS_UNUSED void restart(const struct http_limits *limits)
{
    http_server_free(server);
    ps_loop_free(loop);
    start(limits);
}

static inline PS_UNUSED void wait_for_later(size_t count)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    while (later_count < count) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(loop, 1));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
