#include "tests/unit/people_support.h"

#include "lib/ceremony/people/people_change.h"

#define DAY_S 86400u

static struct policy policy;
static struct roster *present;

static int make_all(void **state)
{
    (void)people_make(state);
    policy_set_defaults(&policy);
    present = PEOPLE_ROSTER(PEOPLE_USUAL, {"eve", .suspended = ",\"suspended\":true"}, {"rita"},
                            {"rolf"}, {"rosa"});
    return 0;
}

static int end_all(void **state)
{
    roster_free(present);
    return people_end(state);
}

/* --- Parameters --- */

/* Valid until the next one is made. */
static struct people_change change(const char *type, struct ps_bytes params)
{
    static struct json *json;
    struct people_change made = {.type = operation_type_info_find(ps_bytes_str(type))};

    if (json == NULL) {
        assert_ok(json_new(&json));
    }
    assert_non_null(made.type);
    assert_ok(json_parse(json, params, &JSON_LIMITS_REQUEST, &made.params));
    return made;
}

static struct people_change change_entry(const char *type, const char *members,
                                         const struct people_entry *entry)
{
    PS_BUF_AUTO text = {.max = 65536};
    static struct ps_buf kept = {.max = 65536};

    ps_buf_put_str(&text, "{\"entry\":");
    people_put_entry(entry, &text);
    ps_buf_printf(&text, "%s}", members);
    ps_buf_reset(&kept);
    ps_buf_put(&kept, ps_buf_bytes(&text));
    return change(type, ps_buf_bytes(&kept));
}

static struct people_change change_person(const char *type, const char *name)
{
    static char text[200];

    (void)snprintf(text, sizeof text, "{\"person\":\"%s\"}", name);
    return change(type, ps_bytes_str(text));
}

static struct people_change change_policy(const struct policy *next)
{
    static struct ps_buf text = {.max = 2 * POLICY_OCTETS_MAX};

    ps_buf_reset(&text);
    ps_buf_put_str(&text, "{\"policy\":");
    policy_put(next, &text);
    ps_buf_put_u8(&text, '}');
    return change("policy.change", ps_buf_bytes(&text));
}

#define ZACK     (&(const struct people_entry){"zack"})
#define RECOVERY ",\"person\":\"dave\",\"quorum\":\"recovery\""
#define OFFICERS ",\"person\":\"dave\",\"quorum\":\"officers\""

static enum ps_err check_with(const struct people_change *made, const struct roster *roster,
                              bool is_practice)
{
    const struct people_present now = {
        .roster = roster, .policy = &policy, .is_practice = is_practice, .now_s = PEOPLE_NOW_S};

    return people_change_check(made, &now);
}

static enum ps_err check(struct people_change made)
{
    return check_with(&made, present, false);
}

static struct roster *after(struct people_change made)
{
    struct roster *next = NULL;

    assert_ok(people_change_roster(&made, present, &next));
    return next;
}

static const struct person *find(const struct roster *roster, const char *name)
{
    return roster_find(roster, ps_bytes_str(name));
}

/* --- What they make of the roster --- */

static void each_type_changes_one_person(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *enrolled = after(change_entry("officer.enrol", "", ZACK));
    PS_CLEANUP(roster_free_cleanup)
    struct roster *removed = after(change_person("officer.remove", "dave"));
    PS_CLEANUP(roster_free_cleanup)
    struct roster *replaced = after(change_entry("officer.replace", OFFICERS, ZACK));
    PS_CLEANUP(roster_free_cleanup)
    struct roster *suspended = after(change_person("officer.suspend", "dave"));
    PS_CLEANUP(roster_free_cleanup)
    struct roster *resumed = after(change_person("officer.resume", "eve"));

    (void)state;
    assert_non_null(find(enrolled, "zack"));
    assert_int_equal(roster_count(enrolled), roster_count(present) + 1);
    assert_null(find(removed, "dave"));
    assert_int_equal(roster_count(removed), roster_count(present) - 1);
    assert_non_null(find(replaced, "zack"));
    assert_null(find(replaced, "dave"));
    assert_true(find(suspended, "dave")->is_suspended);
    assert_false(find(resumed, "eve")->is_suspended);
    assert_false(find(present, "dave")->is_suspended); /* the present one is as it was */
}

static void a_change_of_the_policy_changes_nobody(void **state)
{
    struct policy next = policy;
    struct policy made;
    struct people_change put;
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;

    (void)state;
    next.epoch++;
    put = change_policy(&next);
    assert_ok(people_change_roster(&put, present, &roster));
    assert_int_equal(roster_count(roster), roster_count(present));
    assert_ok(people_change_policy(&put, &policy, &made));
    assert_true(made.epoch == next.epoch);
    put = change_person("officer.remove", "dave");
    assert_ok(people_change_policy(&put, &policy, &made));
    assert_true(made.epoch == policy.epoch);
}

static void what_does_not_fit_the_roster_is_an_error(void **state)
{
    const struct people_entry bobs_key = {
        .name = "zack", .role = "officer", .keys = {&people_keys[people_place("bob")]}};

    (void)state;
    assert_fails(PS_E_CONFLICT,
                 check(change_entry("officer.enrol", "", &(const struct people_entry){"alice"})));
    assert_fails(PS_E_INPUT, check(change_entry("officer.enrol", "", &bobs_key)));
    assert_fails(PS_E_INPUT, check(change_entry("officer.replace", OFFICERS, &bobs_key)));
    assert_fails(PS_E_NOT_FOUND, check(change_person("officer.remove", "zack")));
    assert_fails(PS_E_NOT_FOUND, check(change_person("officer.suspend", "zack")));
    assert_fails(PS_E_STATE, check(change_person("officer.suspend", "eve")));
    assert_says("suspended already");
    assert_fails(PS_E_STATE, check(change_person("officer.resume", "dave")));
}

static void parameters_of_other_types_are_an_error(void **state)
{
    static const char *const types[] = {"officer.enrol",  "officer.remove",  "officer.replace",
                                        "officer.resume", "officer.suspend", "policy.change"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        assert_true(people_change_has_type(operation_type_info_find(ps_bytes_str(types[i]))));
        assert_fails(PS_E_INPUT, check(change(types[i], ps_bytes_str("{}"))));
    }
    assert_false(people_change_has_type(operation_type_info_find(ps_bytes_str("key.create"))));
    assert_false(people_change_has_type(operation_type_info_find(ps_bytes_str("genesis"))));
    assert_fails(PS_E_INPUT, check(change_person("key.create", "dave")));
}

/* --- Whether they may be --- */

static void a_roster_that_could_lock_itself_out_is_refused(void **state)
{
    (void)state;
    assert_fails(PS_E_DENIED, check(change_person("officer.remove", "dave")));
    assert_says("four officers");
    assert_fails(PS_E_DENIED, check(change_person("officer.remove", "aron")));
    assert_fails(PS_E_DENIED, check(change_person("officer.remove", "rosa")));
    assert_ok(check(change_person("officer.remove", "eve"))); /* who counts for nothing */
    assert_fails(PS_E_DENIED,
                 check(change_entry("officer.replace", OFFICERS,
                                    &(const struct people_entry){"zoe"}))); /* an auditor */
    assert_ok(check(change_entry("officer.replace", OFFICERS, ZACK)));
}

static void a_suspension_may_leave_no_reserve_but_not_too_few(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *next = after(change_person("officer.suspend", "dave"));
    const struct people_change second = change_person("officer.suspend", "carol");

    (void)state;
    assert_fails(PS_E_DENIED, check_with(&second, next, false));
    assert_ok(check(change_person("officer.suspend", "dave")));
    assert_ok(check(change_person("officer.suspend", "aron")));
}

static void who_comes_is_not_past_their_end(void **state)
{
    (void)state;
    assert_fails(
        PS_E_DENIED,
        check(change_entry("officer.enrol", "",
                           &(const struct people_entry){"zack", .until = "2026-05-01T00:00:00Z"})));
    assert_says("`valid_until`");
    assert_ok(
        check(change_entry("officer.enrol", "",
                           &(const struct people_entry){"zack", .from = "2027-01-01T00:00:00Z"})));
}

static void the_next_policy_is_one_and_the_next(void **state)
{
    struct policy next = policy;
    struct people_change put;

    (void)state;
    assert_fails(PS_E_DENIED, check(change_policy(&next)));
    assert_says("epoch");
    next.epoch++;
    assert_ok(check(change_policy(&next)));
    next.rules[POLICY_A].officers = 4;
    assert_fails(PS_E_DENIED, check(change_policy(&next)));
    assert_says("locked out");
    next.rules[POLICY_A] = policy.rules[POLICY_A];
    next.cooling_off_s = 0;
    put = change_policy(&next);
    assert_fails(PS_E_DENIED, check_with(&put, present, false));
    assert_ok(check_with(&put, present, true));
}

/* --- Recovery --- */

static void recovery_changes_officers_only(void **state)
{
    const struct people_change made = change_entry("officer.replace", RECOVERY, ZACK);

    (void)state;
    assert_true(people_change_is_recovery(&made));
    assert_ok(check(made));
    assert_fails(PS_E_DENIED, check(change_entry("officer.replace", RECOVERY,
                                                 &(const struct people_entry){"zoe"})));
    assert_says("officers only");
    assert_fails(PS_E_DENIED, check(change_entry("officer.replace",
                                                 ",\"person\":\"aron\",\"quorum\":\"recovery\"",
                                                 &(const struct people_entry){"zoe"})));
    assert_says("officers only");
}

static void recovery_takes_as_many_people_as_the_policy_says(void **state)
{
    PS_CLEANUP(roster_free_cleanup)
    struct roster *few =
        PEOPLE_ROSTER(PEOPLE_USUAL, {"rita"}, {"rolf", .suspended = ",\"suspended\":true"});
    PS_CLEANUP(roster_free_cleanup) struct roster *none = PEOPLE_ROSTER(PEOPLE_USUAL);
    const struct people_change made = change_entry("officer.replace", RECOVERY, ZACK);

    (void)state;
    assert_fails(PS_E_DENIED, check_with(&made, few, false));
    assert_says("recovery needs 2 people, and the roster has 1 who can sign now");
    assert_fails(PS_E_DENIED, check_with(&made, none, false));
}

/* When too few officers are left, one after the other is replaced. */
static void recovery_mends_what_is_short(void **state)
{
    static const char suspended[] = ",\"suspended\":true";
    PS_CLEANUP(roster_free_cleanup)
    struct roster *left =
        PEOPLE_ROSTER({"alice"}, {"amira"}, {"aron"}, {"bob", .suspended = suspended},
                      {"carol", .suspended = suspended}, {"dave", .suspended = suspended}, {"rita"},
                      {"rolf"}, {"rosa"});
    const struct people_change made = change_entry("officer.replace", RECOVERY, ZACK);

    (void)state;
    assert_ok(check_with(&made, left, false));
}

/* --- How long they wait --- */

static void class_a_waits_for_the_cooling_off(void **state)
{
    struct people_change made = change_entry("officer.enrol", "", ZACK);

    (void)state;
    assert_int_equal(people_change_wait_s(&made, &policy), DAY_S);
    assert_int_equal(people_change_valid_s(&made, &policy), 2 * DAY_S);
    made = change_person("officer.resume", "eve");
    assert_int_equal(people_change_wait_s(&made, &policy), DAY_S);
    made = change_entry("officer.replace", OFFICERS, ZACK);
    assert_int_equal(people_change_wait_s(&made, &policy), DAY_S);
    made = change_person("officer.suspend", "dave");
    assert_int_equal(people_change_wait_s(&made, &policy), 0);
    assert_int_equal(people_change_valid_s(&made, &policy), DAY_S);
    made = change_person("key.destroy", "dave");
    assert_int_equal(people_change_wait_s(&made, &policy), 0);
}

static void recovery_waits_for_the_longer_of_the_two(void **state)
{
    const struct people_change made = change_entry("officer.replace", RECOVERY, ZACK);
    struct policy other = policy;

    (void)state;
    assert_int_equal(people_change_wait_s(&made, &policy), 3 * DAY_S);
    assert_int_equal(people_change_valid_s(&made, &policy), 5 * DAY_S);
    other.cooling_off_s = 4 * DAY_S;
    assert_int_equal(people_change_wait_s(&made, &other), 4 * DAY_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_changes_one_person),
        cmocka_unit_test(a_change_of_the_policy_changes_nobody),
        cmocka_unit_test(what_does_not_fit_the_roster_is_an_error),
        cmocka_unit_test(parameters_of_other_types_are_an_error),
        cmocka_unit_test(a_roster_that_could_lock_itself_out_is_refused),
        cmocka_unit_test(a_suspension_may_leave_no_reserve_but_not_too_few),
        cmocka_unit_test(who_comes_is_not_past_their_end),
        cmocka_unit_test(the_next_policy_is_one_and_the_next),
        cmocka_unit_test(recovery_changes_officers_only),
        cmocka_unit_test(recovery_takes_as_many_people_as_the_policy_says),
        cmocka_unit_test(recovery_mends_what_is_short),
        cmocka_unit_test(class_a_waits_for_the_cooling_off),
        cmocka_unit_test(recovery_waits_for_the_longer_of_the_two),
    };

    return cmocka_run_group_tests(tests, make_all, end_all);
}
