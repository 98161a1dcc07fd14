#include "tests/keeper/gate_fixture.h"
#include "tests/keeper/sql.h"

/*
 * The leaf of a signature is being written, which the disk takes its time for, when something
 * happens that forbids the signature: it is in the log then, and nobody gets it. What people forbid
 * is a leaf itself, and where it overtakes another one is the scheduler's: see test_gate_race.c.
 */

#define KEY "r.key"

static int make_stack(void **state)
{
    (void)state;
    stack_use_memory();
    fixture_begin_with_faults();
    expect(201, change("key.create", "", EC_KEY(KEY)));
    return 0;
}

/* Until the call that makes a leaf of `use` durable is there, and held. */
static void wait_for_held_leaf(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;

    while (!faults_happened(stack.faults)) {
        assert_true(ps_clock_mono_ns() < deadline);
        (void)usleep(1000);
    }
}

static void ask_for_signature(void)
{
    const struct msg_jws_sign message = {.caller = stack_caller(),
                                         .request_id = ps_bytes_str("release-1"),
                                         .key = ps_bytes_str(KEY),
                                         .payload = ps_bytes_str("x")};

    faults_set(stack.faults, FAULT_HOLD, 0);
    (void)wire_send(&stack.clients, &msg_jws_sign_info, &message);
    wait_for_held_leaf();
}

static void execute_until_its_leaf(const struct draft *draft)
{
    const struct msg_operation_step message = step_message(draft, "execute");

    faults_set(stack.faults, FAULT_HOLD, 0);
    (void)wire_send(&stack.management, &msg_operation_step_info, &message);
    wait_for_held_leaf();
}

static void let_go(void)
{
    assert_true(faults_clear(stack.faults));
}

/* The next answer; what is told in between is passed over. False: none came. */
static bool has_answer(struct wire *wire, int limit_ms, struct wire_frame *ret_answer)
{
    bool is_read;

    do {
        is_read = wire_read(wire, limit_ms, ret_answer);
    } while (is_read && ret_answer->id == 0);
    return is_read;
}

static unsigned read_answer(struct wire *wire)
{
    struct wire_frame answer;

    assert_true(has_answer(wire, WIRE_LIMIT_MS, &answer));
    return signed_or_refused(&answer);
}

/* Somebody writes to the database: from when it is noticed nothing is given out. */
static void spoil_catalog(void)
{
    sql("update row set body = replace(body, '\"jws\"', '\"raw\"') where kind = 'key' and name = "
        "'" KEY "'");
    stack_wait_state(&stack, APPLIANCE_FAILED);
}

static unsigned change_would_be(void)
{
    struct msg_change message = stack_change_message("key.suspend", KEY, "{}");
    struct wire_frame answer;

    message.dry_run = 1;
    stack_call(&stack, &stack.management, &msg_change_info, &message, &answer);
    return stack_status_of(&answer, &body);
}

static void mend_catalog(void)
{
    sql("update row set body = replace(body, '\"raw\"', '\"jws\"') where kind = 'key' and name = "
        "'" KEY "'");
    stack_wait_state(&stack, APPLIANCE_OPERATIONAL);
    /* Which may be told before the last of what was written was noticed. */
    while (change_would_be() == 503) {
        rest_a_while();
    }
}

static void a_signature_leaves_when_its_leaf_is_durable(void **state)
{
    const unsigned uses = leaves_count_uses(&stack, KEY);
    struct wire_frame answer;

    (void)state;
    ask_for_signature();
    expect(200, stack_read(&stack, READ_KEY, KEY, &body));
    assert_false(has_answer(&stack.clients, 100, &answer));
    let_go();
    expect(200, read_answer(&stack.clients));
    assert_int_equal(leaves_count_uses(&stack, KEY), uses + 1);
}

static void what_was_forbidden_meanwhile_does_not_leave(void **state)
{
    const unsigned uses = leaves_count_uses(&stack, KEY);

    (void)state;
    ask_for_signature();
    spoil_catalog();
    let_go();
    expect(503, read_answer(&stack.clients));
    assert_int_equal(leaves_count_uses(&stack, KEY), uses + 1);
    mend_catalog();
    expect(200, sign(KEY));
}

/*
 * The one thread that writes both logs is held, so that a leaf of `events` waits too: whoever reads
 * is answered, and what is durable by then is compared.
 */
static void a_write_that_is_held_holds_up_neither_reads_nor_comparisons(void **state)
{
    const struct msg_change message = stack_change_message("key.create", "", EC_KEY("r.other"));
    const unsigned long compared = system_number("compared");

    (void)state;
    ask_for_signature();
    (void)wire_send(&stack.management, &msg_change_info, &message);
    expect(200, stack_read(&stack, READ_KEY, KEY, &body)); /* by now that leaf is on its way */
    sql("update row set revision = revision + 1 where kind = 'operation'");
    wait_for_more("compared", compared);
    let_go();
    expect(200, read_answer(&stack.clients));
    expect(202, read_answer(&stack.management));
}

#define CSR "{\"subject\":{\"common_name\":\"r\"}}"

/* An operation holds its key until its end: who takes the key away waits for it. */
static void an_operation_that_signs_is_not_overtaken_by_a_suspension(void **state)
{
    DRAFT_AUTO suspension;
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("key.suspend", KEY, "{}", &suspension);
    ask_and_approve("certificate.csr", KEY, CSR, &draft);
    execute_until_its_leaf(&draft);
    expect(409, draft_execute(&stack, &suspension, &body));
    assert_true(body_has("in-flight"));
    let_go();
    expect(201, read_answer(&stack.management));
    assert_true(leaves_tell(&stack, draft.id, DONE));
    expect(201, draft_execute(&stack, &suspension, &body));
    expect(201, change("key.resume", KEY, "{}"));
}

/* A refusal whose leaf comes before the intent counts; here it waits behind another one. */
static void nothing_is_executed_while_a_refusal_is_recorded(void **state)
{
    struct msg_operation_step message = {0};
    DRAFT_AUTO draft;
    PS_BUF_AUTO armored = {.max = 4096};
    PS_BUF_AUTO parameters = {.max = 8192};

    (void)state;
    ask_and_approve("key.create", "", EC_KEY("r.refused"), &draft);
    people_put_signature(people_approvers[0], "reject", ps_buf_bytes(&draft.document), &armored);
    people_put_step(people_approvers[0], ps_buf_bytes(&armored), &parameters);
    message = step_message(&draft, "rejections");
    message.parameters = ps_buf_bytes(&parameters);
    ask_for_signature();
    (void)wire_send(&stack.management, &msg_operation_step_info, &message);
    expect(409, draft_execute(&stack, &draft, &body));
    assert_true(body_has("in-flight"));
    let_go();
    expect(200, read_answer(&stack.clients));
    expect(200, read_answer(&stack.management));
    assert_int_not_equal(201, draft_execute(&stack, &draft, &body));
    assert_int_not_equal(200, sign("r.refused"));
}

static void no_operation_gives_out_what_was_forbidden_meanwhile(void **state)
{
    const unsigned uses = leaves_count_uses(&stack, KEY);
    DRAFT_AUTO draft;

    (void)state;
    ask_and_approve("certificate.csr", KEY, CSR, &draft);
    execute_until_its_leaf(&draft);
    spoil_catalog();
    let_go();
    expect(503, read_answer(&stack.management));
    assert_int_equal(leaves_count_uses(&stack, KEY), uses + 1);
    mend_catalog();
    wait_for_text(READ_OPERATION, draft.id, "\"state\":\"failed\"", 1);
    assert_false(body_has("CERTIFICATE REQUEST"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_leaves_when_its_leaf_is_durable),
        cmocka_unit_test(what_was_forbidden_meanwhile_does_not_leave),
        cmocka_unit_test(a_write_that_is_held_holds_up_neither_reads_nor_comparisons),
        cmocka_unit_test(an_operation_that_signs_is_not_overtaken_by_a_suspension),
        cmocka_unit_test(nothing_is_executed_while_a_refusal_is_recorded),
        cmocka_unit_test(no_operation_gives_out_what_was_forbidden_meanwhile),
    };

    return cmocka_run_group_tests(tests, make_stack, fixture_end);
}
