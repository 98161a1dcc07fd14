#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/shares.h"

/*
 * An api process that keeps every sealed share that it is given, passes on what it likes, and does
 * so again later: a share opens one PIN, for one operation, once.
 */

#define OFFICERS    2u
#define SO          STACK_TOKEN "/so"
#define USER        STACK_TOKEN "/user"
#define NOT_SEALED  "not sealed to the present key"
#define SEALED_ROOM 8192u

static int make_stack(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    stack_use_memory();
    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_make(&stack, 1);
    stack.supervises = true;
    stack_start(&stack);
    stack_genesis(&stack);
    stack_attend_token(&stack, 0);
    wait_for_text(READ_UNLOCK, "", "\"mode\":\"attended\"", 1);
    expect(201, change("pin.split", STACK_TOKEN, shares_parameters()));
    ask_and_approve("pin.split", STACK_TOKEN, shares_so_parameters(), &draft);
    expect(201, draft_execute(&stack, &draft, &body));
    return 0;
}

/* --- Operations that want the SO PIN --- */

/* What ended before may have its process started anew once more. */
static void ask_for_change(struct draft *ret_draft)
{
    const struct msg_change message =
        stack_change_message("pin.change", STACK_TOKEN, shares_so_parameters());
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    unsigned status;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        wait_for_text(READ_SYSTEM, "", "\"token\":\"" STACK_TOKEN "\",\"state\":\"ready\"", 1);
        status = draft_ask(&stack, &message, ret_draft, &body);
    } while (status == 503 && has_rested());
    expect(202, status);
    expect(200, draft_approve(&stack, ret_draft, &body));
    wait_for_text(READ_UNLOCK, "", ret_draft->id, 1);
}

static void wait_until_not_asked_for(const char *text)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
        expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    } while (body_has(text));
}

static void cancel(const struct draft *draft)
{
    expect(201, change("operation.cancel", draft->id, "{}"));
    wait_until_not_asked_for(draft->id);
}

/* --- What the api process has --- */

struct kept_shares {
    struct ps_buf sealed[OFFICERS];
};

static void kept_shares_clear(struct kept_shares *kept)
{
    for (size_t i = 0; i < OFFICERS; i++) {
        ps_buf_clear(&kept->sealed[i]);
    }
}
#define KEPT_AUTO PS_CLEANUP(kept_shares_clear) struct kept_shares

static void seal_for(const char *splitting, const char *operation, struct kept_shares *ret_kept)
{
    for (size_t i = 0; i < OFFICERS; i++) {
        ret_kept->sealed[i] = (struct ps_buf){.max = SEALED_ROOM};
        assert_true(
            shares_seal_for(&stack, shares_holders[i], splitting, operation, &ret_kept->sealed[i]));
    }
}

static unsigned pass_on(const struct kept_shares *kept, size_t at)
{
    return shares_pass_on(&stack, &stack.management, ps_buf_bytes(&kept->sealed[at]), &body);
}

static void release(const struct kept_shares *kept)
{
    for (size_t i = 0; i < OFFICERS; i++) {
        expect(200, pass_on(kept, i));
    }
}

/* Nothing comes of any of them: nobody's share has arrived, and no PIN was released. */
static void replay_in_vain(const struct kept_shares *kept)
{
    const unsigned unlocks = leaves_count(&stack, "unlock");

    for (size_t i = 0; i < OFFICERS; i++) {
        expect(422, pass_on(kept, i));
        assert_true(body_has(NOT_SEALED));
    }
    expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    assert_false(body_has("\"arrived\":[\""));
    assert_int_equal(leaves_count(&stack, "unlock"), unlocks);
}

static void not_possible(const struct draft *draft)
{
    expect(422, draft_execute(&stack, draft, &body));
    assert_true(body_has("the holders of its SO PIN"));
}

/* --- The SO PIN --- */

/* Another operation waits all the time, so that there is always something to give shares for. */
static void shares_that_were_used_are_of_no_use_for_another_operation(void **state)
{
    DRAFT_AUTO first;
    DRAFT_AUTO second;
    KEPT_AUTO kept;
    KEPT_AUTO own;

    (void)state;
    ask_for_change(&first);
    ask_for_change(&second);
    seal_for(SO, first.id, &kept);
    release(&kept);
    not_possible(&second); /* it was not given for this one */
    cancel(&first);
    wait_for_text(READ_UNLOCK, "", second.id, 1);
    replay_in_vain(&kept);
    not_possible(&second);
    seal_for(SO, second.id, &own);
    release(&own);
    expect(201, draft_execute(&stack, &second, &body));
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" STACK_TOKEN "\",\"state\":\"ready\"", 1);
}

static void shares_that_were_held_back_serve_no_other_operation(void **state)
{
    DRAFT_AUTO first;
    DRAFT_AUTO second;
    KEPT_AUTO kept;

    (void)state;
    ask_for_change(&first);
    ask_for_change(&second);
    seal_for(SO, first.id, &kept);
    cancel(&first);
    replay_in_vain(&kept);
    not_possible(&second);
    cancel(&second);
}

/* One that has arrived is for the operation to whose key it was sealed. */
static void shares_for_two_operations_make_no_pin_together(void **state)
{
    const unsigned unlocks = leaves_count(&stack, "unlock");
    DRAFT_AUTO first;
    DRAFT_AUTO second;
    KEPT_AUTO one;
    KEPT_AUTO other;

    (void)state;
    ask_for_change(&first);
    ask_for_change(&second);
    seal_for(SO, first.id, &one);
    seal_for(SO, second.id, &other);
    expect(200, pass_on(&one, 0));
    expect(200, pass_on(&other, 1));
    assert_int_equal(body_count("\"arrived\":[\""), 2);
    assert_int_equal(leaves_count(&stack, "unlock"), unlocks);
    not_possible(&first);
    not_possible(&second);
    cancel(&first);
    cancel(&second);
}

/* --- Between PINs --- */

static void a_share_of_one_pin_is_not_taken_with_the_key_for_another(void **state)
{
    DRAFT_AUTO draft;
    KEPT_AUTO so;
    PS_BUF_AUTO crossed = {.max = SEALED_ROOM};

    (void)state;
    lose_pin();
    ask_and_approve("pin.reset", STACK_TOKEN, shares_parameters(), &draft);
    wait_for_text(READ_UNLOCK, "", draft.id, 1);
    wait_for_text(READ_UNLOCK, "", "\"pin\":\"user\"", 1);
    /* The officer was shown the key for the SO PIN as that for the user's. */
    assert_true(shares_seal_crossed(&stack, "alice", USER, SO, &crossed));
    expect(422, shares_pass_on(&stack, &stack.management, ps_buf_bytes(&crossed), &body));
    assert_true(body_has("sealed to the key for another PIN"));
    ps_buf_reset(&crossed);
    assert_true(shares_seal_crossed(&stack, "alice", SO, USER, &crossed));
    expect(422, shares_pass_on(&stack, &stack.management, ps_buf_bytes(&crossed), &body));
    assert_true(body_has("sealed to the key for another PIN"));
    /* The key for the SO PIN goes with its operation, that for the user's stays. */
    seal_for(SO, draft.id, &so);
    cancel(&draft);
    expect(200, stack_read(&stack, READ_UNLOCK, "", &body));
    assert_true(body_has("\"pin\":\"user\""));
    replay_in_vain(&so);
}

static void shares_that_unlocked_unlock_no_second_time(void **state)
{
    KEPT_AUTO kept;
    DRAFT_AUTO draft;

    (void)state;
    seal_for(USER, NULL, &kept);
    release(&kept);
    wait_for_text(READ_SYSTEM, "", "\"token\":\"" STACK_TOKEN "\",\"state\":\"ready\"", 1);
    ask_for_change(&draft); /* something is asked for */
    replay_in_vain(&kept);
    cancel(&draft);
    assert_int_equal(stack_stop_keeper(&stack), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_that_were_used_are_of_no_use_for_another_operation),
        cmocka_unit_test(shares_that_were_held_back_serve_no_other_operation),
        cmocka_unit_test(shares_for_two_operations_make_no_pin_together),
        cmocka_unit_test(a_share_of_one_pin_is_not_taken_with_the_key_for_another),
        cmocka_unit_test(shares_that_unlocked_unlock_no_second_time),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
