#include "tests/keeper/gate_fixture.h"

/*
 * An officer is suspended while what they approved is executed, all of it sent at once. No
 * operation begins after the leaf that suspends them, and those that did not begin never do.
 */

#define ROUNDS     12u
#define ROUNDS_MAX 100u
#define OPERATIONS 8u
#define BEFORE     1u /* sent before the suspension */

static struct draft drafts[OPERATIONS];

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin(1);
    return 0;
}

/* Asked for by alice, approved by bob and dave. */
static void approve_by_dave(unsigned number, struct draft *ret_draft)
{
    char name[32];
    struct msg_change message = {0};

    (void)snprintf(name, sizeof name, "people.%u", number);
    message = stack_change_message("set.put", name, "{\"keys\":[\"x.*\"]}");
    expect(202, draft_ask(&stack, &message, ret_draft, &body));
    expect(200, draft_sign(&stack, ret_draft, "request", PEOPLE_REQUESTER, &body));
    expect(200, draft_sign(&stack, ret_draft, "approvals", "bob", &body));
    expect(200, draft_sign(&stack, ret_draft, "approvals", "dave", &body));
    assert_true(body_has("\"state\":\"approved\""));
}

static void send_execution(const struct draft *draft)
{
    const struct msg_operation_step message = step_message(draft, "execute");

    (void)wire_send(&stack.management, &msg_operation_step_info, &message);
}

/* Done; or refused, since one whose approval counted is suspended, or will be in a moment. */
static void expect_done_or_refused(unsigned status)
{
    if (status != 200 && status != 201 && status != 409) {
        expect(422, status);
    }
}

/* No answer is waited for; what comes later comes in another moment of the suspension's. */
static void execute_at_once(const struct draft *suspension, unsigned gap_us)
{
    const uint64_t before = stack.management.next_id;

    for (unsigned i = 0; i < OPERATIONS; i++) {
        if (i == BEFORE) {
            send_execution(suspension);
        }
        send_execution(&drafts[i]);
        (void)usleep(gap_us);
    }
    for (unsigned answers = 0; answers < OPERATIONS + 1;) {
        struct wire_frame answer;

        assert_true(wire_read(&stack.management, WIRE_LIMIT_MS, &answer));
        if (answer.id != 0) {
            const unsigned status = stack_status_of(&answer, &body);

            expect_done_or_refused(status);
            assert_true(answer.id != before + BEFORE + 1 || status == 200);
            answers++;
        }
    }
}

/* --- What the log says --- */

struct order {
    const char *suspension;
    bool is_suspended;
    unsigned intents_before;
    unsigned intents_after;
};

static void look_at(void *context, const struct log_event *event)
{
    const struct ps_bytes operation = leaves_text(event->data, "operation");
    struct order *order = context;

    if (ps_bytes_equal_str(event->kind, "result") &&
        ps_bytes_equal_str(operation, order->suspension)) {
        order->is_suspended = true;
    }
    for (unsigned i = 0; i < OPERATIONS && ps_bytes_equal_str(event->kind, "intent"); i++) {
        if (ps_bytes_equal_str(operation, drafts[i].id)) {
            order->intents_after += order->is_suspended ? 1 : 0;
            order->intents_before += order->is_suspended ? 0 : 1;
        }
    }
}

static unsigned suspend_in_between(unsigned round)
{
    struct order order = {.suspension = NULL};
    DRAFT_AUTO suspension;

    for (unsigned i = 0; i < OPERATIONS; i++) {
        approve_by_dave(round * OPERATIONS + i, &drafts[i]);
    }
    ask_and_approve("officer.suspend", "dave", "{}", &suspension);
    execute_at_once(&suspension, 250 * round);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const unsigned status = draft_execute(&stack, &drafts[i], &body);

        assert_true(status == 409 || status == 422);
    }
    order.suspension = suspension.id;
    leaves_each_event(&stack, look_at, &order);
    assert_true(order.is_suspended);
    assert_int_equal(order.intents_after, 0);
    return order.intents_before;
}

/* Whether there was a race: some of so many began, and some did not. */
static bool was_race(unsigned begun, unsigned rounds)
{
    return begun != 0 && begun != rounds * OPERATIONS;
}

/* What did not begin waits on, and others need its place. */
static void reject_what_is_left(void)
{
    for (unsigned i = 0; i < OPERATIONS; i++) {
        (void)draft_sign(&stack, &drafts[i], "rejections", "bob", &body);
        (void)draft_sign(&stack, &drafts[i], "rejections", "carol", &body);
        draft_clear(&drafts[i]);
    }
}

static void what_a_suspended_officer_approved_does_not_begin_any_more(void **state)
{
    unsigned begun = 0;
    unsigned round;

    (void)state;
    /* Which are in time is the scheduler's: as many rounds as it takes. */
    for (round = 0; round < ROUNDS || (!was_race(begun, round) && round < ROUNDS_MAX); round++) {
        begun += suspend_in_between(round);
        expect(200, change("officer.resume", "dave", "{}"));
        reject_what_is_left();
    }
    assert_true(was_race(begun, round));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_suspended_officer_approved_does_not_begin_any_more),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
