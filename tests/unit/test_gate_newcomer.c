#include "tests/unit/people_support.h"

#include "lib/ceremony/waiting.h"
#include "tests/unit/operation_documents.h"

/*
 * What waits and changes people (waiting.h): zack replaces dave. By officers and auditors, or by
 * the recovery people; in each case he shows to have his key.
 */

#define ID "0123456789abcdef0123456789abcdef"

static struct policy policy;
static struct roster *usual;
static struct waiting *waiting;
static struct waiting_view view;
static struct quorum_result result;

static int make_all(void **state)
{
    (void)people_make(state);
    policy_set_defaults(&policy);
    usual = PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"}, {"rolf"}, {"rosa"});
    return 0;
}

static int end_all(void **state)
{
    roster_free(usual);
    return people_end(state);
}

/* That of tests/vectors, with other parameters. */
static void put_document(const char *requester, const char *quorum, struct ps_buf *out)
{
    const struct people_entry zack = {"zack"};
    PS_BUF_AUTO vector = {.max = OPERATION_DOCUMENT_MAX};
    const char *params;
    const char *rest;

    read_document("officer.replace", &vector);
    ps_buf_put_u8(&vector, 0);
    params = strstr((const char *)vector.data, "\"params\":");
    rest = strstr((const char *)vector.data, ",\"policy\":");
    assert_true(params != NULL && rest != NULL);
    ps_buf_put(out, ps_bytes(vector.data, (size_t)(params - (const char *)vector.data)));
    ps_buf_put_str(out, "\"params\":{\"entry\":");
    people_put_entry(&zack, out);
    ps_buf_printf(out, ",\"person\":\"dave\",\"quorum\":\"%s\"}%s", quorum, rest);
    replace(out, "\"requester\":\"bob\"", requester);
}

static void begin(const char *requester, const char *quorum)
{
    PS_BUF_AUTO document = {.max = OPERATION_DOCUMENT_MAX};

    put_document(requester, quorum, &document);
    assert_ok(waiting_new(ps_bytes_str(ID), ps_buf_bytes(&document), &waiting));
    view = (struct waiting_view){
        .roster = usual, .policy = &policy, .class = POLICY_A, .now_s = PEOPLE_NOW_S};
}

static int begin_officers(void **state)
{
    (void)state;
    begin("\"requester\":\"alice\"", "officers");
    return 0;
}

static int begin_recovery(void **state)
{
    (void)state;
    begin("\"requester\":\"rita\"", "recovery");
    return 0;
}

static int end(void **state)
{
    (void)state;
    waiting_free(waiting);
    waiting = NULL;
    return 0;
}

static enum ps_err sign_with(const struct ssh_test_key *key, const char *name,
                             enum approval_kind kind, const char *namespace)
{
    struct approval approval;
    PS_BUF_AUTO armored = {.max = WAITING_SIGNATURE_MAX};

    people_sign(key, namespace, waiting_document(waiting)->octets, 0, &armored);
    PS_TRY(
        waiting_check(waiting, &view, kind, ps_bytes_str(name), ps_buf_bytes(&armored), &approval));
    return waiting_add(waiting, &approval, view.now_s, ps_buf_bytes(&armored));
}

static enum ps_err sign(const char *name, enum approval_kind kind)
{
    return sign_with(&people_keys[people_place(name)], name, kind, approval_namespace(kind));
}

static enum waiting_state judge(void)
{
    enum waiting_state state;

    assert_ok(waiting_judge(waiting, &view, &state, &result));
    return state;
}

static bool says(const char *text)
{
    return strstr(result.text, text) != NULL;
}

static void approve_by_officers(void)
{
    assert_ok(sign("alice", APPROVAL_REQUEST));
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("carol", APPROVAL_APPROVE));
    assert_ok(sign("amira", APPROVAL_APPROVE));
}

static void without_a_statement_it_is_not_approved(void **state)
{
    (void)state;
    approve_by_officers();
    assert_int_equal(judge(), WAITING_OPEN);
    assert_true(says("\"zack\" has not shown to have the key SHA256:"));
    assert_ok(sign("zack", APPROVAL_STATEMENT));
    assert_int_equal(judge(), WAITING_APPROVED);
    assert_true(says("quorum is met"));
    assert_fails(PS_E_CONFLICT, sign("zack", APPROVAL_STATEMENT));
}

static void a_statement_alone_is_no_approval(void **state)
{
    (void)state;
    assert_fails(PS_E_STATE, sign("zack", APPROVAL_STATEMENT)); /* not asked for yet */
    assert_ok(sign("alice", APPROVAL_REQUEST));
    assert_ok(sign("zack", APPROVAL_STATEMENT));
    assert_int_equal(judge(), WAITING_OPEN);
    assert_fails(PS_E_DENIED, sign("zack", APPROVAL_APPROVE)); /* he is nobody yet */
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("carol", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_OPEN);
}

static void only_the_new_key_states_and_under_its_namespace(void **state)
{
    const char *const namespace = approval_namespace(APPROVAL_STATEMENT);

    (void)state;
    assert_ok(sign("alice", APPROVAL_REQUEST));
    assert_fails(PS_E_DENIED, sign("bob", APPROVAL_STATEMENT));
    assert_says("already");
    assert_fails(PS_E_DENIED, sign_with(&people_keys[people_place("bob")], "zack",
                                        APPROVAL_STATEMENT, namespace));
    assert_fails(PS_E_DENIED, sign_with(&people_keys[people_place("zoe")], "zack",
                                        APPROVAL_STATEMENT, namespace));
    assert_fails(PS_E_DENIED, sign_with(&people_keys[people_place("zack")], "zack",
                                        APPROVAL_STATEMENT, approval_namespace(APPROVAL_APPROVE)));
    assert_int_equal(waiting_count(waiting), 1);
}

static void what_the_roster_has_outgrown_is_not_approved(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *without = PEOPLE_ROSTER({"alice"}, {"amira"}, {"bob"}, {"carol"}, {"eve"});
    enum waiting_state waiting_state;

    (void)state;
    approve_by_officers();
    assert_ok(sign("zack", APPROVAL_STATEMENT));
    view.roster = without;
    assert_fails(PS_E_NOT_FOUND, waiting_judge(waiting, &view, &waiting_state, &result));
}

/* --- Recovery --- */

static void the_recovery_people_approve_a_recovery_and_nobody_else(void **state)
{
    (void)state;
    assert_ok(sign("rita", APPROVAL_REQUEST));
    assert_ok(sign("alice", APPROVAL_APPROVE));
    assert_ok(sign("bob", APPROVAL_APPROVE));
    assert_ok(sign("amira", APPROVAL_APPROVE));
    assert_ok(sign("zack", APPROVAL_STATEMENT));
    assert_int_equal(judge(), WAITING_OPEN);
    assert_true(says("two recovery people more"));
    assert_ok(sign("rita", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_OPEN);
    assert_ok(sign("rolf", APPROVAL_APPROVE));
    assert_int_equal(judge(), WAITING_APPROVED);
    assert_true(says("officers may veto"));
    assert_true(says("no witness is named"));
}

static void the_recovery_people_approve_nothing_else(void **state)
{
    (void)state;
    assert_ok(sign("alice", APPROVAL_REQUEST));
    assert_ok(sign("rita", APPROVAL_APPROVE));
    assert_ok(sign("rolf", APPROVAL_APPROVE));
    assert_ok(sign("rosa", APPROVAL_APPROVE));
    assert_ok(sign("zack", APPROVAL_STATEMENT));
    assert_int_equal(judge(), WAITING_OPEN);
    assert_true(says("two officers and one auditor more"));
}

static void any_officer_vetoes_a_recovery(void **state)
{
    (void)state;
    assert_ok(sign("rita", APPROVAL_REQUEST));
    assert_ok(sign("rita", APPROVAL_APPROVE));
    assert_ok(sign("rolf", APPROVAL_APPROVE));
    assert_ok(sign("zack", APPROVAL_STATEMENT));
    assert_ok(sign("amira", APPROVAL_REJECT));
    assert_ok(sign("rosa", APPROVAL_REJECT));
    assert_int_equal(judge(), WAITING_APPROVED);
    assert_ok(sign("dave", APPROVAL_REJECT));
    assert_int_equal(judge(), WAITING_REJECTED);
    assert_true(says("vetoed by the officer \"dave\""));
}

#define OF_OFFICERS(name) cmocka_unit_test_setup_teardown(name, begin_officers, end)
#define OF_RECOVERY(name) cmocka_unit_test_setup_teardown(name, begin_recovery, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF_OFFICERS(without_a_statement_it_is_not_approved),
        OF_OFFICERS(a_statement_alone_is_no_approval),
        OF_OFFICERS(only_the_new_key_states_and_under_its_namespace),
        OF_OFFICERS(what_the_roster_has_outgrown_is_not_approved),
        OF_RECOVERY(the_recovery_people_approve_a_recovery_and_nobody_else),
        OF_OFFICERS(the_recovery_people_approve_nothing_else),
        OF_RECOVERY(any_officer_vetoes_a_recovery),
    };

    return cmocka_run_group_tests(tests, make_all, end_all);
}
