#include "tests/unit/people_support.h"

#include "lib/ceremony/people/recovery.h"

#define DOCUMENT "replace the officers"
#define DELAY_S  (72u * 3600u)

static struct policy policy;
static struct roster *usual;
static uint8_t document[PS_SHA256_LEN];
static struct recovery_result result;

/* Two have approved, the log has said so 72 hours ago, a witness has seen it. */
static struct approval approvals[4];
static struct recovery_request request;

static int make_all(void **state)
{
    (void)people_make(state);
    policy_set_defaults(&policy);
    usual = PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"}, {"rolf"}, {"rosa"});
    ps_sha256(ps_bytes_str(DOCUMENT), document);
    return 0;
}

static int end_all(void **state)
{
    roster_free(usual);
    return people_end(state);
}

static int make_ready(void **state)
{
    (void)state;
    approvals[0] = people_approval("rita", APPROVAL_APPROVE, DOCUMENT);
    approvals[1] = people_approval("rosa", APPROVAL_APPROVE, DOCUMENT);
    request = (struct recovery_request){.roster = usual,
                                        .policy = &policy,
                                        .now_s = PEOPLE_NOW_S,
                                        .document = document,
                                        .approvals = approvals,
                                        .count = 2,
                                        .announced_s = PEOPLE_NOW_S - DELAY_S,
                                        .is_witnessed = true};
    return 0;
}

static enum recovery_state evaluate(void)
{
    assert_ok(recovery_evaluate(&request, &result));
    return result.state;
}

static void two_of_three_after_72_hours_are_ready(void **state)
{
    (void)state;
    assert_int_equal(evaluate(), RECOVERY_READY);
    assert_int_equal(result.people, 2);
    assert_true(result.ready_s == PEOPLE_NOW_S);
}

static void before_the_delay_it_waits(void **state)
{
    (void)state;
    request.announced_s++;
    assert_int_equal(evaluate(), RECOVERY_WAITING_DELAY);
    request.announced_s = PEOPLE_NOW_S + 1000000;
    assert_int_equal(evaluate(), RECOVERY_WAITING_DELAY);
    request.announced_s = 0;
    assert_int_equal(evaluate(), RECOVERY_WAITING_PEOPLE);
    assert_string_equal(result.text, "enough have approved; the log has to say so first");
    assert_true(result.ready_s == 0);
}

static void a_longer_delay_of_the_policy_is_waited_for(void **state)
{
    (void)state;
    policy.recovery_delay_s = DELAY_S + 1;
    assert_int_equal(evaluate(), RECOVERY_WAITING_DELAY);
    policy_set_defaults(&policy);
}

static void a_witness_has_to_have_seen_it(void **state)
{
    (void)state;
    request.is_witnessed = false;
    assert_int_equal(evaluate(), RECOVERY_WAITING_WITNESS);
}

static void too_few_people_wait(void **state)
{
    (void)state;
    request.count = 1;
    assert_int_equal(evaluate(), RECOVERY_WAITING_PEOPLE);
    assert_string_equal(result.text, "one recovery person more");
    approvals[1] = people_approval("rita", APPROVAL_APPROVE, DOCUMENT);
    request.count = 2;
    assert_int_equal(evaluate(), RECOVERY_WAITING_PEOPLE);
    approvals[1] = people_approval("rosa", APPROVAL_APPROVE, "another document");
    assert_int_equal(evaluate(), RECOVERY_WAITING_PEOPLE);
    approvals[1] = people_approval("alice", APPROVAL_APPROVE, DOCUMENT);
    assert_int_equal(evaluate(), RECOVERY_WAITING_PEOPLE);
}

static void who_was_suspended_meanwhile_does_not_count(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER(
        PEOPLE_USUAL, {"rita", .suspended = ",\"suspended\":true"}, {"rolf"}, {"rosa"});

    (void)state;
    request.roster = roster;
    assert_int_equal(evaluate(), RECOVERY_WAITING_PEOPLE);
}

static void one_officer_vetoes(void **state)
{
    (void)state;
    approvals[2] = people_approval("dave", APPROVAL_REJECT, DOCUMENT);
    request.count = 3;
    assert_int_equal(evaluate(), RECOVERY_VETOED);
    assert_string_equal(result.text, "vetoed by the officer \"dave\"");
    approvals[2] = people_approval("dave", APPROVAL_REJECT, "another document");
    assert_int_equal(evaluate(), RECOVERY_READY);
    approvals[2] = people_approval("amira", APPROVAL_REJECT, DOCUMENT);
    assert_int_equal(evaluate(), RECOVERY_READY);
    approvals[2] = people_approval("rolf", APPROVAL_REJECT, DOCUMENT);
    assert_int_equal(evaluate(), RECOVERY_READY);
}

/* Or an officer's end would undo what the officer refused. */
static void a_veto_outlives_its_officer(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER({"alice"}, {"rita"}, {"rolf"}, {"rosa"});

    (void)state;
    approvals[2] = people_approval("dave", APPROVAL_REJECT, DOCUMENT);
    request.count = 3;
    request.roster = roster;
    assert_int_equal(evaluate(), RECOVERY_VETOED);
}

static void signatures_have_a_limit(void **state)
{
    (void)state;
    request.count = RECOVERY_APPROVALS_MAX + 1;
    assert_fails(PS_E_LIMIT, recovery_evaluate(&request, &result));
}

static void officers_may_be_replaced(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *next = PEOPLE_ROSTER(
        {"amira"}, {"aron"}, {"bob", .role = "officer", .keys = {&people_second_keys[3]}}, {"eve"},
        {"rita"}, {"rolf"}, {"rosa"}, {"zack"});

    (void)state;
    assert_ok(recovery_check_change(usual, next));
    assert_ok(recovery_check_change(usual, usual));
}

static void nobody_else_may_be_changed(void **state)
{
    const struct people_entry before[] = {{"alice"}, {"amira"}, {"rita"}};
    const struct people_entry rows[][3] = {
        {{"alice"}, {"amira", .suspended = ",\"suspended\":true"}, {"rita"}},
        {{"alice"}, {"amira", .role = "officer", .keys = {&people_keys[1]}}, {"rita"}},
        {{"alice"}, {"amira"}, {"rita", .until = "2029-01-01T00:00:00Z"}},
        {{"alice"}, {"amira"}, {"rolf"}},
        {{"alice"}, {"rita"}, {"zack"}},
        {{"alice", .role = "auditor", .keys = {&people_keys[0]}}, {"amira"}, {"rita"}},
    };
    PS_CLEANUP(roster_free_cleanup) struct roster *present = people_roster(before, 3);
    PS_CLEANUP(roster_free_cleanup)
    struct roster *more = PEOPLE_ROSTER({"alice"}, {"amira"}, {"rita"}, {"zoe"});

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct roster *next = people_roster(rows[i], 3);

        assert_fails(PS_E_DENIED, recovery_check_change(present, next));
        roster_free(next);
    }
    assert_fails(PS_E_DENIED, recovery_check_change(present, more));
    assert_says("\"zoe\" (auditor)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(two_of_three_after_72_hours_are_ready, make_ready),
        cmocka_unit_test_setup(before_the_delay_it_waits, make_ready),
        cmocka_unit_test_setup(a_longer_delay_of_the_policy_is_waited_for, make_ready),
        cmocka_unit_test_setup(a_witness_has_to_have_seen_it, make_ready),
        cmocka_unit_test_setup(too_few_people_wait, make_ready),
        cmocka_unit_test_setup(who_was_suspended_meanwhile_does_not_count, make_ready),
        cmocka_unit_test_setup(one_officer_vetoes, make_ready),
        cmocka_unit_test_setup(a_veto_outlives_its_officer, make_ready),
        cmocka_unit_test_setup(signatures_have_a_limit, make_ready),
        cmocka_unit_test(officers_may_be_replaced),
        cmocka_unit_test(nobody_else_may_be_changed),
    };

    return cmocka_run_group_tests_name("recovery", tests, make_all, end_all);
}
