#include "tests/keeper/fixture.h"
#include "tests/keeper/leaves.h"
#include "tests/keeper/set_clock.h"

/* Time passes while an operation waits: people go, and documents expire. */

#define HOUR_S 3600

static int make_stack(void **state)
{
    (void)state;
    set_clock_begin();
    people_with_eve = true;
    fixture_begin(1);
    return 0;
}

/* They are approved in the hour that eve has, and executed after it. */
static void who_is_valid_no_more_does_not_count_any_more(void **state)
{
    const struct msg_change message = stack_change_message("key.create", "", EC_KEY("c.left"));
    struct msg_change by_eve = stack_change_message("key.create", "", EC_KEY("c.asked-by-eve"));
    DRAFT_AUTO draft;
    DRAFT_AUTO asked;

    (void)state;
    by_eve.requester = ps_bytes_str("eve");
    expect(202, draft_ask(&stack, &message, &draft, &body));
    expect(202, draft_ask(&stack, &by_eve, &asked, &body));
    expect(200, draft_sign(&stack, &draft, "request", PEOPLE_REQUESTER, &body));
    expect(200, draft_sign(&stack, &draft, "approvals", "bob", &body));
    expect(200, draft_sign(&stack, &draft, "approvals", "eve", &body));
    assert_true(body_has("\"state\":\"approved\""));
    expect(200, draft_sign(&stack, &asked, "request", "eve", &body));
    expect(200, draft_sign(&stack, &asked, "approvals", "bob", &body));
    expect(200, draft_sign(&stack, &asked, "approvals", "carol", &body));
    assert_true(body_has("\"state\":\"approved\""));
    set_clock_pass(2 * HOUR_S);
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(body_has("one officer more"));
    expect(409, draft_execute(&stack, &asked, &body));
    assert_true(body_has("eve"));
    expect(422, draft_sign(&stack, &draft, "rejections", "eve", &body));
    expect(200, draft_sign(&stack, &draft, "approvals", "carol", &body));
    expect(201, draft_execute(&stack, &draft, &body));
    by_eve.parameters = ps_bytes_str(EC_KEY("c.eve-again"));
    draft_clear(&asked);
    expect(422, draft_ask(&stack, &by_eve, &asked, &body));
}

static void what_has_expired_is_not_executed(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("c.expired"), &draft);
    set_clock_off(ahead_s, 25 * HOUR_S);
    /* It is refused at once, and has ended a moment later. */
    assert_in_range(draft_execute(&stack, &draft, &body), 409, 422);
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"expired\"", 1);
    assert_true(leaves_tell(&stack, draft.id,
                            "draft request:alice approve:bob approve:carol ended:expired"));
    expect(404, stack_read(&stack, READ_KEY, "c.expired", &body));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_valid_no_more_does_not_count_any_more),
        cmocka_unit_test(what_has_expired_is_not_executed),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
