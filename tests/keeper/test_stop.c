#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/wrapped_fixture.h"

/*
 * A keeper that is stopped has no time left for what a token is doing for it: it ends in order all
 * the same, and nothing of what it began is still held (the sanitizers say so). What was begun is
 * settled by the next one.
 */

#define TAP (stack.tokens[0].tap)

#define KEY_OF(name, type, usage) "{\"name\":\"" name "\",\"type\":\"" type "\"," usage "}"
#define SIGNS                     "\"usage\":\"sign\",\"formats\":[\"jws\"]"
#define WRAPPED                   ",\"residence\":\"wrapped\""

static struct draft draft; /* of the operation that is under way */

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    TAP = tap_new();
    stack_start(&stack);
    stack_genesis(&stack);
    expect(201, change("wrapping.create", "", "{}"));
    expect(201, change("key.create", "", KEY_OF("s.native", "ec-p256", SIGNS)));
    expect(201, change("key.create", "", KEY_OF("s.wrapped", "ec-p256", SIGNS WRAPPED)));
    expect(201, change("key.create", "", KEY_OF("s.destroyed", "ec-p256", SIGNS)));
    expect(201, change("key.create", "", KEY_OF("s.mac", "hmac-sha256", "\"usage\":\"mac\"")));
    expect(201, change("key.deactivate", "s.destroyed", "{}"));
    expect(201, change("grant.add", "",
                       "{\"client\":\"tester\",\"keys\":\"s.*\",\"operations\":[\"mac\"]}"));
    return 0;
}

static int end_stack(void **state)
{
    draft_clear(&draft);
    return fixture_end(state);
}

/* --- What needs the token --- */

static void ask_to_sign(const char *key)
{
    const struct msg_jws_sign message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("stop-1"),
                                         .key = ps_bytes_str(key),
                                         .payload = ps_bytes_str("stop")};

    (void)wire_send(&stack.clients, &msg_jws_sign_info, &message);
}

static void ask_for_mac(const char *key)
{
    const struct msg_key_use message = {.caller = stack_caller(),
                                        .request_id = ps_bytes_str("stop-1"),
                                        .key = ps_bytes_str(key),
                                        .verb = KEY_MAC,
                                        .data = ps_bytes_str("stop")};

    (void)wire_send(&stack.clients, &msg_key_use_info, &message);
}

static void ask_for_octets(const char *none)
{
    const struct msg_random message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("stop-1"), .count = 32};

    (void)none;
    (void)wire_send(&stack.clients, &msg_random_info, &message);
}

static void ask_for_inventory(const char *none)
{
    const struct msg_task message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("stop-1"), .task = TASK_INVENTORY};

    (void)none;
    (void)wire_send(&stack.management, &msg_task_info, &message);
}

static void execute(const char *type, const char *subject, const char *parameters)
{
    struct msg_operation_step message = {0};

    ask_and_approve(type, subject, parameters, &draft);
    message = step_message(&draft, "execute");
    (void)wire_send(&stack.management, &msg_operation_step_info, &message);
}

static void create(const char *parameters)
{
    execute("key.create", "", parameters);
}

static void create_batch(const char *parameters)
{
    execute("key.create_batch", "", parameters);
}

static void destroy(const char *key)
{
    execute("key.destroy", key, "{}");
}

static void create_wrapping(const char *parameters)
{
    execute("wrapping.create", "", parameters);
}

static void rewrap(const char *parameters)
{
    expect(201, change("wrapping.create", "", "{}"));
    execute("wrapping.rewrap", "", parameters);
}

#define BATCH_OF(name, more)                                                                       \
    "{\"keys\":[{\"name\":\"" name ".0\"},{\"name\":\"" name                                       \
    ".1\"}],\"type\":\"ec-p256\"," SIGNS more "}"

static const struct row {
    const struct ipc_message *held;
    void (*ask)(const char *argument);
    const char *argument;
} rows[] = {
    {&msg_token_sign_info, ask_to_sign, "s.native"},
    {&msg_token_sign_info, ask_to_sign, "s.wrapped"},
    {&msg_token_use_info, ask_for_mac, "s.mac"},
    {&msg_token_random_info, ask_for_octets, ""},
    {&msg_token_list_info, ask_for_inventory, ""},
    {&msg_token_generate_info, create, KEY_OF("m.native", "ec-p256", SIGNS)},
    {&msg_token_make_wrapped_info, create, KEY_OF("m.wrapped", "ec-p256", SIGNS WRAPPED)},
    {&msg_token_generate_info, create_batch, BATCH_OF("n", "")},
    {&msg_token_make_wrapped_info, create_batch, BATCH_OF("w", WRAPPED)},
    {&msg_token_destroy_info, destroy, "s.destroyed"},
    {&msg_token_generate_info, create_wrapping, "{}"},
    {&msg_token_rewrap_begin_info, rewrap, "{}"},
    {&msg_token_rewrap_info, rewrap, "{}"},
};

static void hold(const struct ipc_message *info)
{
    tap_set(TAP, info, 0, TAP_HOLD);
}

static void stop_while_held(const struct ipc_message *info, unsigned held)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (tap_held(TAP, info) == held) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    assert_int_equal(stack_stop_keeper_within(&stack, 0), 0);
    tap_set(TAP, info, 0, TAP_PASS);
}

static void wait_until_settled(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        expect(200, stack_read(&stack, READ_OPERATION, draft.id, &body));
    } while (!body_has("\"state\":\"done\"") && !body_has("\"state\":\"failed\""));
    draft_clear(&draft);
    draft.id[0] = 0;
}

static void start_and_settle(void)
{
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    if (draft.id[0] != 0) {
        wait_until_settled();
    }
}

static void it_ends_with_whatever_it_was_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const unsigned held = tap_held(TAP, rows[i].held);

        hold(rows[i].held);
        rows[i].ask(rows[i].argument);
        stop_while_held(rows[i].held, held);
        start_and_settle();
    }
    expect(200, sign("s.native"));
    expect(200, sign("s.wrapped"));
}

static void it_ends_with_whatever_a_start_asks_for(void **state)
{
    static const struct ipc_message *const asked[] = {
        &msg_token_data_read_info,
        &msg_token_sign_info,
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(asked); i++) {
        const unsigned held = tap_held(TAP, asked[i]);

        stack_kill_keeper(&stack);
        hold(asked[i]);
        stack_start_keeper(&stack);
        stop_while_held(asked[i], held);
        start_and_settle();
    }
    expect(200, sign("s.native"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_with_whatever_a_start_asks_for),
        cmocka_unit_test(it_ends_with_whatever_it_was_asked_for),
    };

    return cmocka_run_group_tests(tests, make_stack, end_stack);
}
