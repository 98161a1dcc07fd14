#include "tests/unit/people_support.h"

#include "lib/ceremony/people/lockout.h"

#include "lib/base/clock.h"

static struct policy policy;
static struct lockout found;

static int make_all(void **state)
{
    policy_set_defaults(&policy);
    return people_make(state);
}

static enum ps_err check(struct roster *roster)
{
    const enum ps_err err = lockout_check(roster, &policy, PEOPLE_NOW_S, &found);

    roster_free(roster);
    return err;
}

#define assert_lockout(cause_, class_, name)                                                       \
    do {                                                                                           \
        assert_int_equal(found.cause, (cause_));                                                   \
        assert_int_equal(found.class, (class_));                                                   \
        assert_string_equal(found.person, (name));                                                 \
    } while (0)

static void four_officers_and_two_auditors_pass(void **state)
{
    (void)state;
    assert_ok(check(PEOPLE_ROSTER(PEOPLE_USUAL)));
    assert_lockout(LOCKOUT_NONE, POLICY_NOBODY, "");
}

static void three_officers_do_not(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"})));
    assert_lockout(LOCKOUT_LOSS, POLICY_A, "alice");
    assert_says("class A could be locked out: too few people are left without \"alice\"; at least "
                "four officers and two auditors are needed");
}

static void one_auditor_does_not(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"bob"}, {"carol"}, {"dave"})));
    assert_lockout(LOCKOUT_LOSS, POLICY_A, "amira");
}

static void nobody_at_all_is_locked_out(void **state)
{
    struct roster *roster = NULL;

    (void)state;
    assert_ok(roster_new(&roster));
    assert_fails(PS_E_DENIED, check(roster));
    assert_lockout(LOCKOUT_TOO_FEW, POLICY_A, "");
    assert_fails(PS_E_DENIED, check(PEOPLE_ROSTER({"alice"}, {"bob"}, {"carol"}, {"dave"})));
    assert_lockout(LOCKOUT_TOO_FEW, POLICY_A, "");
}

static void who_is_suspended_or_not_yet_there_is_not_relied_on(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"},
                                     {"dave", .suspended = ",\"suspended\":true"})));
    assert_lockout(LOCKOUT_LOSS, POLICY_A, "alice");
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"},
                                     {"dave", .from = "2026-06-01T00:00:00Z"})));
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"},
                                     {"dave", .until = "2026-05-01T00:00:00Z"})));
}

/* Two of four leave: three would still do, two would not. */
static enum ps_err check_ends(uint64_t carol_s, uint64_t dave_s)
{
    char carol[PS_TIME_MAX];
    char dave[PS_TIME_MAX];

    (void)ps_time_format(carol_s * PS_NS_PER_S, 0, carol);
    (void)ps_time_format(dave_s * PS_NS_PER_S, 0, dave);
    return check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol", .until = carol},
                               {"dave", .until = dave}));
}

static void ends_within_thirty_days_count(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, check_ends(PEOPLE_NOW_S + 100, PEOPLE_NOW_S + 200));
    assert_lockout(LOCKOUT_EXPIRY, POLICY_A, "dave");
    assert_says("at least three officers and one auditor");
    assert_fails(PS_E_DENIED, check_ends(PEOPLE_NOW_S + 100, PEOPLE_NOW_S + LOCKOUT_EXPIRY_S));
    assert_lockout(LOCKOUT_EXPIRY, POLICY_A, "dave");
    assert_ok(check_ends(PEOPLE_NOW_S + 100, PEOPLE_NOW_S + LOCKOUT_EXPIRY_S + 1));
    assert_fails(PS_E_DENIED, check_ends(PEOPLE_NOW_S + 1, PEOPLE_NOW_S + 1));
}

static void who_comes_before_others_end_is_relied_on(void **state)
{
    (void)state;
    assert_ok(check(PEOPLE_ROSTER(
        {"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol", .until = "2026-06-10T00:00:00Z"},
        {"dave", .until = "2026-06-12T00:00:00Z"}, {"eve", .from = "2026-06-11T00:00:00Z"})));
}

static void every_class_is_looked_at(void **state)
{
    static const struct {
        enum policy_class class;
        struct policy_rule rule;
    } rows[] = {
        {POLICY_A, {.officers = 3}},
        {POLICY_A, {.officers = 2, .auditors = 2}},
        {POLICY_B, {.officers = 3}},
        {POLICY_B, {.officers = 1, .auditors = 2, .requester_counts = true}},
        {POLICY_C, {.officers = 4, .requester_counts = true}},
        {POLICY_C, {.officers = 3, .requester_counts = false}},
        {POLICY_U, {.officers = 4, .requester_counts = true}},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        policy.rules[rows[i].class] = rows[i].rule;
        assert_fails(PS_E_DENIED, check(PEOPLE_ROSTER(PEOPLE_USUAL)));
        assert_int_equal(found.class, rows[i].class);
        policy_set_defaults(&policy);
    }
    policy.rules[POLICY_B] = (struct policy_rule){.officers = 3, .requester_counts = true};
    assert_ok(check(PEOPLE_ROSTER(PEOPLE_USUAL)));
    policy_set_defaults(&policy);
}

static void the_worst_cause_of_all_classes_is_told(void **state)
{
    (void)state;
    policy.rules[POLICY_U].officers = 5;
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"bob"}, {"carol"}, {"dave"})));
    assert_lockout(LOCKOUT_TOO_FEW, POLICY_U, "");
    policy_set_defaults(&policy);
}

/* Auditors may ask, but a policy does not rest on it. */
static void an_officer_is_kept_free_to_ask(void **state)
{
    (void)state;
    policy.rules[POLICY_A] = (struct policy_rule){.officers = 2, .auditors = 0};
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"})));
    policy_set_defaults(&policy);
}

static void recovery_people_are_none_or_enough(void **state)
{
    (void)state;
    assert_ok(check(PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"}, {"rolf"}, {"rosa"})));
    assert_fails(PS_E_DENIED, check(PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"}, {"rolf"})));
    assert_lockout(LOCKOUT_LOSS, POLICY_NOBODY, "rita");
    assert_says("recovery could be locked out");
    assert_fails(PS_E_DENIED, check(PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"})));
    assert_lockout(LOCKOUT_TOO_FEW, POLICY_NOBODY, "");
    assert_fails(PS_E_DENIED,
                 check(PEOPLE_ROSTER(PEOPLE_USUAL, {"rita", .suspended = ",\"suspended\":true"})));
}

/* A policy that names another application silences everyone whose hardware key is of the old one.
 */
static void keys_that_the_policy_refuses_are_not_relied_on(void **state)
{
    struct ssh_test_key hardware = ssh_test_key(SSH_KEY_SK_ED25519, "ssh:");
    const struct people_entry entries[] = {
        {"alice"}, {"amira"}, {"aron"},
        {"bob"},   {"carol"}, {.name = "dave", .role = "officer", .keys = {&hardware}}};
    const struct people_entry two_keys[] = {
        {"alice"},
        {"amira"},
        {"aron"},
        {"bob"},
        {"carol"},
        {.name = "dave", .role = "officer", .keys = {&hardware, &people_second_keys[5]}}};

    (void)state;
    assert_ok(check(people_roster(entries, PS_COUNT_OF(entries))));
    (void)snprintf(policy.sk_application, sizeof policy.sk_application, "ssh:new");
    assert_fails(PS_E_DENIED, check(people_roster(entries, PS_COUNT_OF(entries))));
    assert_lockout(LOCKOUT_LOSS, POLICY_A, "alice");
    assert_ok(check(people_roster(two_keys, PS_COUNT_OF(two_keys))));
    policy_set_defaults(&policy);
    ssh_test_key_clear(&hardware);
}

static void the_result_may_be_left_out(void **state)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = PEOPLE_ROSTER({"alice"});

    (void)state;
    assert_fails(PS_E_DENIED, lockout_check(roster, &policy, PEOPLE_NOW_S, NULL));
}

/* --- Changes --- */

static enum ps_err check_change(struct roster *present, struct roster *next)
{
    const enum ps_err err = lockout_check_change(present, next, &policy, PEOPLE_NOW_S);

    roster_free(present);
    roster_free(next);
    return err;
}

#define SOON "2026-06-10T00:00:00Z" /* within 30 days */
#define SHORT                                                                                      \
    {"alice", .until = SOON}, {"amira"}, {"aron"}, {"bob", .until = SOON},                         \
    {                                                                                              \
        "carol", .until = SOON                                                                     \
    }

static void what_is_short_already_is_mended_person_by_person(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, check(PEOPLE_ROSTER(SHORT)));
    assert_fails(PS_E_DENIED, check(PEOPLE_ROSTER(SHORT, {"zack"})));
    assert_ok(check_change(PEOPLE_ROSTER(SHORT), PEOPLE_ROSTER(SHORT, {"zack"})));
    assert_ok(check_change(PEOPLE_ROSTER(SHORT),
                           PEOPLE_ROSTER({"alice", .until = SOON}, {"amira"}, {"aron"}, {"bob"},
                                         {"carol", .until = SOON})));
    assert_ok(check_change(PEOPLE_ROSTER(SHORT, {"dave", .suspended = ",\"suspended\":true"}),
                           PEOPLE_ROSTER(SHORT)));
    assert_ok(check_change(PEOPLE_ROSTER(PEOPLE_USUAL), PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"})));
}

static void what_takes_somebody_away_is_held_to_all_of_it(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, check_change(PEOPLE_ROSTER(SHORT, {"dave"}), PEOPLE_ROSTER(SHORT)));
    assert_fails(PS_E_DENIED,
                 check_change(PEOPLE_ROSTER(SHORT, {"dave"}),
                              PEOPLE_ROSTER(SHORT, {"dave", .until = "2026-06-11T00:00:00Z"})));
    assert_fails(PS_E_DENIED,
                 check_change(PEOPLE_ROSTER(SHORT, {"dave"}),
                              PEOPLE_ROSTER(SHORT, {"zack", .from = "2026-06-01T00:00:00Z"})));
    assert_ok(check_change(PEOPLE_ROSTER(PEOPLE_USUAL, {"eve"}), PEOPLE_ROSTER(PEOPLE_USUAL)));
}

static void who_comes_soon_is_counted_on_and_in_no_other_role(void **state)
{
    (void)state;
    /* Within 30 days. */
    assert_fails(PS_E_DENIED,
                 check_change(PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"},
                                            {"dave", .from = SOON}),
                              PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob"}, {"carol"})));
    /* Somebody of another role is no substitute. */
    assert_fails(PS_E_DENIED,
                 check_change(PEOPLE_ROSTER(SHORT, {"dave"}), PEOPLE_ROSTER(SHORT, {"zoe"})));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_officers_and_two_auditors_pass),
        cmocka_unit_test(three_officers_do_not),
        cmocka_unit_test(one_auditor_does_not),
        cmocka_unit_test(nobody_at_all_is_locked_out),
        cmocka_unit_test(who_is_suspended_or_not_yet_there_is_not_relied_on),
        cmocka_unit_test(ends_within_thirty_days_count),
        cmocka_unit_test(who_comes_before_others_end_is_relied_on),
        cmocka_unit_test(every_class_is_looked_at),
        cmocka_unit_test(the_worst_cause_of_all_classes_is_told),
        cmocka_unit_test(an_officer_is_kept_free_to_ask),
        cmocka_unit_test(recovery_people_are_none_or_enough),
        cmocka_unit_test(keys_that_the_policy_refuses_are_not_relied_on),
        cmocka_unit_test(the_result_may_be_left_out),
        cmocka_unit_test(what_is_short_already_is_mended_person_by_person),
        cmocka_unit_test(what_takes_somebody_away_is_held_to_all_of_it),
        cmocka_unit_test(who_comes_soon_is_counted_on_and_in_no_other_role),
    };

    return cmocka_run_group_tests_name("lockout", tests, make_all, people_end);
}
