#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/shares.h"

/*
 * A token whose PIN officers hold: changed when the token does not say what came of it, released
 * when that cannot be recorded, and taken from nobody while the appliance is locked.
 */

#define OTHER     "other"
#define APPROVALS "draft request:alice approve:bob approve:carol approve:amira"

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.supervises = true;
    stack.faults = faults_new();
    stack.tokens[0].tap = tap_new();
    stack_start(&stack);
    stack_genesis(&stack);
    stack_attend_token(&stack, 0);
    wait_for_text(READ_UNLOCK, "", "\"mode\":\"attended\"", 1);
    expect(201, change("pin.split", STACK_TOKEN, shares_parameters()));
    return 0;
}

static void wait_for_token(const char *token)
{
    char text[80];

    (void)snprintf(text, sizeof text, "\"token\":\"%s\",\"state\":\"ready\"", token);
    wait_for_text(READ_SYSTEM, "", text, 1);
}

/* One splitting is left, of that PIN with which the token was logged in to. */
static void assert_settled(void)
{
    wait_for_token(STACK_TOKEN);
    expect(200, stack_read(&stack, READ_PINS, "", &body));
    assert_int_equal(body_count("\"name\":"), 1);
    assert_false(body_has("\"next\":true"));
}

static void each_holder_has_their_own_certificate(void **state)
{
    const struct msg_change message =
        stack_change_message("pin.split", STACK_TOKEN, shares_of_one_certificate());
    DRAFT_AUTO none = {.id = ""};

    (void)state;
    expect(400, draft_ask(&stack, &message, &none, &body));
    assert_true(body_has("alice and bob have one certificate"));
    assert_settled();
}

/* --- A change --- */

/* Refused, and nobody can know whether before or after it was done: who logs in anew finds out. */
static unsigned change_pin(enum tap_refusal refusal, struct draft *ret_draft)
{
    unsigned status;

    ask_and_approve("pin.change", STACK_TOKEN, shares_parameters(), ret_draft);
    tap_set(stack.tokens[0].tap, &msg_token_set_pin_info, 0, refusal);
    status = draft_execute(&stack, ret_draft, &body);
    tap_set(stack.tokens[0].tap, &msg_token_set_pin_info, 0, TAP_PASS);
    return status;
}

static void a_pin_that_the_token_did_not_take_is_not_its_pin(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    expect(503, change_pin(TAP_REFUSE, &draft));
    assert_true(body_has("it has the one that it had"));
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"failed\"", 1);
    assert_true(leaves_tell(&stack, draft.id, APPROVALS " intent part part result:not-done"));
    assert_settled();
    assert_int_equal(stack.tokens[0].kept_pin.len, 0);
}

static void a_pin_that_it_took_without_saying_so_is_its_pin(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    expect(201, change_pin(TAP_REFUSE_AFTER, &draft));
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"done\"", 1);
    assert_true(leaves_tell(&stack, draft.id, APPROVALS " intent part result:done"));
    assert_settled();
    assert_int_not_equal(stack.tokens[0].kept_pin.len, 0);
    /* Of the two it is the other one that the token refused, and that is not tried again. */
    stack_kill_keeper(&stack);
    stack_stop_token(&stack, 0);
    stack_start_keeper(&stack);
    stack_start_token(&stack, 0);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    assert_settled();
}

/* The token is logged in to still, so that nothing else stops; but its PIN cannot be changed. */
static void a_pin_that_got_lost_is_asked_for_while_the_token_works(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    (void)state;
    stack_kill_keeper(&stack);
    ps_buf_reset(&stack.tokens[0].kept_pin);
    ps_buf_put(&stack.tokens[0].kept_pin, ps_bytes_str("another"));
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_text(READ_UNLOCK, "", "\"key\":", 1);
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        shares_unlock(&stack, STACK_TOKEN);
        status = change("pin.change", STACK_TOKEN, shares_parameters());
    } while (status == 503 && has_rested());
    expect(201, status);
    assert_settled();
    wait_for_text(READ_UNLOCK, "", "\"tokens\":[]", 1);
}

/* --- A lock --- */

static void send_pin(const char *pin, bool is_so)
{
    const struct msg_pin message = {.token = ps_bytes_str(STACK_TOKEN),
                                    .pin = ps_bytes_str(pin),
                                    .is_so = is_so,
                                    .is_attended = !is_so,
                                    .is_kept = !is_so};

    wire_send(&stack.supervisor, &msg_pin_info, &message);
}

static void a_locked_appliance_takes_no_pin(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    char pin[64] = "";

    (void)state;
    memcpy(pin, stack.tokens[0].kept_pin.data, stack.tokens[0].kept_pin.len);
    expect(201, change("appliance.lock", "", "{}"));
    while (stack.tokens[0].kept_pin.len != 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body)); /* the supervisor is told */
        rest_a_while();
    }
    send_pin(pin, false);
    send_pin(STACK_SO_PIN, true);
    stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT); /* comes after them */
    stack.supervises = false;                                              /* it sends none */
    expect(201, change("appliance.unlock", "", "{}"));
    wait_for_text(READ_SYSTEM, "", "waits for 2 officers", 1);
    stack.supervises = true;
}

/* --- A release --- */

static unsigned unlocks; /* so far */

static void a_release_that_is_not_recorded_unlocks_nothing(void **state)
{
    (void)state;
    unlocks = leaves_count(&stack, "unlock");
    expect(200, shares_give(&stack, "alice", STACK_TOKEN, false, &body));
    assert_true(body_has("\"arrived\":[\"alice\"]"));
    faults_set(stack.faults, FAULT_WRITE, 0);
    expect(503, shares_give(&stack, "bob", STACK_TOKEN, false, &body));
    assert_true(body_has("log-unavailable"));
    assert_true(faults_clear(stack.faults));
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_true(body_has("\"token\":\"" STACK_TOKEN "\",\"state\":\"needs-login\""));
    expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    assert_true(body_has("\"arrived\":[]"));
    assert_int_equal(leaves_count(&stack, "unlock"), unlocks);
}

static void when_it_can_be_the_same_shares_unlock_it(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    (void)state;
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        shares_unlock(&stack, STACK_TOKEN);
    } while (leaves_count(&stack, "unlock") == unlocks && has_rested());
    wait_for_token(STACK_TOKEN);
    assert_int_equal(leaves_count(&stack, "unlock"), unlocks + 1);
    assert_int_not_equal(stack.tokens[0].kept_pin.len, 0);
    /* The SO's, which came while it was locked, was not kept either. */
    expect(503, change("pin.split", STACK_TOKEN, shares_so_parameters()));
    assert_true(body_has("not this PIN at hand"));
}

/* --- Who owns an api process --- */

/* A keeper and a token that know no PIN, as after a start of all. */
static void start_anew(void)
{
    lose_pin();
    wait_for_text(READ_UNLOCK, "", "\"key\":", 1);
}

struct recorded {
    struct ps_buf of[2];
};

static void recorded_clear(struct recorded *recorded)
{
    for (size_t i = 0; i < PS_COUNT_OF(recorded->of); i++) {
        ps_buf_clear(&recorded->of[i]);
    }
}

/*
 * It keeps every frame that passes through it, both shares of a whole unlock among them, and says
 * what it likes at its own channel to the keeper.
 */
static void shares_that_an_api_has_recorded_open_for_nobody(void **state)
{
    PS_CLEANUP(recorded_clear) struct recorded recorded = {{{.max = 8192}, {.max = 8192}}};

    (void)state;
    start_anew();
    for (size_t i = 0; i < PS_COUNT_OF(recorded.of); i++) {
        assert_true(shares_seal(&stack, shares_holders[i], STACK_TOKEN "/user", &recorded.of[i]));
        /* The api of the clients has no way to them, whatever it sends. */
        expect(403, shares_pass_on(&stack, &stack.clients, ps_buf_bytes(&recorded.of[i]), &body));
    }
    /* One officer's share over and over is one share. */
    for (int times = 0; times < 3; times++) {
        expect(200,
               shares_pass_on(&stack, &stack.management, ps_buf_bytes(&recorded.of[0]), &body));
        assert_true(body_has("\"arrived\":[\"alice\"]"));
    }
    expect(200, shares_pass_on(&stack, &stack.management, ps_buf_bytes(&recorded.of[1]), &body));
    wait_for_token(STACK_TOKEN);
    start_anew();
    for (size_t i = 0; i < PS_COUNT_OF(recorded.of); i++) {
        expect(422,
               shares_pass_on(&stack, &stack.management, ps_buf_bytes(&recorded.of[i]), &body));
        assert_true(body_has("not sealed to the present key"));
    }
    expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    assert_true(body_has("\"arrived\":[]"));
    shares_unlock(&stack, STACK_TOKEN);
    wait_for_token(STACK_TOKEN);
}

/* --- What a death left open --- */

static void wait_for_end_of(const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        shares_unlock(&stack, OTHER);
        expect(200, stack_read(&stack, READ_OPERATION, draft->id, &body));
    } while (!body_has("\"state\":\"done\"") && has_rested());
}

/*
 * The keeper dies when the token has its new PIN, and before the supervisor heard of that: nobody
 * but the officers has it, and it is the token's first that was split.
 */
static void die_in_change(const struct draft *draft)
{
    stack.supervises = false;
    faults_kill_at_leaf(stack.faults, "\"kind\":\"result\"", 0);
    (void)draft_execute(&stack, draft, &body);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
    stack_kill_token(&stack, 1);
    stack.supervises = true;
}

/* As soon as the log has been held against its anchor. */
static void expect_locked_out(const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (draft_execute(&stack, draft, &body) == 503) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    assert_true(body_has("in-flight: another operation works on the same"));
}

static void a_change_that_is_not_settled_keeps_its_lock(void **state)
{
    DRAFT_AUTO first;
    DRAFT_AUTO second;

    (void)state;
    stack_add_token(&stack, OTHER);
    stack_attend_token(&stack, 1);
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" OTHER "\",\"state\":\"needs-login\"", 1);
    expect(201, change("token.accept", OTHER, "{}"));
    wait_for_token(OTHER);
    ask_and_approve("pin.change", OTHER, shares_parameters(), &first);
    ask_and_approve("pin.change", OTHER, shares_parameters(), &second);
    die_in_change(&first);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_DEGRADED);
    wait_for_token(STACK_TOKEN);
    expect_locked_out(&second);
    stack_start_token(&stack, 1);
    wait_for_end_of(&first);
    wait_for_token(OTHER);
    expect(201, draft_execute(&stack, &second, &body));
}

/* --- Two tokens that wait --- */

/* The officer was shown the key for one token's PIN as that for the other's. */
static void refuse_crossed(const char *splitting, const char *other)
{
    PS_BUF_AUTO crossed = {.max = 8192};

    assert_true(shares_seal_crossed(&stack, "alice", splitting, other, &crossed));
    expect(422, shares_pass_on(&stack, &stack.management, ps_buf_bytes(&crossed), &body));
    assert_true(body_has("sealed to the key for another PIN"));
}

static void a_share_of_one_token_is_not_taken_with_the_key_for_another(void **state)
{
    (void)state;
    stack_stop_token(&stack, 1);
    ps_buf_reset(&stack.tokens[1].kept_pin);
    stack_kill_keeper(&stack);
    ps_buf_reset(&stack.tokens[1].kept_pin);
    stack_start_token(&stack, 1);
    lose_pin();
    wait_for_text(READ_UNLOCK, "", "\"key\":", 2);
    refuse_crossed(OTHER "/user", STACK_TOKEN "/user");
    refuse_crossed(STACK_TOKEN "/user", OTHER "/user");
    expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    assert_int_equal(body_count("\"arrived\":[]"), 2);
    shares_unlock(&stack, STACK_TOKEN);
    shares_unlock(&stack, OTHER);
    wait_for_token(STACK_TOKEN);
    wait_for_token(OTHER);
}

/* --- A configured SO PIN --- */

/* Of a token that is unattended now, or not. */
static void configure_other(const char *pin, bool is_attended)
{
    const struct msg_pin so_pin = {
        .token = ps_bytes_str(OTHER), .pin = ps_bytes_str(STACK_SO_PIN), .is_so = 1};
    const struct msg_pin user_pin = {
        .token = ps_bytes_str(OTHER), .pin = ps_bytes_str(pin), .is_attended = is_attended};

    wire_send(&stack.supervisor, &msg_pin_info, &user_pin);
    wire_send(&stack.supervisor, &msg_pin_info, &so_pin);
    stack_connect_api(&stack, &stack.management, IPC_ROLE_API_MANAGEMENT); /* comes after them */
}

static void lock_and_unlock(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    expect(201, change("appliance.lock", "", "{}"));
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    } while (stack.tokens[1].kept_pin.len != 0 && has_rested());
    expect(201, change("appliance.unlock", "", "{}"));
    wait_for_text(READ_SYSTEM, "", "waits for 2 officers", 2);
    shares_unlock(&stack, STACK_TOKEN);
    wait_for_token(STACK_TOKEN);
}

static char other_pin[64];

/* What a lock forgets, and the configuration gives anew, is no PIN that its holders released. */
static void once_it_is_split_the_configured_one_is_forgotten(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    wait_for_token(OTHER);
    memcpy(other_pin, stack.tokens[1].kept_pin.data, stack.tokens[1].kept_pin.len);
    configure_other(other_pin, true);
    shares_unlock(&stack, OTHER); /* none is taken from there */
    wait_for_token(OTHER);
    expect(201, change("pin.split", OTHER, shares_so_parameters()));
    ask_and_approve("pin.change", OTHER, shares_so_parameters(), &draft);
    wait_for_text(READ_UNLOCK, "", "\"pin\":\"so\"", 1);
    expect(422, draft_execute(&stack, &draft, &body));
    assert_true(body_has("the holders of its SO PIN give their shares first"));
    shares_release_so(&stack, OTHER);
    lock_and_unlock();
    configure_other(other_pin, false);
    wait_for_token(OTHER);
    expect(201, change("operation.cancel", draft.id, "{}"));
    expect(201, change("pin.split", OTHER, shares_so_parameters()));
}

/* It would cost one of the few tries that a token has. */
static void a_configured_pin_that_is_not_the_split_one_is_not_tried(void **state)
{
    const unsigned refused = leaves_count_alarms(&stack, "wrong-pin");

    (void)state;
    configure_other("another", false);
    stack_stop_token(&stack, 1);
    stack_start_token(&stack, 1);
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" OTHER "\",\"state\":\"needs-login\"", 1);
    expect(201, change("key.create", "", EC_KEY("meanwhile")));
    assert_int_not_equal(leaves_count_alarms(&stack, "pin-differs"), 0);
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_true(body_has("\"token\":\"" OTHER "\",\"state\":\"needs-login\""));
    assert_true(body_has("it is not tried"));
    configure_other(other_pin, false);
    wait_for_token(OTHER);
    assert_int_equal(leaves_count_alarms(&stack, "wrong-pin"), refused);
}

/* --- Its processes --- */

#define SECOND_AT 2u /* a second process of the token, beside OTHER's */

static void wait_for_processes(void)
{
    wait_for_text(READ_SYSTEM, "", "\"number\":0,\"state\":\"ready\"", SECOND_AT);
    wait_for_text(READ_SYSTEM, "", "\"number\":2,\"state\":\"ready\"", 1);
}

/* One that was logged in before would go by the old PIN for as long as it lives. */
static void a_changed_pin_leaves_no_process_of_before(void **state)
{
    pid_t before[2];

    (void)state;
    stack.processes++;
    stack_start_token(&stack, SECOND_AT);
    wait_for_processes();
    before[0] = stack.tokens[0].pid;
    before[1] = stack.tokens[SECOND_AT].pid;
    expect(201, change("pin.change", STACK_TOKEN, shares_parameters()));
    wait_for_processes();
    assert_int_not_equal(stack.tokens[0].pid, before[0]);
    assert_int_not_equal(stack.tokens[SECOND_AT].pid, before[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_holder_has_their_own_certificate),
        cmocka_unit_test(a_pin_that_the_token_did_not_take_is_not_its_pin),
        cmocka_unit_test(a_pin_that_it_took_without_saying_so_is_its_pin),
        cmocka_unit_test(a_pin_that_got_lost_is_asked_for_while_the_token_works),
        cmocka_unit_test(a_locked_appliance_takes_no_pin),
        cmocka_unit_test(a_release_that_is_not_recorded_unlocks_nothing),
        cmocka_unit_test(when_it_can_be_the_same_shares_unlock_it),
        cmocka_unit_test(shares_that_an_api_has_recorded_open_for_nobody),
        cmocka_unit_test(a_change_that_is_not_settled_keeps_its_lock),
        cmocka_unit_test(a_share_of_one_token_is_not_taken_with_the_key_for_another),
        cmocka_unit_test(once_it_is_split_the_configured_one_is_forgotten),
        cmocka_unit_test(a_configured_pin_that_is_not_the_split_one_is_not_tried),
        cmocka_unit_test(a_changed_pin_leaves_no_process_of_before),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
