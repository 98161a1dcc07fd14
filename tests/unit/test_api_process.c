#include "tests/unit/api_support.h"

/* The life of an api process: its supervisor, its keeper, the states, and what happens to requests
 * when one of them goes away. */

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

static void begin_held(struct client *client)
{
    const struct call call = {"GET", "/v1/whoami", NULL, NULL};

    api_test.script = hold;
    is_held = false;
    client_open(client, api_test.loop, api_test.path);
    client_send_call(client, &call);
    api_turn_until(&is_held);
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
    /* The connection goes on, and the next keeper is used. */
    api_give_keeper(APPLIANCE_OPERATIONAL);
    api_test.script = answer_document;
    api_wait_for_state(APPLIANCE_OPERATIONAL);
    client_send_call(&client, &(const struct call){"GET", "/v1/whoami", NULL, NULL});
    client_take_answer(&client);
    assert_int_equal(answer.status, 200);
    client_close(&client);
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

/* Takes the 4.5 seconds that a client has to wait for this. */
static void a_lost_answer_is_503_and_a_late_one_harms_nothing(void **state)
{
    const struct msg_document document = {.status = 200, .body = LITERAL("{\"late\":true}")};
    struct client client;

    (void)state;
    begin_held(&client);
    client_take_answer(&client);
    assert_int_equal(answer.status, 503);
    assert_code("keeper-unavailable");
    assert_ok(channel_send(api_test.keeper, &msg_document_info, held_id, &document));
    api_test.script = answer_document;
    client_send_call(&client, &(const struct call){"GET", "/v1/whoami", NULL, NULL});
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

static void bad_tls_material_after_the_start_is_passed_over(void **state)
{
    const struct msg_tls tls = {.certificate = LITERAL("x"), .key = LITERAL("y")};

    (void)state;
    assert_ok(channel_send(api_test.supervisor, &msg_tls_info, 0, &tls));
    assert_int_equal(GET("/health/live"), 200);
    assert_false(api_test.supervisor_ended);
}

static void what_was_counted_is_told_to_the_keeper(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    (void)state;
    assert_int_equal(GET("/health/live"), 200);
    assert_int_equal(GET("/health/live"), 200);
    assert_int_equal(GET("/nowhere"), 404);
    while (api_test.metrics.len == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(api_test.loop, 10));
    }
    ps_buf_put_u8(&api_test.metrics, '\0');
    assert_has((const char *)api_test.metrics.data, "/health/live GET 200 2 ");
    assert_has((const char *)api_test.metrics.data, "none GET 404 1 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_clients, api_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_live_process_says_so),
        TEST(ready_is_what_the_keeper_said),
        cmocka_unit_test_teardown(without_a_keeper_everything_else_is_503, api_end),
        TEST(a_route_is_served_in_its_states_only),
        TEST(a_refusal_of_the_keeper_is_passed_on),
        TEST(a_keeper_that_ends_leaves_503),
        TEST(a_new_keeper_replaces_the_former),
        TEST(an_answer_of_another_kind_ends_the_channel),
        TEST(an_answer_to_nothing_ends_the_channel),
        TEST(a_lost_answer_is_503_and_a_late_one_harms_nothing),
        cmocka_unit_test_teardown(more_requests_than_allowed_in_flight_are_503, api_end),
        TEST(a_stop_finishes_what_is_in_flight),
        TEST(a_stop_waits_no_longer_than_told),
        TEST(the_end_of_the_supervisor_ends_it),
        TEST(a_message_that_is_not_for_it_ends_it),
        TEST(bad_tls_material_after_the_start_is_passed_over),
        TEST(what_was_counted_is_told_to_the_keeper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
