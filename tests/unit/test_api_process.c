#include "tests/unit/api_support.h"

/* The life of an api process: its supervisor, its keeper, the states, and what happens to requests
 * when one of them goes away. */

#define API_LISTENERS 8u

static uint64_t held_id;
static bool is_held;

/* Keeps the request; the test answers it or not. */
static enum ps_err hold(struct channel *channel, const struct ipc_message *info, uint64_t id,
                        const void *message)
{
    (void)channel;
    (void)info;
    (void)message;
    held_id = id;
    is_held = true;
    return PS_OK;
}

static enum ps_err answer_document(struct channel *channel, const struct ipc_message *info,
                                   uint64_t id, const void *message)
{
    const struct msg_document document = {.status = 200, .body = LITERAL("{}")};

    (void)info;
    (void)message;
    return channel_send(channel, &msg_document_info, id, &document);
}

static void begin_held_at(struct client *client, const char *target)
{
    const struct call call = {"GET", target, NULL, NULL};

    api_test.script = hold;
    is_held = false;
    client_open(client, api_test.loop, api_test.path);
    client_send_call(client, &call);
    api_turn_until(&is_held);
}

static void begin_held(struct client *client)
{
    begin_held_at(client, "/v1/whoami");
}

static void a_live_process_says_so(void **state)
{
    (void)state;
    assert_int_equal(GET("/health/live"), 200);
    assert_string_equal(answer.body, "{\"status\":\"live\"}");
}

static void ready_is_what_the_keeper_said(void **state)
{
    (void)state;
    assert_int_equal(GET("/health/ready"), 200);
    assert_has(answer.body, "\"operational\"");
    api_tell_state(APPLIANCE_DEGRADED);
    api_wait_for_state(APPLIANCE_DEGRADED);
    assert_int_equal(answer.status, 503);
    assert_has(answer.body, "\"degraded\"");
}

static void without_a_keeper_everything_else_is_503(void **state)
{
    const struct msg_api_config config = api_config(IPC_ROLE_API_CLIENTS);

    (void)state;
    api_start_configured(&config);
    assert_int_equal(GET("/health/live"), 200);
    assert_int_equal(GET("/openapi.json"), 200);
    assert_int_equal(GET("/health/ready"), 503);
    assert_code("keeper-unavailable");
    assert_int_equal(GET("/v1/whoami"), 503);
    assert_code("keeper-unavailable");
    assert_has(answer.head, "\r\nRetry-After: 1\r\n");
}

static void a_route_is_served_in_its_states_only(void **state)
{
    (void)state;
    api_test.script = answer_document;
    api_tell_state(APPLIANCE_LOCKED);
    api_wait_for_state(APPLIANCE_LOCKED);
    assert_int_equal(POST("/v1/jws/sign", "{}"), 409);
    assert_code("wrong-state");
    assert_has(answer.body, "\"state\":\"locked\"");
    assert_int_equal(GET("/v1/jwks"), 200);

    api_tell_state(APPLIANCE_UNINITIALISED);
    api_wait_for_state(APPLIANCE_UNINITIALISED);
    assert_int_equal(GET("/v1/jwks"), 503);
    assert_code("uninitialised");
    /* Every 503 says when to come again, also where people have to do something first. */
    assert_has(answer.head, "\r\nRetry-After: 60\r\n");
    assert_has(answer.body, "\"retry_after_s\":60");
    assert_int_equal(GET("/v1/whoami"), 200);

    api_tell_state(APPLIANCE_FAILED);
    api_wait_for_state(APPLIANCE_FAILED);
    assert_int_equal(POST("/v1/jws/sign", "{}"), 503);
    assert_code("log-unavailable");
    assert_has(answer.body, "\"state\":\"failed\"");
    assert_int_equal(GET("/v1/jwks"), 200);
}

static enum ps_err refuse(struct channel *channel, const struct ipc_message *info, uint64_t id,
                          const void *message)
{
    const struct msg_problem problem = {.problem = PS_PROBLEM_RATE_LIMITED,
                                        .retry_after_s = 7,
                                        .detail = LITERAL("slowly"),
                                        .state = LITERAL("active")};

    (void)info;
    (void)message;
    return channel_send(channel, &msg_problem_info, id, &problem);
}

static void a_refusal_of_the_keeper_is_passed_on(void **state)
{
    (void)state;
    api_test.script = refuse;
    assert_int_equal(GET("/v1/whoami"), 429);
    assert_code("rate-limited");
    assert_has(answer.head, "\r\nRetry-After: 7\r\n");
    assert_has(answer.body, "\"detail\":\"slowly\"");
    assert_has(answer.body, "\"state\":\"active\"");
    assert_has(answer.body, "\"retry_after_s\":7");
}

static void a_keeper_that_ends_leaves_503(void **state)
{
    struct client client;

    (void)state;
    begin_held(&client);
    channel_free(api_test.keeper);
    api_test.keeper = NULL;
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    assert_code("keeper-unavailable");
    /* What it said of itself is over with it. */
    assert_int_equal(GET("/health/ready"), 503);
    assert_code("keeper-unavailable");
    /* The connection goes on, and the next keeper is used. */
    api_give_keeper(APPLIANCE_OPERATIONAL);
    api_test.script = answer_document;
    api_wait_for_state(APPLIANCE_OPERATIONAL);
    client_send_call(&client, &(const struct call){"GET", "/v1/whoami", NULL, NULL});
    client_take_answer(&client);
    assert_int_equal(answer.status, 200);
    client_close(&client);
}

/* A report may take two minutes: nobody waits for them when there is nobody left to answer. */
static void who_waits_long_hears_at_once_that_the_keeper_ended(void **state)
{
    struct client client;

    (void)state;
    begin_held_at(&client, "/v1/audit/report");
    channel_free(api_test.keeper);
    api_test.keeper = NULL;
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    assert_code("keeper-unavailable");
    client_close(&client);
}

/* Takes the 4.5 seconds of the shorter one. */
static void each_has_its_own_deadline(void **state)
{
    struct client slow;
    struct client quick;

    (void)state;
    begin_held_at(&slow, "/v1/audit/report");
    begin_held_at(&quick, "/v1/whoami");
    client_take_answer(&quick);
    assert_int_equal(answer.status, 503);
    assert_code("keeper-unavailable");
    client_turn(&slow);
    assert_int_equal(slow.in.len, 0);
    client_close(&quick);
    client_close(&slow);
}

/*
 * Though nobody ended the former: what was asked of it is lost, and how the new one is it says
 * itself; until then it is starting.
 */
static void a_new_keeper_takes_over_nothing_of_the_former(void **state)
{
    const struct msg_peer peer = {.role = IPC_ROLE_KEEPER, .name = LITERAL("keeper")};
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;
    struct client client;
    int fds[2];

    (void)state;
    begin_held_at(&client, "/v1/audit/report");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_ok(channel_send_fd(api_test.supervisor, &msg_peer_info, 0, &peer, fds[1]));
    (void)close(fds[1]);
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    assert_code("keeper-unavailable");
    client_close(&client);
    while (!api_test.keeper_ended) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(api_test.loop, 1));
    }
    assert_int_equal(GET("/health/ready"), 503);
    assert_code("keeper-unavailable");
    assert_int_equal(GET("/v1/whoami"), 503);
    assert_code("keeper-unavailable");
    (void)close(fds[0]);
}

static void a_new_keeper_replaces_the_former(void **state)
{
    struct client client;

    (void)state;
    begin_held(&client);
    api_give_keeper(APPLIANCE_OPERATIONAL);
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    assert_code("keeper-unavailable");
    client_close(&client);
}

static void an_answer_of_another_kind_ends_the_channel(void **state)
{
    const struct msg_octets octets = {.octets = LITERAL("x")};
    struct client client;

    (void)state;
    begin_held(&client);
    assert_ok(channel_send(api_test.keeper, &msg_octets_info, held_id, &octets));
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    api_turn_until(&api_test.keeper_ended);
    client_close(&client);
}

static void an_answer_to_nothing_ends_the_channel(void **state)
{
    const struct msg_octets octets = {.octets = LITERAL("x")};

    (void)state;
    assert_ok(channel_send(api_test.keeper, &msg_octets_info, 4711, &octets));
    api_turn_until(&api_test.keeper_ended);
}

/* The api has places for 64 calls when it made its first. */
static void an_answer_to_one_call_more_than_there_may_be_ends_the_channel(void **state)
{
    const struct msg_octets octets = {.octets = LITERAL("x")};

    (void)state;
    api_test.script = answer_document;
    assert_int_equal(GET("/v1/whoami"), 200);
    assert_ok(channel_send(api_test.keeper, &msg_octets_info, 64, &octets));
    assert_int_equal(GET("/v1/whoami"), 200);
    assert_false(api_test.keeper_ended);
    assert_ok(channel_send(api_test.keeper, &msg_octets_info, 65, &octets));
    api_turn_until(&api_test.keeper_ended);
    assert_int_equal(GET("/health/live"), 200);
}

static void a_state_that_there_is_not_ends_the_channel(void **state)
{
    const struct msg_appliance_state notice = {.state = APPLIANCE_FAILED + 1,
                                               .ready = LITERAL("{\"ready\":true}")};

    (void)state;
    assert_ok(channel_send(api_test.keeper, &msg_appliance_state_info, 0, &notice));
    api_turn_until(&api_test.keeper_ended);
    assert_int_equal(GET("/health/ready"), 503);
    assert_code("keeper-unavailable");
}

/* Takes the 4.5 seconds that a client has to wait for this. */
static void a_lost_answer_is_503_and_a_late_one_harms_nothing(void **state)
{
    const struct call call = {"GET", "/v1/whoami", NULL, NULL};
    const struct msg_document late = {.status = 200, .body = LITERAL("{\"late\":true}")};
    const struct msg_document document = {.status = 200, .body = LITERAL("{}")};
    struct client client;
    uint64_t lost_id;

    (void)state;
    begin_held(&client);
    lost_id = held_id;
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    assert_code("keeper-unavailable");
    /* It comes when another request is waiting where the lost one was. */
    is_held = false;
    client_send_call(&client, &call);
    api_turn_until(&is_held);
    assert_ok(channel_send(api_test.keeper, &msg_document_info, lost_id, &late));
    assert_ok(channel_send(api_test.keeper, &msg_document_info, held_id, &document));
    client_take_answer(&client);
    assert_string_equal(answer.body, "{}");
    /* And when none is. */
    assert_ok(channel_send(api_test.keeper, &msg_document_info, lost_id, &late));
    assert_ok(channel_send(api_test.keeper, &msg_document_info, held_id, &late));
    channel_flush(api_test.keeper);
    api_tell_state(APPLIANCE_DEGRADED);
    api_wait_for_state(APPLIANCE_DEGRADED);
    api_test.script = answer_document;
    client_send_call(&client, &call);
    client_take_answer(&client);
    assert_string_equal(answer.body, "{}");
    client_close(&client);
}

static void more_requests_than_allowed_in_flight_are_503(void **state)
{
    struct msg_api_config config = api_config(IPC_ROLE_API_CLIENTS);
    struct client client;
    const struct msg_document document = {.status = 200, .body = LITERAL("{}")};

    (void)state;
    config.requests_in_flight = 1;
    api_start_configured(&config);
    api_give_keeper(APPLIANCE_OPERATIONAL);
    api_wait_for_state(APPLIANCE_OPERATIONAL);
    begin_held(&client);
    assert_int_equal(GET("/v1/whoami"), 503);
    assert_code("overloaded");
    assert_int_equal(GET("/health/live"), 200);
    assert_ok(channel_send(api_test.keeper, &msg_document_info, held_id, &document));
    client_take_answer(&client);
    assert_int_equal(answer.status, 200);
    client_close(&client);
    /* Its place is free again. */
    api_test.script = answer_document;
    assert_int_equal(GET("/v1/whoami"), 200);
}

static void a_stop_finishes_what_is_in_flight(void **state)
{
    const struct msg_stop stop = {.within_ms = 10000};
    const struct msg_document document = {.status = 200, .body = LITERAL("{}")};
    struct client client;

    (void)state;
    begin_held(&client);
    assert_ok(channel_send(api_test.supervisor, &msg_stop_info, 0, &stop));
    channel_flush(api_test.supervisor);
    assert_ok(channel_send(api_test.keeper, &msg_document_info, held_id, &document));
    client_take_answer(&client);
    assert_int_equal(answer.status, 200);
    client_wait_end(&client);
    api_turn_until(&api_test.supervisor_ended);
    assert_int_equal(api_join(), 0);
    client_close(&client);
}

static void a_stop_waits_no_longer_than_told(void **state)
{
    const struct msg_stop stop = {.within_ms = 50};
    struct client client;

    (void)state;
    begin_held(&client);
    assert_ok(channel_send(api_test.supervisor, &msg_stop_info, 0, &stop));
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    assert_code("stopping");
    api_turn_until(&api_test.supervisor_ended);
    assert_int_equal(api_join(), 0);
    client_close(&client);
}

static void the_end_of_the_supervisor_ends_it(void **state)
{
    struct client client;

    (void)state;
    begin_held(&client);
    channel_free(api_test.supervisor);
    api_test.supervisor = NULL;
    client_wait_end(&client);
    assert_int_equal(api_join(), 0);
    client_close(&client);
}

static void a_message_that_is_not_for_it_ends_it(void **state)
{
    const struct msg_pin pin = {.token = LITERAL("a"), .pin = LITERAL("1234")};

    (void)state;
    assert_ok(channel_send(api_test.supervisor, &msg_pin_info, 0, &pin));
    api_turn_until(&api_test.supervisor_ended);
    assert_int_equal(api_join(), 1);
}

static void expect_failure(void)
{
    api_turn_until(&api_test.supervisor_ended);
    assert_int_equal(api_join(), 1);
}

static void a_second_start_ends_it(void **state)
{
    const struct msg_start start = {0};

    (void)state;
    assert_ok(channel_send(api_test.supervisor, &msg_start_info, 0, &start));
    expect_failure();
}

static void a_peer_that_is_no_keeper_ends_it(void **state)
{
    const struct msg_peer peer = {.role = IPC_ROLE_TOKEN, .name = LITERAL("a")};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_ok(channel_send_fd(api_test.supervisor, &msg_peer_info, 0, &peer, fds[1]));
    (void)close(fds[1]);
    expect_failure();
    (void)close(fds[0]);
}

static void send_listener(uint8_t kind)
{
    const struct msg_listener listener = {.kind = kind};
    char path[SCRATCH_PATH_MAX];
    int fd;

    (void)snprintf(path, sizeof path, "%s/more", scratch_directory);
    fd = listen_unix(path);
    assert_ok(channel_send_fd(api_test.supervisor, &msg_listener_info, 0, &listener, fd));
    (void)close(fd);
}

/* What should be behind TLS is never served without. */
static void a_tls_listener_without_its_material_ends_it(void **state)
{
    (void)state;
    send_listener(LISTENER_TLS);
    expect_failure();
}

static void one_listener_more_than_there_may_be_ends_it(void **state)
{
    (void)state;
    for (unsigned i = 1; i < API_LISTENERS; i++) {
        send_listener(LISTENER_UNIX);
    }
    assert_int_equal(GET("/health/live"), 200);
    assert_false(api_test.supervisor_ended);
    send_listener(LISTENER_UNIX);
    expect_failure();
}

static void bad_tls_material_after_the_start_is_passed_over(void **state)
{
    const struct msg_tls tls = {.certificate = LITERAL("x"), .key = LITERAL("y")};

    (void)state;
    assert_ok(channel_send(api_test.supervisor, &msg_tls_info, 0, &tls));
    assert_int_equal(GET("/health/live"), 200);
    assert_false(api_test.supervisor_ended);
}

static bool is_told(const char *row)
{
    return api_test.metrics.len != 0 &&
           memmem(api_test.metrics.data, api_test.metrics.len, row, strlen(row)) != NULL;
}

static void what_was_counted_is_told_to_the_keeper(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    (void)state;
    assert_int_equal(GET("/health/live"), 200);
    assert_int_equal(GET("/health/live"), 200);
    assert_int_equal(GET("/nowhere"), 404);
    /* Once a second, and a second may end between two of them. */
    while (!is_told("/health/live GET 200 2 ") || !is_told("none GET 404 1 ")) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(api_test.loop, 10));
    }
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, begin_clients, api_end)
#define MANAGEMENT(name) cmocka_unit_test_setup_teardown(name, begin_management, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_live_process_says_so),
        TEST(ready_is_what_the_keeper_said),
        cmocka_unit_test_teardown(without_a_keeper_everything_else_is_503, api_end),
        TEST(a_route_is_served_in_its_states_only),
        TEST(a_refusal_of_the_keeper_is_passed_on),
        TEST(a_keeper_that_ends_leaves_503),
        MANAGEMENT(who_waits_long_hears_at_once_that_the_keeper_ended),
        MANAGEMENT(each_has_its_own_deadline),
        MANAGEMENT(a_new_keeper_takes_over_nothing_of_the_former),
        TEST(a_new_keeper_replaces_the_former),
        TEST(an_answer_of_another_kind_ends_the_channel),
        TEST(an_answer_to_nothing_ends_the_channel),
        TEST(an_answer_to_one_call_more_than_there_may_be_ends_the_channel),
        TEST(a_state_that_there_is_not_ends_the_channel),
        TEST(a_lost_answer_is_503_and_a_late_one_harms_nothing),
        cmocka_unit_test_teardown(more_requests_than_allowed_in_flight_are_503, api_end),
        TEST(a_stop_finishes_what_is_in_flight),
        TEST(a_stop_waits_no_longer_than_told),
        TEST(the_end_of_the_supervisor_ends_it),
        TEST(a_message_that_is_not_for_it_ends_it),
        TEST(a_second_start_ends_it),
        TEST(a_peer_that_is_no_keeper_ends_it),
        TEST(a_tls_listener_without_its_material_ends_it),
        TEST(one_listener_more_than_there_may_be_ends_it),
        TEST(bad_tls_material_after_the_start_is_passed_over),
        TEST(what_was_counted_is_told_to_the_keeper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
