#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/wrapped_fixture.h"

/*
 * The key that wraps in two tokens: carried to the second one, used there, and destroyed there;
 * with SoftHSM. The tests follow each other.
 */

#define PROCESSES 2
#define SPARE     (&stack.tokens[PROCESSES])

#define REPLICATED                                                                                 \
    "{\"name\":\"w.twice\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"         \
    "\"residence\":\"wrapped\",\"recovery\":\"replicated\"}"

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(PROCESSES);
    expect(201, change("wrapping.create", "", "{}"));
    make_key("w.one");
    return 0;
}

static void kill_first_token(void)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        stack_kill_token(&stack, i);
    }
}

/*
 * As soon as the keeper has found its tokens, and what failed before is over: that was answered
 * before it was recorded.
 */
static void expect_soon(unsigned status, const char *type)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned got;

    do {
        got = change(type, "", "{}");
        assert_true(ps_clock_mono_ns() < deadline);
    } while (((got == 503 && body_has("away")) || (got == 409 && body_has("in-flight"))) &&
             has_rested());
    expect(status, got);
}

static void a_second_token_is_prepared(void **state)
{
    (void)state;
    make_key("w.before");
    expect(422, change("key.create", "", REPLICATED));
    assert_true(body_has("two tokens"));
    expect(422, change("key.create", "",
                       "{\"name\":\"w.inside\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"recovery\":\"wrapped\"}"));
    assert_true(body_has("in no backup"));
    expect(422, change("wrapping.carry", "", "{}"));
    expect(422, change("wrapping.prepare", STACK_TOKEN, "{}"));
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_true(body_has("\"code\":\"unrecoverable\""));
    SPARE->tap = tap_new();
    stack_add_token(&stack, "spare");
    wait_for_text(READ_SYSTEM, "", "\"token\":\"spare\",\"state\":\"needs-login\"", 1);
    expect(201, change("token.accept", "spare", "{}"));
    wait_for_text(READ_SYSTEM, "", "\"token\":\"spare\",\"state\":\"ready\"", 1);
    expect(201, change("wrapping.prepare", "spare", "{}"));
    assert_true(body_has("\"fingerprint\""));
}

static void a_wrong_so_pin_is_tried_once(void **state)
{
    (void)state;
    configure_so_pin("00000000");
    expect_soon(503, "wrapping.carry");
    assert_true(body_has("the token refused the SO PIN"));
    expect_soon(422, "wrapping.carry");
    assert_true(body_has("has refused this SO PIN before"));
    restart_keeper(APPLIANCE_OPERATIONAL); /* it has the right one */
    configure_so_pin("00000000");
    expect_soon(422, "wrapping.carry");
    assert_true(body_has("has refused this SO PIN before"));
    configure_so_pin(STACK_SO_PIN);
}

static void wait_for_what_failed(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct msg_change trial = stack_change_message("wrapping.carry", "", "{}");
    DRAFT_AUTO none;

    trial.dry_run = 1;
    while (draft_ask(&stack, &trial, &none, &body) != 200) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
}

/* An inventory of both tokens that begins now: of what is being carried it says nothing. */
static void run_inventory(void)
{
    const struct msg_task message = {
        .caller = stack_caller(), .request_id = ps_bytes_str("task-1"), .task = TASK_INVENTORY};
    struct wire_frame answer;

    wait_for_what_failed();
    stack_call(&stack, &stack.management, &msg_task_info, &message, &answer);
    assert_int_equal(stack_status_of(&answer, &body), 202);
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 2);
}

static void what_was_carried_in_vain_does_not_stay(void **state)
{
    (void)state;
    tap_set(SPARE->tap, &msg_token_sign_info, 0, TAP_REFUSE);
    expect_soon(503, "wrapping.carry");
    assert_true(body_has("does not sign in the other"));
    tap_set(SPARE->tap, &msg_token_sign_info, 0, TAP_PASS);
    run_inventory();
    assert_false(body_has("misplaced"));
}

/* It is looked for in the other token before, and destroyed there afterwards. */
static void what_stays_of_it_is_found_by_an_inventory(void **state)
{
    (void)state;
    tap_set(SPARE->tap, &msg_token_carry_in_info, 0, TAP_REFUSE_AFTER);
    tap_set(SPARE->tap, &msg_token_destroy_info, 3, TAP_REFUSE);
    expect_soon(503, "wrapping.carry");
    assert_true(body_has("could not be destroyed: the next wrapping.carry does it"));
    tap_set(SPARE->tap, &msg_token_carry_in_info, 0, TAP_PASS);
    tap_set(SPARE->tap, &msg_token_destroy_info, 0, TAP_PASS);
    run_inventory();
    assert_int_equal(body_count("\"kind\":\"misplaced\""), 3);
    assert_true(body_has("\"key\":\"privyseal.wrapping\",\"kind\":\"misplaced\""));
}

static void a_second_token_opens_what_the_first_has_wrapped(void **state)
{
    (void)state;
    expect_soon(201, "wrapping.carry");
    assert_true(body_has("\"token\":\"spare\""));
    expect(422, change("wrapping.prepare", "spare", "{}"));
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_false(body_has("\"code\":\"unrecoverable\""));
    make_key("w.after");
    expect(201, change("key.create", "", REPLICATED));
    assert_true(body_has("\"recovery\":\"replicated\""));
    kill_first_token();
    sign_elsewhere("w.twice");
    sign_elsewhere("w.before");
    sign_elsewhere("w.after");
    sign_elsewhere("w.one");
    for (size_t i = 0; i < PROCESSES; i++) {
        stack_start_token(&stack, i);
    }
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    restart_keeper(APPLIANCE_OPERATIONAL);
    sign_elsewhere("w.before");
}

/* It may be open in any of them. */
static void what_is_destroyed_is_closed_in_every_process(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    const unsigned told = tap_count(SPARE->tap, &msg_token_destroy_info);
    const unsigned logins = tap_count(SPARE->tap, &msg_token_login_info);

    (void)state;
    stack.supervises = true;
    wait_for_text(READ_SYSTEM, "", "\"token\":\"spare\",\"state\":\"ready\"", 1);
    expect(201, change("key.deactivate", "w.before", "{}"));
    expect(201, change("key.destroy", "w.before", "{}"));
    while (tap_count(SPARE->tap, &msg_token_destroy_info) == told) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    /* One that does not close it is replaced. */
    tap_set(SPARE->tap, &msg_token_destroy_info, 0, TAP_REFUSE);
    expect(201, change("key.deactivate", "w.after", "{}"));
    expect(201, change("key.destroy", "w.after", "{}"));
    while (tap_count(SPARE->tap, &msg_token_login_info) == logins) {
        assert_true(ps_clock_mono_ns() < deadline);
        expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
        rest_a_while();
    }
    tap_set(SPARE->tap, &msg_token_destroy_info, 0, TAP_PASS);
}

/* Of which no version is in one token alone: the next one waits until the newest wrapping key was
 * carried. */
static void what_is_replicated_is_not_made_for_one_token(void)
{
    DRAFT_AUTO draft;
    const struct msg_change message = stack_change_message("key.rotate", "w.twice", "{}");

    expect(422, draft_ask(&stack, &message, &draft, &body));
    assert_true(body_has("wrapping.carry comes first"));
    sign_elsewhere("w.twice");
    expect(201, change("key.deactivate", "w.twice", "{}"));
    expect(201, change("key.destroy", "w.twice", "{}"));
}

/* Without the first token, which alone has the second version of the key that wraps. */
static void what_is_lost_is_told_by_what_wrapped_it(void **state)
{
    (void)state;
    make_key("w.older");
    expect(201, change("wrapping.create", "", "{}"));
    what_is_replicated_is_not_made_for_one_token();
    make_key("w.newer");
    wait_for_text(READ_SYSTEM, "", "\"unrecoverable\":{\"keys\":[],\"count\":0,\"unknown\":0}", 1);
    stack_kill_keeper(&stack);
    kill_first_token();
    stack.lacks_first = true;
    stack_start_keeper(&stack);
    stack_wait_started(&stack);
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_true(body_has("\"w.newer\"],\"count\":4,\"unknown\":0")); /* with those that wrap */
    sql("alter table row rename to aside");
    expect(200, stack_read(&stack, READ_SYSTEM, "", &body));
    assert_true(body_has("\"count\":3,\"unknown\":3"));
    sql("alter table aside rename to row");
    stack_kill_keeper(&stack);
    stack.lacks_first = false;
    for (size_t i = 0; i < PROCESSES; i++) {
        stack_start_token(&stack, i);
    }
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    sign_elsewhere("w.newer");
    expect(201, change_when_free("key.deactivate", "w.older", "{}"));
    expect(201, change_when_free("key.destroy", "w.older", "{}"));
}

/* While the second token does not answer; then it is in the configuration no more. */
static void a_version_is_destroyed_though_a_token_is_gone_that_holds_it(void **state)
{
    unsigned told = tap_count(SPARE->tap, &msg_token_destroy_info);
    DRAFT_AUTO draft;

    (void)state;
    expect(201, change("key.deactivate", "w.one", "{}"));
    expect(201, change("key.destroy", "w.one", "{}"));
    expect(201, change("wrapping.create", "", "{}"));
    ask_and_approve("wrapping.destroy", "", "{\"version\":1}", &draft);
    tap_set(SPARE->tap, &msg_token_destroy_info, 0, TAP_REFUSE);
    told = tap_count(SPARE->tap, &msg_token_destroy_info);
    expect(202, draft_execute(&stack, &draft, &body));
    assert_true(tap_count(SPARE->tap, &msg_token_destroy_info) > told);
    stack_kill_keeper(&stack);
    tap_set(SPARE->tap, &msg_token_destroy_info, 0, TAP_PASS);
    stack_drop_token(&stack);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"done\"", 1);
    assert_true(body_has("\"not_destroyed_in\":[\"spare\"]"));
    expect(404, change("wrapping.destroy", "", "{\"version\":1}"));
}

static void what_it_holds_is_found_when_it_comes_back(void **state)
{
    (void)state;
    stack_kill_keeper(&stack);
    stack_return_token(&stack);
    stack_start_keeper(&stack);
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    wait_for_text(READ_INVENTORY, "", "\"kind\":\"undead\"", 3);
    assert_true(body_has("\"key\":\"privyseal.wrapping\",\"kind\":\"undead\""));
    assert_true(body_has("\"key\":\"privyseal.record-mac\",\"kind\":\"undead\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_token_is_prepared),
        cmocka_unit_test(a_wrong_so_pin_is_tried_once),
        cmocka_unit_test(what_was_carried_in_vain_does_not_stay),
        cmocka_unit_test(what_stays_of_it_is_found_by_an_inventory),
        cmocka_unit_test(a_second_token_opens_what_the_first_has_wrapped),
        cmocka_unit_test(what_is_destroyed_is_closed_in_every_process),
        cmocka_unit_test(what_is_lost_is_told_by_what_wrapped_it),
        cmocka_unit_test(a_version_is_destroyed_though_a_token_is_gone_that_holds_it),
        cmocka_unit_test(what_it_holds_is_found_when_it_comes_back),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
