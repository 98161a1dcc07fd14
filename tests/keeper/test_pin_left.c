#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/shares.h"

/*
 * A change of a PIN that nobody can settle, since its token is gone: it keeps the token from being
 * let go, ends when the token leaves the configuration, and leaves both splittings, of which the
 * token shows which one is its PIN when it comes back.
 */

#define OTHER      "other"
#define OTHER_AT   1u
#define OTHER_TEXT "\"token\":\"" OTHER "\""

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.supervises = true;
    stack.faults = faults_new();
    stack_start(&stack);
    stack_genesis(&stack);
    stack.tokens[OTHER_AT].tap = tap_new();
    stack_add_token(&stack, OTHER);
    stack_attend_token(&stack, OTHER_AT);
    wait_for_text(READ_SYSTEM, "", OTHER_TEXT ",\"state\":\"needs-login\"", 1);
    expect(201, change("token.accept", OTHER, "{}"));
    wait_for_text(READ_SYSTEM, "", OTHER_TEXT ",\"state\":\"ready\"", 1);
    expect(201, change("pin.split", OTHER, shares_parameters()));
    return 0;
}

static void send_so_pin(void)
{
    const struct msg_pin message = {
        .token = ps_bytes_str(OTHER), .pin = ps_bytes_str(STACK_SO_PIN), .is_so = 1};

    wire_send(&stack.supervisor, &msg_pin_info, &message);
    stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT); /* comes after it */
}

/* The keeper dies in the operation, when the token has heard of its new PIN, and the token too. */
static void die_in(const struct draft *draft)
{
    stack.supervises = false;
    faults_kill_at_leaf(stack.faults, "\"kind\":\"result\"", 0);
    (void)draft_execute(&stack, draft, &body);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
    stack_kill_token(&stack, OTHER_AT);
    stack.supervises = true;
}

static void start_without_other(void)
{
    stack_kill_keeper(&stack);
    stack.processes = OTHER_AT;
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
}

/* All of the log is judged anew. */
static void start_with_other(void)
{
    stack_kill_keeper(&stack);
    stack_forget_checkpoint(&stack);
    stack.processes = OTHER_AT + 1;
    ps_buf_reset(&stack.tokens[OTHER_AT].kept_pin);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
}

static void unlock_other(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        shares_unlock(&stack, OTHER);
        rest_a_while();
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    } while (!body_has(OTHER_TEXT ",\"state\":\"ready\""));
}

static void expect_splittings(unsigned all, unsigned next)
{
    expect(200, stack_read(&stack, READ_PINS, "", &body));
    assert_int_equal(body_count(OTHER_TEXT), all);
    assert_int_equal(body_count("\"next\":true"), next);
}

static void expect_left(const struct draft *draft)
{
    wait_for_text(READ_OPERATION, draft->id, "\"state\":\"failed\"", 1);
    assert_true(body_has("the token has left the configuration"));
}

/* Asked again while the token is being started anew, or its log held against its anchor. */
static unsigned ask_soon(const char *type, const char *parameters, struct draft *ret_draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    const struct msg_change message = stack_change_message(type, OTHER, parameters);
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        status = draft_ask(&stack, &message, ret_draft, &body);
    } while (status == 503);
    return status;
}

static void ask_and_approve_soon(const char *type, const char *parameters, struct draft *ret_draft)
{
    expect(202, ask_soon(type, parameters, ret_draft));
    expect(200, draft_approve(&stack, ret_draft, &body));
}

static unsigned execute_soon(const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        status = draft_execute(&stack, draft, &body);
    } while (status == 503 && !body_has("it has the one that it had"));
    return status;
}

static unsigned change_soon(const char *type, const char *parameters)
{
    DRAFT_AUTO draft;

    ask_and_approve_soon(type, parameters, &draft);
    return execute_soon(&draft);
}

static void leave_user_change(void)
{
    DRAFT_AUTO draft;

    wait_for_text(READ_SYSTEM, "", OTHER_TEXT ",\"state\":\"ready\"", 1);
    ask_and_approve_soon("pin.change", shares_parameters(), &draft);
    die_in(&draft);
    start_without_other();
    expect_left(&draft);
}

/* --- The user's --- */

static void a_token_whose_pin_is_being_changed_is_not_let_go(void **state)
{
    DRAFT_AUTO draft;
    DRAFT_AUTO none = {.id = ""};

    (void)state;
    ask_and_approve_soon("pin.change", shares_parameters(), &draft);
    die_in(&draft);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    expect(409, ask_soon("token.decommission", "{}", &none));
    assert_true(body_has("another operation works on the same"));
    expect_splittings(2, 1);
    start_without_other();
    expect_left(&draft);
    expect_splittings(2, 1);
}

/* Together they would be no PIN. */
static void give_one_of_each_splitting(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (shares_give_of(&stack, shares_holders[0], OTHER "/user/next", &body) != 200) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    assert_true(body_has("\"arrived\":[\"alice\"]"));
    expect(200, shares_give_of(&stack, shares_holders[1], OTHER "/user", &body));
    assert_true(body_has("\"arrived\":[\"bob\"]"));
}

/* As an operation did that was begun before. */
static void its_holders_unlock_it_when_it_comes_back(void **state)
{
    (void)state;
    start_with_other();
    stack_start_token(&stack, OTHER_AT);
    give_one_of_each_splitting();
    unlock_other();
    expect_splittings(2, 1);
}

/* The token has the PIN that was left as the next one: that is the present one from then on. */
static void a_change_in_vain_leaves_the_pin_that_it_has(void **state)
{
    (void)state;
    tap_set(stack.tokens[OTHER_AT].tap, &msg_token_set_pin_info, 0, TAP_REFUSE_ONCE);
    expect(503, change_soon("pin.change", shares_parameters()));
    assert_true(body_has("it has the one that it had"));
    expect_splittings(1, 0);
    stack_stop_token(&stack, OTHER_AT);
    start_with_other();
    stack_start_token(&stack, OTHER_AT);
    unlock_other();
    expect_splittings(1, 0);
}

static void a_splitting_anew_leaves_none_behind(void **state)
{
    (void)state;
    leave_user_change();
    start_with_other();
    stack_start_token(&stack, OTHER_AT);
    unlock_other();
    expect(201, change_soon("pin.split", shares_parameters()));
    expect_splittings(1, 0);
}

/* Its holders have lost the shares of both: the security officer gives it another, and none is
 * left. */
static void a_reset_takes_the_place_of_what_was_left(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    leave_user_change();
    start_with_other();
    stack_start_token(&stack, OTHER_AT);
    send_so_pin();
    expect_splittings(2, 1);
    ask_and_approve_soon("pin.reset", shares_parameters(), &draft);
    expect(201, execute_soon(&draft));
    expect_splittings(1, 0);
    stack_stop_token(&stack, OTHER_AT);
    start_with_other();
    stack_start_token(&stack, OTHER_AT);
    unlock_other();
    expect_splittings(1, 0);
}

/* --- The security officer's --- */

static void ask_for_so_change(struct draft *ret_draft)
{
    ask_and_approve_soon("pin.change", shares_so_parameters(), ret_draft);
}

static void release_so(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    wait_for_text(READ_UNLOCK, "", "\"pin\":\"so\"", 1);
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        shares_release_so(&stack, OTHER);
        rest_a_while();
        expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    } while (body_has("\"pin\":\"so\""));
}

/* Of the present PIN there is no splitting. */
static void give_what_is_of_none(void)
{
    wait_for_text(READ_UNLOCK, "", "\"pin\":\"so\"", 1);
    expect(200, shares_give_of(&stack, shares_holders[0], OTHER "/so/next", &body));
    expect(422, shares_give_strange(&stack, OTHER, &body));
    assert_true(body_has("of another splitting"));
    expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    assert_true(body_has("\"arrived\":[\"alice\"]"));
}

static void a_so_pin_that_may_be_another_is_tried_before_it_is_changed(void **state)
{
    DRAFT_AUTO left;
    DRAFT_AUTO none = {.id = ""};
    DRAFT_AUTO wrong;
    DRAFT_AUTO right;

    (void)state;
    send_so_pin();
    ask_for_so_change(&left);
    die_in(&left);
    start_without_other();
    expect_left(&left);
    start_with_other();
    stack_start_token(&stack, OTHER_AT);
    send_so_pin();
    unlock_other();
    expect(422, ask_soon("pin.split", shares_so_parameters(), &none));
    assert_true(body_has("left unsettled"));
    ask_for_so_change(&wrong);
    expect(422, execute_soon(&wrong));
    assert_true(body_has("refused the SO PIN"));
    wait_for_text(READ_OPERATION, wrong.id, "\"state\":\"failed\"", 1);
    expect_splittings(2, 1);
    ask_for_so_change(&right);
    give_what_is_of_none();
    release_so();
    expect(201, execute_soon(&right));
    expect_splittings(2, 0);
}

/* --- The token is let go --- */

static void what_was_left_goes_with_the_token(void **state)
{
    (void)state;
    leave_user_change();
    expect_splittings(3, 1);
    start_with_other();
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" STACK_TOKEN "\",\"state\":\"ready\"", 1);
    expect(201, change_soon("token.decommission", "{}"));
    expect_splittings(0, 0);
    restart_keeper(APPLIANCE_OPERATIONAL);
    expect_splittings(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_whose_pin_is_being_changed_is_not_let_go),
        cmocka_unit_test(its_holders_unlock_it_when_it_comes_back),
        cmocka_unit_test(a_change_in_vain_leaves_the_pin_that_it_has),
        cmocka_unit_test(a_splitting_anew_leaves_none_behind),
        cmocka_unit_test(a_reset_takes_the_place_of_what_was_left),
        cmocka_unit_test(a_so_pin_that_may_be_another_is_tried_before_it_is_changed),
        cmocka_unit_test(what_was_left_goes_with_the_token),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
