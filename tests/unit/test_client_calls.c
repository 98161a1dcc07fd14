#include "tests/unit/scratch.h"
#include "tests/unit/support.h"

#include "api/client/internal.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What the library sends again, of a peer that answers, breaks off or says nothing. */

enum deed {
    ANSWER, /* and the connection stays */
    BREAK,  /* the request was read, and is not answered */
    SILENCE /* until the client has had enough */
};

struct step {
    enum deed deed;
    unsigned status;  /* of an answer */
    const char *more; /* members of its problem document */
};

#define STEPS_MAX 16u

static struct {
    char path[SCRATCH_PATH_MAX];
    int listener;
    pthread_t thread;
    struct step steps[STEPS_MAX];
    size_t count;
    /* Of the thread, until it has ended. */
    unsigned connections;
    unsigned requests;
    char last[4096];
} peer;

static struct privyseal *client;

/* False: the connection is at its end. */
static bool read_request(int fd)
{
    size_t len = 0;
    size_t wanted = 0;

    for (;;) {
        const ssize_t got = recv(fd, peer.last + len, sizeof peer.last - 1 - len, 0);
        const char *end;
        const char *length;

        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        peer.last[len] = '\0';
        end = strstr(peer.last, "\r\n\r\n");
        length = strstr(peer.last, "Content-Length: ");
        if (end != NULL) {
            wanted = (size_t)(end - peer.last) + 4 +
                     (length == NULL ? 0 : strtoul(length + 16, NULL, 10));
        }
        if (end != NULL && len >= wanted) {
            return true;
        }
    }
}

/* One request, on the connection that there is or on a new one. False: nobody comes any more. */
static bool take_request(int *fd)
{
    for (;;) {
        if (*fd < 0) {
            *fd = accept4(peer.listener, NULL, NULL, SOCK_CLOEXEC);
            if (*fd < 0) {
                return false;
            }
            peer.connections++;
        }
        if (read_request(*fd)) {
            peer.requests++;
            return true;
        }
        (void)close(*fd);
        *fd = -1;
    }
}

static void answer(int fd, const struct step *step)
{
    char body[512] = "{}";
    char text[1024];
    int len;

    if (step->status != 200) {
        (void)snprintf(body, sizeof body, "{\"status\":%u,\"title\":\"t\",\"code\":\"c\"%s}",
                       step->status, step->more == NULL ? "" : step->more);
    }
    len = snprintf(text, sizeof text,
                   "HTTP/1.1 %u X\r\nContent-Type: application/%s\r\nContent-Length: %zu\r\n\r\n%s",
                   step->status, step->status == 200 ? "json" : "problem+json", strlen(body), body);
    (void)send(fd, text, (size_t)len, MSG_NOSIGNAL);
}

static void *serve(void *context)
{
    static const struct step nothing = {.deed = BREAK};
    int fd = -1;

    (void)context;
    for (size_t at = 0; take_request(&fd); at++) {
        const struct step *step = at < peer.count ? &peer.steps[at] : &nothing;
        char octet;

        if (step->deed == ANSWER) {
            answer(fd, step);
            continue;
        }
        if (step->deed == SILENCE) {
            (void)recv(fd, &octet, 1, 0);
        }
        (void)close(fd);
        fd = -1;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

static int begin(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (scratch_make(state) != 0) {
        return -1;
    }
    memset(&peer, 0, sizeof peer);
    (void)snprintf(peer.path, sizeof peer.path, "%s/s", scratch_directory);
    memcpy(address.sun_path, peer.path, strlen(peer.path));
    peer.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return peer.listener >= 0 &&
                   bind(peer.listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(peer.listener, 16) == 0
               ? 0
               : -1;
}

static int end(void **state)
{
    return scratch_remove(state);
}

static void script(const struct step *steps, size_t count)
{
    assert_true(count <= STEPS_MAX);
    memcpy(peer.steps, steps, count * sizeof *steps);
    peer.count = count;
    assert_int_equal(pthread_create(&peer.thread, NULL, serve, NULL), 0);
}

/* Nothing of the peer is looked at before this. */
static void finish(void)
{
    privyseal_close(client);
    client = NULL;
    assert_int_equal(shutdown(peer.listener, SHUT_RDWR), 0); /* which ends accept4() */
    assert_int_equal(pthread_join(peer.thread, NULL), 0);
    (void)close(peer.listener);
}

static void open_client(unsigned timeout_ms, unsigned retries)
{
    const struct privyseal_options options = {
        .socket = peer.path, .timeout_ms = timeout_ms, .retries = retries};

    assert_int_equal(privyseal_open(&options, &client), PRIVYSEAL_OK);
}

#define LONG_MS 120000u /* for what does not depend on time */

static const struct privyseal_request get = {.method = "GET", .path = "/v1/keys"};
static const struct privyseal_request post = {
    .method = "POST", .path = "/v1/jws/sign", .body = "{}", .body_len = 2};
static const struct privyseal_request post_once = {
    .method = "POST", .path = "/v1/keys", .body = "{}", .body_len = 2, .idempotency_key = "a"};
static const struct privyseal_request post_nothing = {.method = "POST", .path = "/v1/backups"};

static enum privyseal_result call(const struct privyseal_request *request)
{
    struct privyseal_answer answer = {0};
    const enum privyseal_result result = privyseal_call(client, request, &answer);

    privyseal_answer_clear(&answer);
    return result;
}

#define GOOD                                                                                       \
    {                                                                                              \
        .deed = ANSWER, .status = 200                                                              \
    }
#define LOST                                                                                       \
    {                                                                                              \
        .deed = BREAK                                                                              \
    }

static void many_requests_go_through_one_connection(void **state)
{
    static const struct step steps[] = {GOOD, {.deed = ANSWER, .status = 503}, GOOD, GOOD};

    (void)state;
    script(steps, PS_COUNT_OF(steps));
    open_client(LONG_MS, 0);
    assert_int_equal(call(&post), PRIVYSEAL_OK);
    assert_int_equal(call(&get), PRIVYSEAL_OK);
    assert_int_equal(call(&post_once), PRIVYSEAL_OK);
    finish();
    assert_int_equal(peer.requests, 4);
    assert_int_equal(peer.connections, 1);
}

/* On a new connection, and on one that was good before, which curl would take for one that had
 * ended. */
static void what_may_have_been_done_is_not_sent_again(void **state)
{
    static const struct privyseal_request *const requests[] = {&post, &post_nothing};
    static const struct step steps[] = {LOST, GOOD, LOST, LOST, GOOD, LOST, GOOD};

    (void)state;
    script(steps, PS_COUNT_OF(steps));
    open_client(LONG_MS, 5);
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        assert_int_equal(call(requests[i]), PRIVYSEAL_UNREACHABLE);
        assert_int_equal(call(requests[i]), PRIVYSEAL_OK);
        assert_int_equal(call(requests[i]), PRIVYSEAL_UNREACHABLE);
        assert_non_null(strstr(privyseal_last_error(client), "may have been done"));
    }
    assert_int_equal(call(&post), PRIVYSEAL_OK);
    finish();
    assert_int_equal(peer.requests, PS_COUNT_OF(steps));
}

static void what_can_be_done_twice_is_sent_again(void **state)
{
    static const struct privyseal_request *const requests[] = {&get, &post_once};
    static const struct step steps[] = {LOST, GOOD, LOST, LOST, GOOD};

    (void)state;
    script(steps, PS_COUNT_OF(steps));
    open_client(LONG_MS, 2);
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        assert_int_equal(call(requests[i]), PRIVYSEAL_OK);
    }
    finish();
    assert_int_equal(peer.requests, 5);
}

static void it_is_sent_again_as_often_as_asked_for(void **state)
{
    static const struct {
        unsigned retries;
        unsigned requests;
    } rows[] = {{0, 3}, {1, 2}, {4, 5}, {UINT_MAX, 1}};
    static const struct step step = LOST; /* and so is whatever comes after it */
    unsigned expected = 0;

    (void)state;
    script(&step, 1);
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        open_client(LONG_MS, rows[i].retries);
        assert_int_equal(call(&get), PRIVYSEAL_UNREACHABLE);
        expected += rows[i].requests;
        if (i != PS_COUNT_OF(rows) - 1) {
            privyseal_close(client);
        }
    }
    finish();
    assert_int_equal(peer.requests, expected);
}

/* Nothing was released then. */
static void what_waiting_helps_is_sent_again_whatever_it_is(void **state)
{
    static const struct privyseal_request *const requests[] = {&get, &post, &post_once};
    static const struct step steps[] = {
        {.deed = ANSWER, .status = 503},
        GOOD,
        {.deed = ANSWER, .status = 429},
        GOOD,
        {.deed = ANSWER, .status = 503, .more = ",\"retry_after_s\":1"},
        GOOD};

    (void)state;
    script(steps, PS_COUNT_OF(steps));
    open_client(LONG_MS, 0);
    for (size_t i = 0; i < PS_COUNT_OF(requests); i++) {
        assert_int_equal(call(requests[i]), PRIVYSEAL_OK);
    }
    finish();
    assert_int_equal(peer.requests, 6);
}

static void a_refusal_is_a_value_and_asked_for_once(void **state)
{
    static const struct step steps[] = {
        {.deed = ANSWER,
         .status = 409,
         .more = ",\"state\":\"s\",\"detail\":\"d\",\"retry_after_s\":7,\"new\":{}"},
        {.deed = ANSWER, .status = 422},
        {.deed = ANSWER, .status = 500},
        {.deed = ANSWER, .status = 404}};
    static const int statuses[] = {409, 422, 500, 404};

    (void)state;
    script(steps, PS_COUNT_OF(steps));
    open_client(LONG_MS, 0);
    for (size_t i = 0; i < PS_COUNT_OF(statuses); i++) {
        struct privyseal_answer answer = {0};

        assert_int_equal(privyseal_call(client, &post_once, &answer), PRIVYSEAL_REFUSED);
        assert_int_equal(answer.status, statuses[i]);
        assert_string_equal(answer.problem.code, "c");
        assert_string_equal(answer.problem.title, "t");
        assert_string_equal(answer.problem.state, i == 0 ? "s" : "");
        assert_string_equal(answer.problem.detail, i == 0 ? "d" : "");
        assert_int_equal(answer.problem.retry_after_s, i == 0 ? 7 : 0);
        privyseal_answer_clear(&answer);
    }
    finish();
    assert_int_equal(peer.requests, PS_COUNT_OF(statuses));
}

/* It would be silent meanwhile, and people may have to do something first. */
static void a_minute_is_not_waited_for(void **state)
{
    static const struct step steps[] = {
        {.deed = ANSWER, .status = 503, .more = ",\"retry_after_s\":60"}, GOOD};
    struct privyseal_answer answer = {0};

    (void)state;
    script(steps, PS_COUNT_OF(steps));
    open_client(120000, 2);
    assert_int_equal(privyseal_call(client, &get, &answer), PRIVYSEAL_REFUSED);
    assert_int_equal(answer.problem.retry_after_s, 60);
    privyseal_answer_clear(&answer);
    assert_int_equal(call(&get), PRIVYSEAL_OK);
    finish();
    assert_int_equal(peer.requests, 2);
}

/* The time is of the whole call: who is told to come later than that is told so at once. */
static void nobody_waits_longer_than_asked_for(void **state)
{
    static const struct step steps[] = {
        {.deed = ANSWER, .status = 503, .more = ",\"retry_after_s\":9999"}, {.deed = SILENCE}};
    struct privyseal_answer answer = {0};

    (void)state;
    script(steps, PS_COUNT_OF(steps));
    open_client(LONG_MS, 5);
    assert_int_equal(privyseal_call(client, &get, &answer), PRIVYSEAL_REFUSED);
    assert_int_equal(answer.problem.retry_after_s, 9999);
    privyseal_answer_clear(&answer);
    privyseal_close(client);
    open_client(300, 5);
    assert_int_equal(call(&get), PRIVYSEAL_TIMEOUT);
    finish();
    assert_true(peer.requests <= 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_requests_go_through_one_connection),
        TEST(what_may_have_been_done_is_not_sent_again),
        TEST(what_can_be_done_twice_is_sent_again),
        TEST(it_is_sent_again_as_often_as_asked_for),
        TEST(what_waiting_helps_is_sent_again_whatever_it_is),
        TEST(a_refusal_is_a_value_and_asked_for_once),
        TEST(a_minute_is_not_waited_for),
        TEST(nobody_waits_longer_than_asked_for),
    };

    return cmocka_run_group_tests_name("client_calls", tests, NULL, NULL);
}
