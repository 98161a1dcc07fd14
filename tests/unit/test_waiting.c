#include "tests/unit/people_support.h"

#include "lib/ceremony/waiting.h"
#include "tests/unit/operation_documents.h"

/* An operation of class B that alice asked for; alice, bob, carol, dave are officers. */

#define ID "0123456789abcdef0123456789abcdef"

static struct policy policy;
static struct roster *usual;
static struct ps_buf document = {.max = OPERATION_DOCUMENT_MAX};
static struct waiting *waiting;
static struct waiting_view view;

static int make_all(void **state)
{
    (void)people_make(state);
    policy_set_defaults(&policy);
    usual = PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"});
    read_document("key.create", &document);
    replace(&document, "\"requester\":\"\"", "\"requester\":\"alice\"");
    return 0;
}

static int end_all(void **state)
{
    roster_free(usual);
    ps_buf_clear(&document);
    return people_end(state);
}

static int begin(void **state)
{
    (void)state;
    assert_ok(waiting_new(ps_bytes_str(ID), ps_buf_bytes(&document), &waiting));
    view = (struct waiting_view){
        .roster = usual, .policy = &policy, .class = POLICY_B, .now_s = PEOPLE_NOW_S};
    return 0;
}

static int end(void **state)
{
    (void)state;
    waiting_free(waiting);
    waiting = NULL;
    return 0;
}

/* The person's signature under the namespace of the kind, over these octets. */
static enum ps_err sign_octets(const char *name, enum approval_kind kind, struct ps_bytes octets)
{
    struct approval approval;
    PS_BUF_AUTO armored = {.max = WAITING_SIGNATURE_MAX};

    people_sign(&people_keys[people_place(name)], approval_namespace(kind), octets, 0, &armored);
    PS_TRY(
        waiting_check(waiting, &view, kind, ps_bytes_str(name), ps_buf_bytes(&armored), &approval));
    return waiting_add(waiting, &approval, view.now_s, ps_buf_bytes(&armored));
}

static enum ps_err sign(const char *name, enum approval_kind kind)
{
    return sign_octets(name, kind, ps_buf_bytes(&document));
}

static enum waiting_state judge(void)
{
    struct quorum_result result;
    enum waiting_state state;

    assert_ok(waiting_judge(waiting, &view, &state, &result));
    return state;
}

static void ask(void)
{
    assert_ok(sign("alice", APPROVAL_REQUEST));
    assert_int_equal(judge(), WAITING_OPEN);
}

/* As after a start, when signatures come from the log and nobody has looked at them yet. */
static void a_request_by_another_than_the_requester_asks_for_nothing(void **state)
{
    const struct approval approval = people_approval("bob", APPROVAL_REQUEST, "");
    PS_BUF_AUTO armored = {.max = WAITING_SIGNATURE_MAX};

    (void)state;
    people_sign(&people_keys[people_place("bob")], approval_namespace(APPROVAL_REQUEST),
                ps_buf_bytes(&document), 0, &armored);
    assert_ok(waiting_add(waiting, &approval, view.now_s, ps_buf_bytes(&armored)));
    assert_int_equal(judge(), WAITING_DRAFT);
    assert_fails(PS_E_STATE, sign("carol", APPROVAL_APPROVE));
    ask();
}

static void an_operation_goes_from_draft_to_approved(void **state)
{
    (void)state;
    assert_string_equal(waiting_id(waiting), ID);
    assert_int_equal(judge(), WAITING_DRAFT);
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_OPEN);
    assert_ok(sign("carol", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_APPROVED);
    assert_int_equal(waiting_count(waiting), 3);
    assert_string_equal(waiting_at(waiting, 2)->approval.person, "carol");
    assert_null(waiting_at(waiting, 3));
}

static void ids_are_32_lower_case_digits(void **state)
{
    static const char *const wrong[] = {"", "0123456789abcdef0123456789abcde", ID "0",
                                        "0123456789ABCDEF0123456789abcdef",
                                        "0123456789abcdeg0123456789abcdef"};
    struct waiting *none = NULL;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT,
                     waiting_new(ps_bytes_str(wrong[i]), ps_buf_bytes(&document), &none));
        assert_null(none);
    }
}

static void a_document_has_to_be_one_and_to_fit(void **state)
{
    static const uint8_t octets[OPERATION_DOCUMENT_MAX + 1];
    struct waiting *none = NULL;

    (void)state;
    assert_fails(PS_E_INPUT, waiting_new(ps_bytes_str(ID), ps_bytes_str("{}"), &none));
    assert_fails(PS_E_INPUT, waiting_new(ps_bytes_str(ID), ps_bytes(NULL, 0), &none));
    assert_fails(PS_E_LIMIT, waiting_new(ps_bytes_str(ID), ps_bytes(octets, sizeof octets), &none));
    assert_null(none);
}

static void nobody_approves_before_it_was_asked_for(void **state)
{
    (void)state;
    assert_fails(PS_E_STATE, sign("bob", APPROVAL_APPROVE));
    assert_fails(PS_E_STATE, sign("bob", APPROVAL_REJECT));
    assert_fails(PS_E_DENIED, sign("bob", APPROVAL_REQUEST));
    ask();
    assert_fails(PS_E_STATE, sign("alice", APPROVAL_REQUEST));
}

static void a_signature_counts_for_its_document_and_kind_alone(void **state)
{
    PS_BUF_AUTO other = {.max = OPERATION_DOCUMENT_MAX};

    (void)state;
    ps_buf_put(&other, ps_buf_bytes(&document));
    replace(&other, "esignet.idtoken", "esignet.1dtoken");
    ask();
    assert_fails(PS_E_DENIED, sign_octets("bob", APPROVAL_APPROVE, ps_buf_bytes(&other)));
    for (enum approval_kind kind = 0; kind < APPROVAL_KIND_COUNT; kind++) {
        struct approval approval;
        PS_BUF_AUTO armored = {.max = WAITING_SIGNATURE_MAX};

        people_sign(&people_keys[people_place("bob")], approval_namespace(kind),
                    ps_buf_bytes(&document), 0, &armored);
        assert_int_equal(waiting_check(waiting, &view, APPROVAL_APPROVE, ps_bytes_str("bob"),
                                       ps_buf_bytes(&armored), &approval) == PS_OK,
                         kind == APPROVAL_APPROVE);
    }
    assert_int_equal(waiting_count(waiting), 1);
}

static void a_signature_is_taken_once(void **state)
{
    const struct waiting_signature *first;

    (void)state;
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_fails(PS_E_CONFLICT, sign("bob", APPROVAL_APPROVE));
    first = waiting_at(waiting, 1);
    assert_fails(PS_E_CONFLICT, waiting_add(waiting, &first->approval, first->time_s,
                                            ps_buf_bytes(&first->armored)));
    assert_int_equal(waiting_count(waiting), 2);
    assert_int_equal(judge(), WAITING_OPEN);
}

static void neither_the_requester_nor_an_auditor_counts_in_class_b(void **state)
{
    (void)state;
    ask();
    assert_ok(sign("alice", APPROVAL_APPROVE));
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("amira", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_OPEN);
}

static void class_a_wants_an_auditor(void **state)
{
    (void)state;
    view.class = POLICY_A;
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("carol", APPROVAL_APPROVE));
    assert_ok(sign("dave", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_OPEN);
    assert_ok(sign("amira", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_APPROVED);
}

static void who_refused_does_not_count_whatever_else_they_signed(void **state)
{
    (void)state;
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("carol", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_APPROVED);
    assert_ok(sign("bob", APPROVAL_REJECT));
    assert_int_equal(judge(), WAITING_OPEN);
    assert_ok(sign("carol", APPROVAL_REJECT));
    assert_int_equal(judge(), WAITING_REJECTED);
}

static void whoever_is_removed_counts_no_more(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *without = PEOPLE_ROSTER({"alice"}, {"amira"}, {"bob"}, {"dave"});
    PS_CLEANUP(roster_free_cleanup)
    struct roster *other_key = PEOPLE_ROSTER(
        {"alice"}, {"bob"},
        {"carol", .role = "officer", .keys = {&people_second_keys[people_place("carol")]}},
        {"dave"});

    (void)state;
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("carol", APPROVAL_APPROVE));
    view.roster = without;
    assert_int_equal(judge(), WAITING_OPEN);
    view.roster = other_key;
    assert_int_equal(judge(), WAITING_OPEN);
    view.roster = usual;
    assert_int_equal(judge(), WAITING_APPROVED);
    view.now_s = UINT64_C(1900000000); /* all of them have expired */
    assert_fails(PS_E_DENIED, waiting_judge(waiting, &view, &(enum waiting_state){WAITING_OPEN},
                                            &(struct quorum_result){.text = ""}));
}

static void a_suspended_requester_ends_it(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *roster =
        PEOPLE_ROSTER({"alice", .suspended = ",\"suspended\":true"}, {"bob"}, {"carol"}, {"dave"});

    (void)state;
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("carol", APPROVAL_APPROVE));
    view.roster = roster;
    assert_fails(PS_E_DENIED, waiting_judge(waiting, &view, &(enum waiting_state){WAITING_OPEN},
                                            &(struct quorum_result){.text = ""}));
}

static void everybody_signs_a_genesis_and_nobody_asks(void **state)
{
    static const char *const names[] = {"alice", "amira", "aron", "bob", "carol", "dave"};

    (void)state;
    view.is_genesis = true;
    assert_int_equal(judge(), WAITING_OPEN);
    assert_fails(PS_E_STATE, sign("alice", APPROVAL_REQUEST));
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        assert_ok(sign(names[i], APPROVAL_APPROVE));
        assert_int_equal(judge(), WAITING_OPEN);
    }
    assert_ok(sign("rita", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_APPROVED);
}

/* A key that is in the roster has nothing to show, and takes no place of those that have. */
static void a_statement_is_by_a_new_key_alone(void **state)
{
    PS_BUF_AUTO enrolment = {.max = OPERATION_DOCUMENT_MAX};

    (void)state;
    read_document("officer.enrol", &enrolment);
    replace(&enrolment, "\"person\":\"carol\"", "\"person\":\"zoe\"");
    waiting_free(waiting);
    assert_ok(waiting_new(ps_bytes_str(ID), ps_buf_bytes(&enrolment), &waiting));
    assert_ok(sign_octets("bob", APPROVAL_REQUEST, ps_buf_bytes(&enrolment)));
    assert_fails(PS_E_DENIED, sign_octets("bob", APPROVAL_STATEMENT, ps_buf_bytes(&enrolment)));
    assert_int_equal(waiting_count(waiting), 1);
}

static void so_many_signatures_are_taken_and_no_more(void **state)
{
    struct approval approval = {.kind = APPROVAL_APPROVE};
    static const uint8_t octets[WAITING_SIGNATURE_MAX + 1];
    PS_BUF_AUTO armored = {.max = WAITING_SIGNATURE_MAX};

    (void)state;
    people_sign(&people_keys[people_place("bob")], approval_namespace(APPROVAL_APPROVE),
                ps_buf_bytes(&document), 0, &armored);
    ask();
    assert_fails(PS_E_LIMIT, waiting_check(waiting, &view, APPROVAL_APPROVE, ps_bytes_str("bob"),
                                           ps_bytes(octets, sizeof octets), &approval));
    assert_fails(PS_E_LIMIT, waiting_add(waiting, &approval, 0, ps_bytes(octets, sizeof octets)));
    for (size_t i = waiting_count(waiting); i < WAITING_SIGNATURES; i++) {
        (void)snprintf(approval.person, sizeof approval.person, "person-%zu", i);
        assert_ok(waiting_add(waiting, &approval, 0, ps_buf_bytes(&armored)));
    }
    assert_fails(PS_E_LIMIT, sign("bob", APPROVAL_APPROVE));
    (void)snprintf(approval.person, sizeof approval.person, "one-more");
    assert_fails(PS_E_LIMIT, waiting_add(waiting, &approval, 0, ps_bytes_str("x")));
    /* What was never verified does not count, however often it stands there. */
    assert_int_equal(judge(), WAITING_OPEN);
}

static const char *verdict_at(size_t index)
{
    return waiting_verdict_text(waiting_at(waiting, index));
}

static void each_signature_says_what_became_of_it(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *without = PEOPLE_ROSTER({"alice"}, {"carol"}, {"dave"});

    (void)state;
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("alice", APPROVAL_APPROVE));
    (void)judge();
    assert_string_equal(verdict_at(0), "asks for it");
    assert_string_equal(verdict_at(1), quorum_verdict_text(QUORUM_COUNTED));
    assert_string_equal(verdict_at(2), quorum_verdict_text(QUORUM_REQUESTER));
    view.roster = without;
    (void)judge();
    assert_non_null(strstr(verdict_at(1), "not by a key"));
    view.now_s = UINT64_C(1900000000); /* the requester has expired */
    assert_fails(PS_E_DENIED, waiting_judge(waiting, &view, &(enum waiting_state){WAITING_OPEN},
                                            &(struct quorum_result){.text = ""}));
    assert_string_not_equal(verdict_at(2), quorum_verdict_text(QUORUM_COUNTED));
}

/* At a start: what is known to be theirs counts for as long as they are valid, and no longer. */
static void recalled_it_is_verified_once_and_its_person_each_time(void **state)
{
    (void)state;
    ask();
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("carol", APPROVAL_APPROVE));
    view.recall = 1;
    assert_int_equal(judge(), WAITING_APPROVED);
    assert_int_equal(waiting_at(waiting, 1)->recall, 1);
    assert_int_equal(judge(), WAITING_APPROVED);
    view.now_s = UINT64_C(1900000000); /* all of them have expired */
    assert_fails(PS_E_DENIED, waiting_judge(waiting, &view, &(enum waiting_state){WAITING_OPEN},
                                            &(struct quorum_result){.text = ""}));
    assert_int_equal(waiting_at(waiting, 1)->recall, 0);
    assert_false(waiting_at(waiting, 1)->is_verified);
    /* Afterwards nothing that was verified once counts. */
    view.recall = 0;
    assert_fails(PS_E_DENIED, waiting_judge(waiting, &view, &(enum waiting_state){WAITING_OPEN},
                                            &(struct quorum_result){.text = ""}));
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(waiting_state_name(WAITING_DRAFT), "draft");
    assert_string_equal(waiting_state_name(WAITING_REJECTED), "rejected");
    assert_null(waiting_state_name(WAITING_STATE_COUNT));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_operation_goes_from_draft_to_approved),
        TEST(a_request_by_another_than_the_requester_asks_for_nothing),
        TEST(ids_are_32_lower_case_digits),
        TEST(a_document_has_to_be_one_and_to_fit),
        TEST(nobody_approves_before_it_was_asked_for),
        TEST(a_signature_counts_for_its_document_and_kind_alone),
        TEST(a_signature_is_taken_once),
        TEST(neither_the_requester_nor_an_auditor_counts_in_class_b),
        TEST(class_a_wants_an_auditor),
        TEST(who_refused_does_not_count_whatever_else_they_signed),
        TEST(whoever_is_removed_counts_no_more),
        TEST(a_suspended_requester_ends_it),
        TEST(everybody_signs_a_genesis_and_nobody_asks),
        TEST(a_statement_is_by_a_new_key_alone),
        TEST(so_many_signatures_are_taken_and_no_more),
        TEST(each_signature_says_what_became_of_it),
        TEST(recalled_it_is_verified_once_and_its_person_each_time),
        TEST(states_have_names),
    };

    return cmocka_run_group_tests(tests, make_all, end_all);
}
