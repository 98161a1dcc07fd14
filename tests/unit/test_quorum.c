#include "tests/unit/people_support.h"

#include "lib/ceremony/people/quorum.h"

#define DOCUMENT "the document"

#define APPROVES(name) people_approval((name), APPROVAL_APPROVE, DOCUMENT)
#define REJECTS(name)  people_approval((name), APPROVAL_REJECT, DOCUMENT)
#define STATES(name)   people_approval((name), APPROVAL_STATEMENT, DOCUMENT)
#define APPROVALS(...)                                                                             \
    (const struct approval[]){__VA_ARGS__}, PS_COUNT_OF(((const struct approval[]){__VA_ARGS__}))

static struct policy policy;
static struct roster *usual;
static uint8_t document[PS_SHA256_LEN];
static struct quorum_result result;

static int make_all(void **state)
{
    (void)people_make(state);
    policy_set_defaults(&policy);
    usual = PEOPLE_ROSTER(PEOPLE_USUAL);
    ps_sha256(ps_bytes_str(DOCUMENT), document);
    return 0;
}

static int end_all(void **state)
{
    roster_free(usual);
    return people_end(state);
}

static struct quorum_request request_of(const struct roster *roster, enum policy_class class,
                                        const struct approval *approvals, size_t count)
{
    return (struct quorum_request){.roster = roster,
                                   .policy = &policy,
                                   .now_s = PEOPLE_NOW_S,
                                   .class = class,
                                   .requester = ps_bytes_str("alice"),
                                   .document = document,
                                   .approvals = approvals,
                                   .count = count};
}

/* alice asks. */
static enum quorum_state evaluate(const struct roster *roster, enum policy_class class,
                                  const struct approval *approvals, size_t count)
{
    const struct quorum_request request = request_of(roster, class, approvals, count);

    assert_ok(quorum_evaluate(&request, &result));
    return result.state;
}

#define assert_state(state, roster, class, ...)                                                    \
    assert_int_equal((state), evaluate((roster), (class), APPROVALS(__VA_ARGS__)))

static void two_officers_and_an_auditor_meet_class_a(void **state)
{
    (void)state;
    assert_state(QUORUM_MET, usual, POLICY_A, APPROVES("bob"), APPROVES("amira"),
                 APPROVES("carol"));
    assert_int_equal(result.officers, 2);
    assert_int_equal(result.auditors, 1);
    assert_string_equal(result.text, "quorum is met: two officers and one auditor");
}

static void too_few_are_told_who_is_missing(void **state)
{
    (void)state;
    assert_int_equal(evaluate(usual, POLICY_A, NULL, 0), QUORUM_WAITING);
    assert_string_equal(result.text,
                        "two officers and one auditor more, none of them the requester (alice)");
    assert_state(QUORUM_WAITING, usual, POLICY_A, APPROVES("bob"), APPROVES("carol"));
    assert_string_equal(result.text, "one auditor more, not the requester (alice)");
    assert_int_equal(result.officers_missing, 0);
    assert_int_equal(result.auditors_missing, 1);
    assert_int_equal(evaluate(usual, POLICY_C, NULL, 0), QUORUM_WAITING);
    assert_string_equal(result.text, "one officer more");
}

static void officers_do_not_stand_for_auditors_nor_the_other_way(void **state)
{
    (void)state;
    assert_state(QUORUM_WAITING, usual, POLICY_A, APPROVES("bob"), APPROVES("carol"),
                 APPROVES("dave"));
    assert_state(QUORUM_WAITING, usual, POLICY_A, APPROVES("bob"), APPROVES("amira"),
                 APPROVES("aron"));
    assert_state(QUORUM_WAITING, usual, POLICY_B, APPROVES("bob"), APPROVES("amira"));
    assert_int_equal(result.verdicts[1], QUORUM_OTHER_ROLE);
}

static void one_person_with_two_keys_counts_once(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster =
        PEOPLE_ROSTER({"alice"}, {"amira"},
                      {"bob", .role = "officer", .keys = {&people_keys[3], &people_second_keys[3]}},
                      {"carol"}, {"dave"});
    struct approval second = APPROVES("bob");

    (void)state;
    ps_sha256(ps_buf_bytes(&people_second_keys[3].blob), second.key);
    assert_state(QUORUM_WAITING, roster, POLICY_B, APPROVES("bob"), second);
    assert_int_equal(result.verdicts[0], QUORUM_COUNTED);
    assert_int_equal(result.verdicts[1], QUORUM_REPEATED);
    assert_state(QUORUM_MET, roster, POLICY_B, second, APPROVES("carol"));
}

static void the_requester_does_not_count_where_the_policy_says_so(void **state)
{
    (void)state;
    assert_state(QUORUM_WAITING, usual, POLICY_B, APPROVES("alice"), APPROVES("bob"));
    assert_int_equal(result.verdicts[0], QUORUM_REQUESTER);
    assert_state(QUORUM_WAITING, usual, POLICY_A, APPROVES("alice"), APPROVES("bob"),
                 APPROVES("amira"));
    policy.rules[POLICY_B].requester_counts = true;
    assert_state(QUORUM_MET, usual, POLICY_B, APPROVES("alice"), APPROVES("bob"));
    policy_set_defaults(&policy);
}

static void the_requester_may_be_the_one_of_class_c(void **state)
{
    (void)state;
    assert_state(QUORUM_MET, usual, POLICY_C, APPROVES("alice"));
    assert_state(QUORUM_MET, usual, POLICY_C, APPROVES("bob"));
    assert_state(QUORUM_WAITING, usual, POLICY_C, APPROVES("amira"));
    assert_state(QUORUM_MET, usual, POLICY_U, APPROVES("alice"), APPROVES("bob"));
}

static void nobody_is_needed_for_what_a_policy_does(void **state)
{
    struct quorum_request request = request_of(usual, POLICY_NOBODY, NULL, 0);

    (void)state;
    request.requester = ps_bytes(NULL, 0);
    assert_ok(quorum_evaluate(&request, &result));
    assert_int_equal(result.state, QUORUM_MET);
    request.class = POLICY_C;
    assert_fails(PS_E_DENIED, quorum_evaluate(&request, &result));
}

static void the_requester_is_a_person_who_is_valid_now(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster =
        PEOPLE_ROSTER({"alice", .suspended = ",\"suspended\":true"}, {"amira"}, {"bob"},
                      {"carol", .until = "2026-05-01T00:00:00Z"}, {"dave"}, {"rita"});
    static const char *const names[] = {"alice", "carol", "rita", "zoe", ""};
    struct quorum_request request = request_of(roster, POLICY_C, NULL, 0);

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        request.requester = ps_bytes_str(names[i]);
        assert_fails(PS_E_DENIED, quorum_evaluate(&request, &result));
    }
    request.requester = ps_bytes_str("amira");
    assert_ok(quorum_evaluate(&request, &result));
}

/* Of a cancellation: any officer, or who asked for what is cancelled; no stranger. */
static void who_asked_may_cancel_and_a_stranger_may_not(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"rita"});
    static const struct {
        const char *canceller;
        const char *approves;
        enum quorum_state state;
    } rows[] = {
        {"amira", "amira", QUORUM_MET},    {"amira", "aron", QUORUM_WAITING},
        {"amira", "bob", QUORUM_MET},      {"rita", "rita", QUORUM_MET},
        {"amira", "rita", QUORUM_WAITING}, {"", "amira", QUORUM_WAITING},
        {"bob", "alice", QUORUM_MET},      {"zoe", "zoe", QUORUM_WAITING},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct approval approval = APPROVES(rows[i].approves);
        struct quorum_request request = request_of(roster, POLICY_C, &approval, 1);

        request.canceller = ps_bytes_str(rows[i].canceller);
        assert_ok(quorum_evaluate(&request, &result));
        assert_int_equal(result.state, rows[i].state);
    }
}

static void who_asked_may_cancel_and_take_it_back(void **state)
{
    const struct approval both[] = {APPROVES("alice"), REJECTS("alice")};
    struct quorum_request request = request_of(usual, POLICY_C, both, 1);

    (void)state;
    request.canceller = ps_bytes_str("alice");
    policy.rules[POLICY_C].requester_counts = false;
    assert_ok(quorum_evaluate(&request, &result));
    assert_int_equal(result.state, QUORUM_MET);
    assert_string_equal(result.text, "quorum is met: alice asked for it");
    request.count = 2;
    assert_ok(quorum_evaluate(&request, &result));
    assert_int_equal(result.state, QUORUM_WAITING);
    policy_set_defaults(&policy);
    request.class = POLICY_B;
    assert_fails(PS_E_INPUT, quorum_evaluate(&request, &result));
}

static void a_recovery_person_cancels_what_they_asked_for_only(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER({"alice"}, {"bob"}, {"rita"});
    const struct approval approval = APPROVES("rita");
    struct quorum_request request = request_of(roster, POLICY_C, &approval, 1);

    (void)state;
    request.requester = ps_bytes_str("rita");
    request.canceller = ps_bytes_str("alice");
    assert_fails(PS_E_DENIED, quorum_evaluate(&request, &result));
    request.canceller = request.requester;
    assert_ok(quorum_evaluate(&request, &result));
    assert_int_equal(result.state, QUORUM_MET);
}

static void only_approvals_of_this_document_count(void **state)
{
    struct approval other = people_approval("bob", APPROVAL_APPROVE, "another document");

    (void)state;
    assert_state(QUORUM_WAITING, usual, POLICY_B, other, APPROVES("carol"));
    assert_int_equal(result.verdicts[0], QUORUM_OTHER_DOCUMENT);
    other = people_approval("bob", APPROVAL_REQUEST, DOCUMENT);
    assert_state(QUORUM_WAITING, usual, POLICY_B, other, APPROVES("carol"));
    assert_int_equal(result.verdicts[0], QUORUM_OTHER_KIND);
    assert_state(QUORUM_WAITING, usual, POLICY_B, STATES("bob"), APPROVES("carol"));
}

/* All approved; then, before it is executed, the roster changes. */
static void who_left_meanwhile_does_not_count(void **state)
{
    static const struct {
        struct people_entry bob;
        enum quorum_verdict verdict;
    } rows[] = {
        {{"bob"}, QUORUM_COUNTED},
        {{"bob", .suspended = ",\"suspended\":true"}, QUORUM_NOT_VALID},
        {{"bob", .until = "2026-05-01T00:00:00Z"}, QUORUM_NOT_VALID},
        {{"bob", .from = "2026-12-01T00:00:00Z"}, QUORUM_NOT_VALID},
        {{"bob", .role = "officer", .keys = {&people_second_keys[3]}}, QUORUM_OTHER_KEY},
        {{"bob", .role = "auditor", .keys = {&people_keys[3]}}, QUORUM_OTHER_ROLE},
        {{"eve"}, QUORUM_NOT_A_PERSON},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct people_entry entries[] = {{"alice"}, {"amira"}, rows[i].bob, {"carol"}, {"dave"}};
        struct roster *roster;

        if (strcmp(rows[i].bob.name, "eve") == 0) {
            entries[2] = (struct people_entry){"carol"};
            entries[3] = (struct people_entry){"dave"};
            entries[4] = (struct people_entry){"eve"};
        }
        roster = people_roster(entries, PS_COUNT_OF(entries));
        assert_state(i == 0 ? QUORUM_MET : QUORUM_WAITING, roster, POLICY_B, APPROVES("bob"),
                     APPROVES("carol"));
        assert_int_equal(result.verdicts[0], rows[i].verdict);
        roster_free(roster);
    }
}

static void a_policy_that_asks_for_more_is_asked_at_execution(void **state)
{
    (void)state;
    policy.rules[POLICY_B].officers = 3;
    assert_state(QUORUM_WAITING, usual, POLICY_B, APPROVES("bob"), APPROVES("carol"));
    policy_set_defaults(&policy);
}

/* No policy that policy_check lets through; and nothing is executed under it all the same. */
static void a_class_that_asks_for_nobody_is_refused(void **state)
{
    const struct quorum_request request = request_of(usual, POLICY_B, NULL, 0);

    (void)state;
    policy.rules[POLICY_B].officers = 0;
    assert_fails(PS_E_DENIED, quorum_evaluate(&request, &result));
    policy_set_defaults(&policy);
}

static void refusals_end_it_when_too_few_are_left(void **state)
{
    (void)state;
    assert_state(QUORUM_WAITING, usual, POLICY_B, REJECTS("bob"));
    assert_int_equal(result.verdicts[0], QUORUM_COUNTED_REJECTION);
    assert_state(QUORUM_REJECTED, usual, POLICY_B, REJECTS("bob"), REJECTS("carol"));
    assert_string_equal(result.text,
                        "two officers refused: quorum cannot be reached any more; needed: two "
                        "officers more, none of them the requester (alice); left: one officer");
    assert_state(QUORUM_REJECTED, usual, POLICY_A, REJECTS("amira"), REJECTS("aron"));
    assert_state(QUORUM_WAITING, usual, POLICY_A, REJECTS("amira"));
}

static void who_refused_does_not_count_in_whatever_order(void **state)
{
    (void)state;
    assert_state(QUORUM_WAITING, usual, POLICY_B, APPROVES("bob"), APPROVES("carol"),
                 REJECTS("bob"));
    assert_int_equal(result.verdicts[0], QUORUM_WITHDRAWN);
    assert_state(QUORUM_WAITING, usual, POLICY_B, REJECTS("bob"), APPROVES("bob"),
                 APPROVES("carol"));
    assert_state(QUORUM_WAITING, usual, POLICY_B, REJECTS("bob"), REJECTS("bob"));
    assert_int_equal(result.verdicts[1], QUORUM_REPEATED);
}

static void refusals_of_those_who_do_not_count_do_not_either(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster =
        PEOPLE_ROSTER({"alice"}, {"amira"}, {"bob"}, {"carol"}, {"dave"}, {"rita"});

    (void)state;
    assert_state(QUORUM_MET, roster, POLICY_B, REJECTS("alice"), REJECTS("amira"), REJECTS("rita"),
                 REJECTS("zack"), APPROVES("bob"), APPROVES("carol"));
}

static void a_roster_that_is_too_small_says_so(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER({"alice"}, {"amira"}, {"bob"});

    (void)state;
    assert_state(QUORUM_UNREACHABLE, roster, POLICY_B, APPROVES("bob"));
    assert_non_null(strstr(result.text, "cannot be reached"));
    assert_state(QUORUM_UNREACHABLE, roster, POLICY_B, REJECTS("bob"));
}

static void recovery_people_count_for_no_class(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster =
        PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"}, {"rita"}, {"rolf"});

    (void)state;
    assert_state(QUORUM_WAITING, roster, POLICY_B, APPROVES("rita"), APPROVES("rolf"));
    assert_int_equal(result.verdicts[0], QUORUM_OTHER_ROLE);
}

static void signatures_have_a_limit(void **state)
{
    static struct approval many[QUORUM_APPROVALS_MAX + 1];
    struct quorum_request request = request_of(usual, POLICY_B, many, QUORUM_APPROVALS_MAX);

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(many); i++) {
        many[i] = APPROVES(i == 0 ? "bob" : "carol");
    }
    assert_ok(quorum_evaluate(&request, &result));
    assert_int_equal(result.state, QUORUM_MET);
    assert_int_equal(result.verdicts[QUORUM_APPROVALS_MAX - 1], QUORUM_REPEATED);
    request.count++;
    assert_fails(PS_E_LIMIT, quorum_evaluate(&request, &result));
    assert_fails(PS_E_LIMIT, quorum_evaluate_all(&request, &result));
    assert_fails(PS_E_LIMIT, quorum_check_new_keys(&request, usual));
    request.class = POLICY_CLASS_COUNT;
    assert_fails(PS_E_INPUT, quorum_evaluate(&request, &result));
}

static void genesis_takes_everybody(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER({"alice"}, {"amira"}, {"rita"});
    const struct approval all[] = {APPROVES("rita"), APPROVES("amira"), APPROVES("alice"),
                                   REJECTS("alice")};
    struct quorum_request request = request_of(roster, POLICY_A, all, 3);

    (void)state;
    assert_ok(quorum_evaluate_all(&request, &result));
    assert_int_equal(result.state, QUORUM_MET);
    assert_string_equal(result.text, "everybody has approved");
    request.count = 2;
    assert_ok(quorum_evaluate_all(&request, &result));
    assert_int_equal(result.state, QUORUM_WAITING);
    assert_string_equal(result.text, "everybody has to approve; missing: alice");
    request.count = 4;
    assert_ok(quorum_evaluate_all(&request, &result));
    assert_int_equal(result.state, QUORUM_REJECTED);
    assert_string_equal(result.text, "everybody has to approve; missing: alice (refused)");
}

static void genesis_takes_only_people_who_can_approve(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster = PEOPLE_ROSTER({"alice"}, {"bob", .from = "2027-01-01T00:00:00Z"});
    PS_CLEANUP(roster_free_cleanup) struct roster *empty = NULL;
    struct quorum_request request = request_of(roster, POLICY_A, APPROVALS(APPROVES("alice")));

    (void)state;
    assert_ok(quorum_evaluate_all(&request, &result));
    assert_int_equal(result.state, QUORUM_UNREACHABLE);
    assert_string_equal(result.text, "everybody has to approve; missing: bob (not yet valid)");
    assert_ok(roster_new(&empty));
    request.roster = empty;
    assert_ok(quorum_evaluate_all(&request, &result));
    assert_int_equal(result.state, QUORUM_UNREACHABLE);
    assert_string_equal(result.text, "the roster is empty");
}

static void new_keys_are_shown_by_their_people(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *next = PEOPLE_ROSTER(
        {"alice", .role = "officer", .keys = {&people_keys[0], &people_second_keys[0]}}, {"amira"},
        {"aron"}, {"bob"}, {"carol"}, {"dave"}, {"eve"});
    struct approval statements[] = {STATES("eve"), STATES("alice")};
    struct quorum_request request = request_of(usual, POLICY_A, statements, 2);

    (void)state;
    ps_sha256(ps_buf_bytes(&people_second_keys[0].blob), statements[1].key);
    assert_ok(quorum_check_new_keys(&request, next));
    assert_ok(quorum_check_new_keys(&request, usual));
    request.count = 1;
    assert_fails(PS_E_DENIED, quorum_check_new_keys(&request, next));
    assert_says("\"alice\"");
    request.count = 2;
    statements[0].kind = APPROVAL_APPROVE;
    assert_fails(PS_E_DENIED, quorum_check_new_keys(&request, next));
    statements[0] = people_approval("eve", APPROVAL_STATEMENT, "another document");
    assert_fails(PS_E_DENIED, quorum_check_new_keys(&request, next));
    statements[0] = STATES("zack");
    assert_fails(PS_E_DENIED, quorum_check_new_keys(&request, next));
}

/* A key that moves to another person is new there. */
static void a_key_that_changes_hands_is_new(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *next = PEOPLE_ROSTER({"amira"}, {"aron"}, {"bob"}, {"carol"}, {"dave"},
                                        {"eve", .role = "officer", .keys = {&people_keys[0]}});
    struct quorum_request request = request_of(usual, POLICY_A, NULL, 0);

    (void)state;
    assert_fails(PS_E_DENIED, quorum_check_new_keys(&request, next));
}

static void every_verdict_has_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < QUORUM_VERDICT_COUNT; i++) {
        assert_non_null(quorum_verdict_text((enum quorum_verdict)i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_officers_and_an_auditor_meet_class_a),
        cmocka_unit_test(too_few_are_told_who_is_missing),
        cmocka_unit_test(officers_do_not_stand_for_auditors_nor_the_other_way),
        cmocka_unit_test(one_person_with_two_keys_counts_once),
        cmocka_unit_test(the_requester_does_not_count_where_the_policy_says_so),
        cmocka_unit_test(the_requester_may_be_the_one_of_class_c),
        cmocka_unit_test(nobody_is_needed_for_what_a_policy_does),
        cmocka_unit_test(the_requester_is_a_person_who_is_valid_now),
        cmocka_unit_test(who_asked_may_cancel_and_a_stranger_may_not),
        cmocka_unit_test(who_asked_may_cancel_and_take_it_back),
        cmocka_unit_test(a_recovery_person_cancels_what_they_asked_for_only),
        cmocka_unit_test(only_approvals_of_this_document_count),
        cmocka_unit_test(who_left_meanwhile_does_not_count),
        cmocka_unit_test(a_policy_that_asks_for_more_is_asked_at_execution),
        cmocka_unit_test(a_class_that_asks_for_nobody_is_refused),
        cmocka_unit_test(refusals_end_it_when_too_few_are_left),
        cmocka_unit_test(who_refused_does_not_count_in_whatever_order),
        cmocka_unit_test(refusals_of_those_who_do_not_count_do_not_either),
        cmocka_unit_test(a_roster_that_is_too_small_says_so),
        cmocka_unit_test(recovery_people_count_for_no_class),
        cmocka_unit_test(signatures_have_a_limit),
        cmocka_unit_test(genesis_takes_everybody),
        cmocka_unit_test(genesis_takes_only_people_who_can_approve),
        cmocka_unit_test(new_keys_are_shown_by_their_people),
        cmocka_unit_test(a_key_that_changes_hands_is_new),
        cmocka_unit_test(every_verdict_has_a_text),
    };

    return cmocka_run_group_tests_name("quorum", tests, make_all, end_all);
}
