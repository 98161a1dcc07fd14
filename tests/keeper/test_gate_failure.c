#include "tests/keeper/gate_fixture.h"

/*
 * The disk fails at a step of an operation: whoever took the step is told, what is not in the log
 * does not count, and when the disk works again the operation goes on from where it was.
 */

static int make_stack(void **state)
{
    (void)state;
    fixture_begin_with_faults();
    return 0;
}

/* --- Steps --- */

enum step { ASK, REQUEST, APPROVE_LAST, EXECUTE, REJECT_LAST, CANCEL, STEP_COUNT };

static const struct {
    enum step before;  /* the step that comes before it; itself: none */
    const char *story; /* when it has failed */
    const char *after; /* when it was taken again, */
    unsigned status;   /* and what that was answered */
} steps[] = {
    [ASK] = {ASK, "", "draft", 202},
    [REQUEST] = {ASK, "draft", ASKED, 200},
    [APPROVE_LAST] = {REQUEST, ASKED " approve:bob", APPROVED, 200},
    [EXECUTE] = {APPROVE_LAST, APPROVED, DONE, 201},
    [REJECT_LAST] = {REQUEST, ASKED " reject:bob", ASKED " reject:bob reject:carol ended:rejected",
                     200},
    [CANCEL] = {ASK, "draft", "draft ended:cancelled", 200},
};

static unsigned take(enum step step, const char *parameters, struct draft *draft)
{
    const struct msg_change message = stack_change_message("key.create", "", parameters);

    switch (step) {
    case ASK:
        return draft_ask(&stack, &message, draft, &body);
    case REQUEST:
        return draft_sign(&stack, draft, "request", PEOPLE_REQUESTER, &body);
    case APPROVE_LAST:
        return draft_sign(&stack, draft, "approvals", "carol", &body);
    case EXECUTE:
        return draft_execute(&stack, draft, &body);
    case REJECT_LAST:
        return draft_sign(&stack, draft, "rejections", "carol", &body);
    case CANCEL:
        return draft_step(&stack, draft, "cancel", ps_bytes(NULL, 0), &body);
    case STEP_COUNT:
        break;
    }
    return 0;
}

/* All that comes before it. */
static void come_to(enum step step, const char *parameters, struct draft *draft)
{
    if (steps[step].before == step) {
        return;
    }
    come_to(steps[step].before, parameters, draft);
    expect(steps[steps[step].before].status, take(steps[step].before, parameters, draft));
    if (step == APPROVE_LAST) {
        expect(200, draft_sign(&stack, draft, "approvals", "bob", &body));
    } else if (step == REJECT_LAST) {
        expect(200, draft_sign(&stack, draft, "rejections", "bob", &body));
    }
}

/* The disk works again, and the keeper has noticed. */
static void mend_disk(void)
{
    assert_true(faults_clear(stack.faults));
    wait_for_text(READ_SYSTEM, "", "\"state\":\"operational\"", 1);
}

static void put_key(const char *name, char parameters[200])
{
    (void)snprintf(
        parameters, 200,
        "{\"name\":\"%s\",\"type\":\"ec-p256\",\"usage\":\"sign\",\"formats\":[\"jws\"]}", name);
}

static void fail_step(enum step step, enum fault fault)
{
    char name[32];
    char parameters[200];
    unsigned drafts;
    DRAFT_AUTO draft = {.id = ""};

    (void)snprintf(name, sizeof name, "fail.%d-%d", (int)step, (int)fault);
    put_key(name, parameters);
    come_to(step, parameters, &draft);
    drafts = leaves_count(&stack, "draft");
    faults_set(stack.faults, fault, 0);
    expect(503, take(step, parameters, &draft));
    assert_true(body_has("log-unavailable"));
    /* Nor does it a second time, nor does anybody execute what was not approved. */
    expect(503, take(step, parameters, &draft));
    if (step == APPROVE_LAST) {
        assert_in_range(draft_execute(&stack, &draft, &body), 409, 503);
    }
    mend_disk();
    assert_int_equal(leaves_count(&stack, "draft"), drafts);
    assert_true(step == ASK || leaves_tell(&stack, draft.id, steps[step].story));
    expect(404, stack_read(&stack, READ_KEY, name, &body));
    expect(steps[step].status, take(step, parameters, &draft));
    assert_true(leaves_tell(&stack, draft.id, steps[step].after));
    assert_int_equal(leaves_count(&stack, "draft"), drafts + (step == ASK ? 1 : 0));
}

static void fail_each_step(enum fault fault)
{
    for (int step = 0; step < STEP_COUNT; step++) {
        fail_step((enum step)step, fault);
    }
}

static void a_write_that_fails_at_a_step_leaves_it_untaken(void **state)
{
    (void)state;
    fail_each_step(FAULT_WRITE);
}

static void a_sync_that_fails_at_a_step_leaves_it_untaken(void **state)
{
    (void)state;
    fail_each_step(FAULT_SYNC);
}

/* --- Leaves that are not the step's own --- */

/* What the token did is done: its result is recorded when that is possible. */
static void a_result_that_cannot_be_written_is_written_later(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("fail.result"), &draft);
    faults_fail_behind_leaf(stack.faults, "\"kind\":\"intent\"");
    expect(503, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, APPROVED " intent"));
    expect(404, stack_read(&stack, READ_KEY, "fail.result", &body));
    expect(409, draft_execute(&stack, &draft, &body));
    mend_disk();
    leaves_wait(&stack, draft.id, DONE);
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"done\"", 1);
    expect(409, draft_execute(&stack, &draft, &body));
    expect(200, stack_read(&stack, READ_KEY, "fail.result", &body));
    assert_true(leaves_tell(&stack, draft.id, DONE));
}

static void a_rejection_whose_end_cannot_be_written_ends_it_later(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("fail.ended"), &draft);
    expect(200, draft_sign(&stack, &draft, "rejections", "bob", &body));
    faults_fail_behind_leaf(stack.faults, "\"kind\":\"signature\"");
    expect(503, draft_sign(&stack, &draft, "rejections", "carol", &body));
    assert_true(leaves_tell(&stack, draft.id, APPROVED " reject:bob reject:carol"));
    assert_in_range(draft_execute(&stack, &draft, &body), 409, 503);
    mend_disk();
    leaves_wait(&stack, draft.id, APPROVED " reject:bob reject:carol ended:rejected");
    expect(409, draft_execute(&stack, &draft, &body));
    expect(404, stack_read(&stack, READ_KEY, "fail.ended", &body));
}

/* What was told to have failed has failed: also to a keeper that reads it from the disk. */
static void a_restart_after_failures_finds_what_was_told(void **state)
{
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("fail.restart"), &draft);
    faults_set(stack.faults, FAULT_WRITE, 0);
    expect(503, draft_sign(&stack, &draft, "rejections", "bob", &body));
    expect(503, draft_execute(&stack, &draft, &body));
    restart_keeper(APPLIANCE_OPERATIONAL);
    assert_true(leaves_tell(&stack, draft.id, APPROVED));
    expect(201, draft_execute(&stack, &draft, &body));
    assert_true(leaves_tell(&stack, draft.id, DONE));
}

/* Who saw it executed could go on from there, and after a crash it would wait again. */
static void what_has_no_intent_yet_is_told_to_wait(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct msg_operation_step message = {0};
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("fail.held"), &draft);
    message = step_message(&draft, "execute");
    faults_set(stack.faults, FAULT_HOLD_EVENTS, 0);
    (void)wire_send(&stack.management, &msg_operation_step_info, &message);
    while (!faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        rest_a_while();
    }
    expect(200, stack_read(&stack, READ_OPERATION, draft.id, &body));
    assert_true(body_has("\"state\":\"approved\""));
    expect(200, stack_read(&stack, READ_OPERATIONS, "executing", &body));
    assert_false(body_has(draft.id));
    assert_true(faults_clear(stack.faults));
    leaves_wait(&stack, draft.id, DONE);
}

/* The keeper dies after an operation began, and before the end of what was to cancel it. */
static void a_cancellation_ends_after_a_start_too(void **state)
{
    DRAFT_AUTO draft;
    DRAFT_AUTO cancelling;

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("fail.kept"), &draft);
    ask("operation.cancel", draft.id, "{}", &cancelling);
    faults_kill_at_leaf(stack.faults, "\"kind\":\"ended\"", 0);
    (void)draft_execute(&stack, &draft, &body);
    assert_true(faults_clear(stack.faults));
    assert_true(leaves_tell(&stack, cancelling.id, "draft"));
    restart_keeper(APPLIANCE_OPERATIONAL);
    leaves_wait(&stack, cancelling.id, "draft ended:expired");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_fails_at_a_step_leaves_it_untaken),
        cmocka_unit_test(a_sync_that_fails_at_a_step_leaves_it_untaken),
        cmocka_unit_test(a_result_that_cannot_be_written_is_written_later),
        cmocka_unit_test(a_rejection_whose_end_cannot_be_written_ends_it_later),
        cmocka_unit_test(a_restart_after_failures_finds_what_was_told),
        cmocka_unit_test(what_has_no_intent_yet_is_told_to_wait),
        cmocka_unit_test(a_cancellation_ends_after_a_start_too),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
