#include "tests/keeper/tokens_fixture.h"

/*
 * Operations on the keys that wrap, begun in a token that leaves the configuration while the keeper
 * is dead: each ends, its locks are free, and what it left goes should the token come back. The
 * tests follow each other; an RSA pair takes seconds, so that two are made in all.
 */

#define LEFT "the token has left the configuration: "

static struct draft draft; /* of the operation that nobody is there for */

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    take_in(SPARE, SPARE_AT);
    take_in(HOME, HOME_AT);
    return 0;
}

static int end_stack(void **state)
{
    draft_clear(&draft);
    return fixture_end(state);
}

static void ask_and_approve_it(const char *type, const char *subject, const char *parameters)
{
    draft_clear(&draft);
    ask_and_approve(type, subject, parameters, &draft);
}

static void fail_if_answered(uint64_t id)
{
    struct wire_frame answer;

    while (wire_has_come(&stack.management) &&
           wire_read(&stack.management, WIRE_LIMIT_MS, &answer)) {
        if (answer.id == id) {
            print_error("%u: ", stack_status_of(&answer, &body));
            print_error("%.*s\n", PS_BYTES_FMT(ps_buf_bytes(&body)));
            fail();
        }
    }
}

/* Begun, and nobody answers: the token does not hear of a request of this kind. */
static void hold_at(size_t number, const struct ipc_message *info)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct tap *tap = stack.tokens[number].tap;
    const unsigned before = tap_count(tap, info);
    const struct msg_operation_step message = step_message(&draft, "execute");
    uint64_t id;

    tap_set(tap, info, 0, TAP_HOLD);
    id = wire_send(&stack.management, &msg_operation_step_info, &message);
    while (tap_count(tap, info) == before) {
        assert_true(ps_clock_mono_ns() < deadline);
        fail_if_answered(id);
        (void)usleep(1000);
    }
    stack_kill_keeper(&stack);
    tap_set(tap, info, 0, TAP_PASS);
}

static void expect_ended(const char *why)
{
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"failed\"", 1);
    assert_true(body_has(why));
}

/* The keeper dies when all is done in the token, and nobody was told. */
static void die_at_result(void)
{
    faults_kill_at_leaf(stack.faults, "\"kind\":\"result\"", 0);
    (void)execute_to_the_end(&draft);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
}

/* It is made again, which needs its locks. */
static void what_was_made_goes_when_the_token_is_back(void **state)
{
    const unsigned objects = stack_count_objects(&stack, HOME_AT);

    (void)state;
    ask_and_approve_it("wrapping.create", "", IN_HOME);
    die_at_result();
    assert_int_equal(stack_count_objects(&stack, HOME_AT), objects + 3);
    start_without(1);
    expect_ended(LEFT "what it was making there is destroyed should it come back");
    assert_true(leaves_tell(&stack, draft.id,
                            "draft request:alice approve:bob approve:carol approve:amira intent "
                            "result:not-done"));
    start_with(1);
    wait_for_object_count(HOME_AT, objects);
    expect(201, change("wrapping.create", "", IN_HOME));
    expect(201, change("key.create", "", WRAPPED_IN("w.one", HOME)));
    expect(200, sign("w.one"));
}

#define FORGET "delete from row where kind = 'reserved'"

/* Rows of reserved ids are bookkeeping: the ids of what was begun are in its intent. */
static void what_is_reserved_no_more_is_settled_all_the_same(void **state)
{
    (void)state;
    ask_and_approve_it("key.create", "", EC_KEY("t.kept"));
    die_at_result();
    sql(FORGET);
    start();
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"done\"", 1);
    expect(200, sign("t.kept"));
    wait_for_tokens();
}

/* Nor is it waited for: what is reserved still is swept at the next start. */
static void a_sweep_under_way_ends_with_the_keeper(void **state)
{
    struct tap *tap = stack.tokens[HOME_AT].tap;
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    int reserved = 1;

    (void)state;
    ask_and_approve_it("key.create", "", WRAPPED_IN("t.begun", HOME));
    faults_kill_at_leaf(stack.faults, "\"kind\":\"intent\"", 0);
    (void)draft_execute(&stack, &draft, &body);
    assert_true(faults_clear(stack.faults));
    stack_kill_keeper(&stack);
    tap_set(tap, &msg_token_destroy_info, 0, TAP_HOLD);
    stack_start_keeper(&stack);
    while (tap_held(tap, &msg_token_destroy_info) == 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    assert_int_equal(stack_stop_keeper(&stack), 0);
    tap_set(tap, &msg_token_destroy_info, 0, TAP_PASS);
    start();
    while (reserved != 0) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        sql_each("select count(*) from row where kind = 'reserved'", take_number, &reserved);
    }
    wait_for_tokens();
}

/* While its leaf is on the way to the disk, none of the tokens has one that is done. */
static void an_inventory_is_told_when_it_is_recorded(void **state)
{
    const struct msg_task task = {
        .caller = stack_caller(), .request_id = ps_bytes_str("task-1"), .task = TASK_INVENTORY};
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct wire_frame answer;

    (void)state;
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 3);
    faults_set(stack.faults, FAULT_HOLD_EVENTS, 0);
    stack_call(&stack, &stack.management, &msg_task_info, &task, &answer);
    expect(202, stack_status_of(&answer, &body));
    while (!faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    expect(200, stack_read(&stack, READ_INVENTORY, "", &body));
    assert_true(faults_clear(stack.faults));
    assert_int_equal(body_count("\"state\":\"done\""), 0);
    wait_for_text(READ_INVENTORY, "", "\"state\":\"done\"", 3);
}

/* And what nobody sweeps for want of a row is named. */
static void what_is_reserved_no_more_is_found_by_an_inventory(void **state)
{
    (void)state;
    ask_and_approve_it("key.create", "",
                       "{\"name\":\"t.left\",\"type\":\"ec-p256\",\"usage\":\"sign\","
                       "\"formats\":[\"jws\"],\"token\":\"" HOME "\"}");
    die_at_result();
    sql(FORGET);
    start_without(1);
    expect_ended(LEFT);
    start_with(1);
    wait_for_text(READ_INVENTORY, "", "\"kind\":\"unknown\"", 2);
    assert_int_equal(body_count("\"label\":\"t.left\""), 2);
}

/* So many that some are recorded before the rest is. */
#define BATCH 17u

/* Where nobody has signed for that leaf yet, a start waits for no token that is not there. */
static void keys_of_a_batch_that_are_recorded_stay(void **state)
{
    PS_BUF_AUTO text = {.max = 4096};
    char name[16];

    (void)state;
    ps_buf_put_str(&text, "{\"keys\":[");
    for (unsigned i = 0; i < BATCH; i++) {
        ps_buf_printf(&text, "%s{\"name\":\"b.%u\"}", i == 0 ? "" : ",", i);
    }
    ps_buf_put_str(&text, "],\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"],"
                          "\"residence\":\"wrapped\",\"token\":\"" HOME "\"}");
    ps_buf_put_u8(&text, 0);
    ask_and_approve_it("key.create_batch", "", (const char *)text.data);
    die_at_result();
    start_without(1);
    expect_ended(LEFT);
    start_with(1);
    for (unsigned i = 0; i < BATCH - 1; i++) {
        (void)snprintf(name, sizeof name, "b.%u", i);
        sign_elsewhere(name);
    }
    (void)snprintf(name, sizeof name, "b.%u", BATCH - 1);
    expect(404, sign(name));
}

static void keys_are_wrapped_anew_no_more(void **state)
{
    (void)state;
    expect(201, change("wrapping.create", "", IN_HOME));
    ask_and_approve_it("wrapping.rewrap", "", "{}");
    hold_at(HOME_AT, &msg_token_generate_info);
    start_without(1);
    expect_ended(LEFT "keys that were wrapped anew stay so, the others are as they were");
    start_with(1);
    expect(200, sign("w.one"));
}

static void nothing_is_prepared_any_more(void **state)
{
    (void)state;
    ask_and_approve_it("wrapping.prepare", SPARE, "{}");
    hold_at(SPARE_AT, &msg_token_generate_info);
    start_without(2);
    expect_ended(LEFT "what it was making there");
    start_with(2);
    expect(201, change("wrapping.prepare", SPARE, "{}"));
    assert_false(body_has("not_destroyed_in"));
}

/* They had arrived, and by the catalog they are not there. */
static void what_has_arrived_goes_when_its_source_is_gone(void **state)
{
    const unsigned objects = stack_count_objects(&stack, SPARE_AT);

    (void)state;
    ask_and_approve_it("wrapping.carry", "", "{}");
    hold_at(SPARE_AT, &msg_token_sign_info);
    assert_int_equal(stack_count_objects(&stack, SPARE_AT), objects + 3);
    start_without(1);
    expect_ended("the token that they left has left the configuration");
    wait_for_object_count(SPARE_AT, objects);
    start_with(1);
}

static void nothing_is_carried_to_a_token_that_is_gone(void **state)
{
    (void)state;
    ask_and_approve_it("wrapping.carry", "", "{}");
    hold_at(SPARE_AT, &msg_token_carry_in_info);
    start_without(2);
    expect_ended(LEFT "what has arrived there of the keys that wrap stays in it");
}

/* Or no other token could ever be prepared. */
static void a_pair_in_a_token_that_is_gone_is_in_the_way_of_none(void **state)
{
    (void)state;
    expect(201, change("wrapping.prepare", STACK_TOKEN, "{}"));
    assert_true(body_has("\"result\":{\"not_destroyed_in\":[\"" SPARE "\"]}"));
    start_with(2);
    wait_for_text(READ_INVENTORY, "", "\"key\":\"privyseal.transport\",\"kind\":\"undead\"", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_goes_when_the_token_is_back),
        cmocka_unit_test(what_is_reserved_no_more_is_settled_all_the_same),
        cmocka_unit_test(a_sweep_under_way_ends_with_the_keeper),
        cmocka_unit_test(an_inventory_is_told_when_it_is_recorded),
        cmocka_unit_test(what_is_reserved_no_more_is_found_by_an_inventory),
        cmocka_unit_test(keys_of_a_batch_that_are_recorded_stay),
        cmocka_unit_test(keys_are_wrapped_anew_no_more),
        cmocka_unit_test(nothing_is_prepared_any_more),
        cmocka_unit_test(what_has_arrived_goes_when_its_source_is_gone),
        cmocka_unit_test(nothing_is_carried_to_a_token_that_is_gone),
        cmocka_unit_test(a_pair_in_a_token_that_is_gone_is_in_the_way_of_none),
    };

    return cmocka_run_group_tests(tests, make_stack, end_stack);
}
