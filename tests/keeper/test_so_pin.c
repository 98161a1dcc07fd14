#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/set_clock.h"
#include "tests/keeper/shares.h"

/*
 * The security officer's PIN, made by the token and held in shares: released for one operation and
 * forgotten after it; changed; and what it is for when the user's PIN is lost. At each leaf of the
 * two operations the keeper dies once.
 */

#define APPROVALS "draft request:alice approve:bob approve:carol approve:amira"

static int make_stack(void **state)
{
    (void)state;
    set_clock_begin();
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

static void wait_for_token(void)
{
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" STACK_TOKEN "\",\"state\":\"ready\"", 1);
}

/* As soon as the token is there and asks for them: it may be started anew just now. */
static void unlock_with_shares(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        shares_unlock(&stack, STACK_TOKEN);
        rest_a_while();
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    } while (!body_has("\"token\":\"" STACK_TOKEN "\",\"state\":\"ready\""));
}

/* Two splittings are left, one of each PIN. */
static void assert_settled(void)
{
    wait_for_token();
    expect(200, stack_read(&stack, READ_PINS, "", &body));
    assert_int_equal(body_count("\"name\":"), 2);
    assert_false(body_has("\"next\":true"));
}

static void wait_until_so_is_asked_for(void)
{
    wait_for_text(READ_UNLOCK, "", "\"pin\":\"so\"", 1);
}

/* What ended before may have its process started anew once more. */
static void ask_for_so_change(struct draft *ret_draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    const struct msg_change message =
        stack_change_message("pin.change", STACK_TOKEN, shares_so_parameters());
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        wait_for_token();
        status = draft_ask(&stack, &message, ret_draft, &body);
    } while (status == 503 && has_rested());
    expect(202, status);
    expect(200, draft_approve(&stack, ret_draft, &body));
}

static void approve_and_release_so_change(struct draft *ret_draft)
{
    ask_for_so_change(ret_draft);
    wait_until_so_is_asked_for();
    shares_release_so(&stack, STACK_TOKEN);
}

/* Nothing waits for it any more. */
static void cancel(const struct draft *draft)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    expect(201, change("operation.cancel", draft->id, "{}"));
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    } while (body_has("\"pin\":\"so\""));
}

/* --- The SO's own --- */

static void its_first_pin_of_the_token_s_making_takes_the_place_of_the_configured_one(void **state)
{
    const pid_t before = stack.tokens[0].pid;
    DRAFT_AUTO draft;
    DRAFT_AUTO second;

    (void)state;
    ask_for_so_change(&draft);
    expect(201, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, APPROVALS " intent part result:done"));
    assert_settled();
    assert_int_not_equal(stack.tokens[0].pid, before); /* none is left that goes by the old one */
    /* No start takes it from where it is configured any more. */
    restart_keeper(APPLIANCE_OPERATIONAL);
    unlock_with_shares();
    ask_for_so_change(&second);
    expect(422, draft_execute(&stack, &second, &body));
    assert_true(body_has("the holders of its SO PIN give their shares first"));
    cancel(&second);
}

static void its_holders_release_it_for_an_operation_that_waits(void **state)
{
    const unsigned unlocks = leaves_count(&stack, "unlock");
    DRAFT_AUTO draft;
    DRAFT_AUTO second;

    (void)state;
    ask_for_so_change(&draft);
    wait_until_so_is_asked_for();
    expect(200, shares_give_of(&stack, "alice", STACK_TOKEN "/so", &body));
    assert_true(body_has("\"arrived\":[\"alice\"]"));
    expect(422, draft_execute(&stack, &draft, &body));
    expect(422, shares_give_of(&stack, "bob", STACK_TOKEN "/user", &body));
    assert_true(body_has("waits for no PIN"));
    expect(200, shares_give_of(&stack, "bob", STACK_TOKEN "/so", &body));
    assert_int_equal(leaves_count(&stack, "unlock"), unlocks + 1);
    expect(201, draft_execute(&stack, &draft, &body));
    assert_settled();
    ask_for_so_change(&second); /* it is forgotten */
    wait_until_so_is_asked_for();
    expect(422, draft_execute(&stack, &second, &body));
    cancel(&second);
}

static void released_and_not_needed_any_more_it_is_forgotten(void **state)
{
    DRAFT_AUTO draft;
    DRAFT_AUTO second;

    (void)state;
    approve_and_release_so_change(&draft);
    cancel(&draft);
    ask_for_so_change(&second);
    wait_until_so_is_asked_for();
    expect(422, draft_execute(&stack, &second, &body));
    cancel(&second);
}

static void released_for_one_operation_it_is_for_no_other(void **state)
{
    DRAFT_AUTO draft;
    DRAFT_AUTO second;

    (void)state;
    approve_and_release_so_change(&draft);
    ask_for_so_change(&second);
    expect(422, draft_execute(&stack, &second, &body));
    assert_true(body_has("gave their shares for another operation"));
    expect(201, draft_execute(&stack, &draft, &body));
    cancel(&second);
    assert_settled();
}

static void released_for_nothing_it_is_forgotten_after_a_while(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    approve_and_release_so_change(&draft);
    set_clock_pass(14 * 60);
    wait_for_token();
    expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    assert_false(body_has("\"pin\":\"so\""));
    set_clock_pass(2 * 60);
    wait_until_so_is_asked_for();
    expect(422, draft_execute(&stack, &draft, &body));
    assert_true(body_has("give their shares first"));
    shares_release_so(&stack, STACK_TOKEN);
    expect(201, draft_execute(&stack, &draft, &body));
    assert_settled();
}

static void a_so_pin_that_the_token_did_not_take_is_not_its_pin(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    approve_and_release_so_change(&draft);
    tap_set(stack.tokens[0].tap, &msg_token_so_info, 0, TAP_REFUSE_ONCE);
    expect(503, draft_execute(&stack, &draft, &body));
    assert_true(body_has("it has the one that it had"));
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"failed\"", 1);
    assert_true(leaves_tell(&stack, draft.id, APPROVALS " intent part part result:not-done"));
    assert_settled();
}

static void a_so_pin_that_it_took_without_saying_so_is_its_pin(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    approve_and_release_so_change(&draft);
    tap_set(stack.tokens[0].tap, &msg_token_so_info, 0, TAP_REFUSE_AFTER_ONCE);
    expect(201, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, APPROVALS " intent part result:done"));
    assert_settled();
}

/* --- Deaths --- */

static void help_so(void)
{
    shares_release_so(&stack, STACK_TOKEN);
}

static void wait_for_end(const struct draft *draft, void (*help)(void))
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        help();
        (void)draft_step(&stack, draft, "resume", ps_bytes(NULL, 0), &body);
        expect(200, stack_read(&stack, READ_OPERATION, draft->id, &body));
    } while (!body_has("\"state\":\"done\"") && !body_has("\"state\":\"failed\"") && has_rested());
}

/* The keeper dies there, and another one starts. */
static void die_alone_at(const char *leaf, unsigned calls_after, const struct draft *draft)
{
    char text[40];

    (void)snprintf(text, sizeof text, "\"kind\":\"%s\"", leaf);
    faults_kill_at_leaf(stack.faults, text, calls_after);
    (void)draft_execute(&stack, draft, &body);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
}

/* ... and brings it to its end. */
static void die_at(const char *leaf, unsigned calls_after, const struct draft *draft,
                   void (*help)(void))
{
    die_alone_at(leaf, calls_after, draft);
    wait_for_end(draft, help);
}

static const struct {
    const char *leaf;
    unsigned calls_after;
} deaths[] = {{"part", 0}, {"part", 1}, {"result", 0}, {"result", 1}};

/* What the token was told is seen by whoever tries: one of two splittings is its PIN. */
static void a_death_in_a_change_of_it_leaves_one_so_pin(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(deaths); i++) {
        const bool is_set = strcmp(deaths[i].leaf, "result") == 0;
        DRAFT_AUTO draft;

        approve_and_release_so_change(&draft);
        die_at(deaths[i].leaf, deaths[i].calls_after, &draft, help_so);
        assert_int_equal(body_has("\"state\":\"done\""), is_set);
        assert_settled();
    }
}

static void release_of(const char *splitting)
{
    (void)shares_give_of(&stack, "alice", splitting, &body);
    (void)shares_give_of(&stack, "bob", splitting, &body);
}

/* Until the SO PIN of this splitting is on its way to the token, and no further. */
static void help_until_tried(const struct draft *draft, const char *splitting)
{
    const unsigned tries = tap_count(stack.tokens[0].tap, &msg_token_so_info);
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    tap_set(stack.tokens[0].tap, &msg_token_so_info, 0, TAP_HOLD);
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        release_of(splitting);
        (void)draft_step(&stack, draft, "resume", ps_bytes(NULL, 0), &body);
    } while (tap_count(stack.tokens[0].tap, &msg_token_so_info) == tries && has_rested());
}

static void let_go_of(const struct ipc_message *info)
{
    tap_set(stack.tokens[0].tap, info, 0, TAP_PASS);
    tap_let_go(stack.tokens[0].tap);
}

/*
 * With a lock, as soon as it holds: the keeper has forgotten all PINs, and the supervisor too. The
 * user's is given again, so that the token is ready, and asks for no login, when it hears of more.
 */
static void forget_pins(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    expect(201, change("appliance.lock", "", "{}"));
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    } while (stack.tokens[0].kept_pin.len != 0 && has_rested());
    wait_for_text(READ_UNLOCK, "", "\"tokens\":[]", 1); /* nobody is asked for shares meanwhile */
    expect(201, change("appliance.unlock", "", "{}"));
    unlock_with_shares();
}

/* The only splitting that the token goes by is not taken for the other. */
static void an_answer_is_about_the_so_pin_that_was_tried(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    approve_and_release_so_change(&draft);
    die_alone_at("result", 0, &draft);
    help_until_tried(&draft, STACK_TOKEN "/so/next");
    forget_pins();
    let_go_of(&msg_token_so_info);
    wait_for_end(&draft, help_so); /* a token that was being logged out may have said nothing */
    assert_true(body_has("\"state\":\"done\""));
    assert_settled();
}

/* The holders of both splittings were asked: with the operation the other one goes, too. */
static void a_so_pin_that_was_not_needed_is_forgotten_with_its_operation(void **state)
{
    DRAFT_AUTO draft;
    DRAFT_AUTO second;

    (void)state;
    approve_and_release_so_change(&draft);
    die_alone_at("part", 1, &draft);
    help_until_tried(&draft, STACK_TOKEN "/so");
    forget_pins();
    wait_until_so_is_asked_for();
    release_of(STACK_TOKEN "/so/next");
    let_go_of(&msg_token_so_info);
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"failed\"", 1);
    ask_for_so_change(&second);
    wait_until_so_is_asked_for();
    cancel(&second);
    assert_settled();
}

/* --- The user's, lost --- */

static void ask_for_reset(struct draft *ret_draft)
{
    ask_and_approve("pin.reset", STACK_TOKEN, shares_parameters(), ret_draft);
    wait_until_so_is_asked_for();
}

static void approve_and_release_reset(struct draft *ret_draft)
{
    lose_pin();
    ask_for_reset(ret_draft);
    shares_release_so(&stack, STACK_TOKEN);
}

static void a_pin_that_is_at_hand_is_not_reset(void **state)
{
    struct msg_change message = stack_change_message("pin.reset", STACK_TOKEN, "{}");
    DRAFT_AUTO none;

    (void)state;
    message.parameters = ps_bytes_str(shares_parameters());
    expect(422, draft_ask(&stack, &message, &none, &body));
    assert_true(body_has("the PIN is not lost"));
    message.parameters = ps_bytes_str(shares_so_parameters());
    expect(400, draft_ask(&stack, &message, &none, &body));
}

static void a_lost_pin_is_replaced_by_the_security_officer(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    lose_pin();
    ask_for_reset(&draft);
    expect(422, draft_execute(&stack, &draft, &body));
    shares_release_so(&stack, STACK_TOKEN);
    expect(201, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, APPROVALS " intent part result:done"));
    assert_settled();
    assert_int_not_equal(stack.tokens[0].kept_pin.len, 0);
}

static void a_reset_that_the_token_did_not_hear_of_leaves_the_pin(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    approve_and_release_reset(&draft);
    tap_set(stack.tokens[0].tap, &msg_token_so_info, 0, TAP_REFUSE_ONCE);
    expect(503, draft_execute(&stack, &draft, &body));
    assert_true(body_has("it has the one that it had"));
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"failed\"", 1);
    unlock_with_shares();
    assert_settled();
}

static void help_reset(void)
{
    release_of(STACK_TOKEN "/user/next");
}

static void a_death_in_a_reset_leaves_one_pin(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(deaths); i++) {
        const bool is_set = strcmp(deaths[i].leaf, "result") == 0;
        DRAFT_AUTO draft;

        approve_and_release_reset(&draft);
        die_at(deaths[i].leaf, deaths[i].calls_after, &draft, help_reset);
        assert_int_equal(body_has("\"state\":\"done\""), is_set);
        unlock_with_shares(); /* nobody may have heard of the new one before the death */
        assert_settled();
    }
}

/* Until the next PIN is on its way to the token, and no further. */
static void help_until_logged_in(const struct draft *draft)
{
    const unsigned logins = tap_count(stack.tokens[0].tap, &msg_token_login_info);
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    tap_set(stack.tokens[0].tap, &msg_token_login_info, 0, TAP_HOLD);
    do {
        assert_true(ps_clock_mono_ns() < deadline);
        help_reset();
        (void)draft_step(&stack, draft, "resume", ps_bytes(NULL, 0), &body);
    } while (tap_count(stack.tokens[0].tap, &msg_token_login_info) == logins && has_rested());
}

/* Both have come by then; the second waits for a leaf. */
static void give_next_unheard(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    PS_BUF_AUTO sealed = {.max = 8192};

    while (shares_give_of(&stack, "alice", STACK_TOKEN "/user/next", &body) != 200) {
        assert_true(ps_clock_mono_ns() < deadline);
    }
    assert_true(shares_seal(&stack, "bob", STACK_TOKEN "/user/next", &sealed));
    shares_send(&stack.management, ps_buf_bytes(&sealed));
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
}

/* Of a splitting that is withdrawn just then: its holders would be the last who are asked. */
static void a_pin_whose_splitting_is_gone_when_it_is_released_is_not_used(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    approve_and_release_reset(&draft);
    die_alone_at("part", 1, &draft);
    help_until_logged_in(&draft);
    faults_set(stack.faults, FAULT_HOLD_EVENTS, 0);
    let_go_of(&msg_token_login_info);
    give_next_unheard();
    assert_true(faults_clear(stack.faults));
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"failed\"", 1);
    unlock_with_shares();
    assert_settled();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_first_pin_of_the_token_s_making_takes_the_place_of_the_configured_one),
        cmocka_unit_test(its_holders_release_it_for_an_operation_that_waits),
        cmocka_unit_test(released_and_not_needed_any_more_it_is_forgotten),
        cmocka_unit_test(released_for_one_operation_it_is_for_no_other),
        cmocka_unit_test(released_for_nothing_it_is_forgotten_after_a_while),
        cmocka_unit_test(a_so_pin_that_the_token_did_not_take_is_not_its_pin),
        cmocka_unit_test(a_so_pin_that_it_took_without_saying_so_is_its_pin),
        cmocka_unit_test(a_death_in_a_change_of_it_leaves_one_so_pin),
        cmocka_unit_test(an_answer_is_about_the_so_pin_that_was_tried),
        cmocka_unit_test(a_so_pin_that_was_not_needed_is_forgotten_with_its_operation),
        cmocka_unit_test(a_pin_that_is_at_hand_is_not_reset),
        cmocka_unit_test(a_lost_pin_is_replaced_by_the_security_officer),
        cmocka_unit_test(a_reset_that_the_token_did_not_hear_of_leaves_the_pin),
        cmocka_unit_test(a_death_in_a_reset_leaves_one_pin),
        cmocka_unit_test(a_pin_whose_splitting_is_gone_when_it_is_released_is_not_used),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
