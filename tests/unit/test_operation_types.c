#include "tests/unit/support.h"

#include "keystore/operations/operations.h"
#include "keystore/policy/operations_granted.h"
#include "lib/ceremony/operation_types.h"

/* The table of operations (ceremonies.md). */

static const char *const of_this_version[] = {
    "client.register", "client.remove", "client.resume", "client.suspend", "genesis",
    "grant.add",       "grant.revoke",  "key.activate",  "key.compromise", "key.create",
    "key.deactivate",  "key.destroy",   "key.resume",    "key.rotate",     "key.suspend",
    "set.put",         "set.remove",    "token.approve",
};

static void the_table_is_complete_and_sorted(void **state)
{
    struct operation_type_view view;
    size_t count = 0;

    (void)state;
    for (; operations_type_at(count, &view); count++) {
        assert_true(count < sizeof of_this_version / sizeof of_this_version[0]);
        assert_string_equal(view.name, of_this_version[count]);
    }
    assert_int_equal(count, sizeof of_this_version / sizeof of_this_version[0]);
}

/* Those that change who decides; they wait for the gate that asks people. */
static const char *const of_people[] = {
    "appliance.lock",  "exception",       "officer.enrol",    "officer.remove",
    "officer.replace", "officer.suspend", "operation.cancel", "policy.change",
};

/* One table has names and classes, the keeper's has what executes them: the same rows. */
static void the_keeper_executes_the_types_that_there_are(void **state)
{
    const struct operation_type_info *info;
    struct operation_type_view view;
    size_t at = 0;
    size_t people = 0;

    (void)state;
    for (size_t i = 0; (info = operation_type_info_at(i)) != NULL; i++) {
        if (people < PS_COUNT_OF(of_people) && strcmp(info->name, of_people[people]) == 0) {
            people++;
            continue;
        }
        assert_true(operations_type_at(at++, &view));
        assert_string_equal(view.name, info->name);
        assert_int_equal(view.class, info->class);
    }
    assert_false(operations_type_at(at, &view));
    assert_int_equal(people, PS_COUNT_OF(of_people));
}

static void each_type_has_one_class_and_something_that_can_be_granted(void **state)
{
    struct operation_type_view view;

    (void)state;
    for (size_t i = 0; operations_type_at(i, &view); i++) {
        assert_true(view.class == 'A' || view.class == 'B' || view.class == 'C');
        if (strcmp(view.name, "genesis") == 0) {
            assert_string_equal(view.grant, "");
            continue;
        }
        assert_int_not_equal(granted_op_by_name(ps_bytes_str(view.grant), NULL), GRANTED_NONE);
    }
}

/* What is only ever less capability needs the fewest people; what cannot be undone the most. */
static void classes_are_those_of_the_design(void **state)
{
    static const struct {
        const char *name;
        char class;
    } expected[] = {
        {"genesis", 'A'},     {"key.destroy", 'A'},    {"key.compromise", 'A'},
        {"key.create", 'B'},  {"key.activate", 'B'},   {"key.resume", 'B'},
        {"key.rotate", 'B'},  {"key.deactivate", 'B'}, {"grant.add", 'B'},
        {"key.suspend", 'C'}, {"client.suspend", 'C'}, {"token.approve", 'A'},
    };
    struct operation_type_view view;

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        size_t at = 0;

        while (operations_type_at(at, &view) && strcmp(view.name, expected[i].name) != 0) {
            at++;
        }
        assert_string_equal(view.name, expected[i].name);
        assert_int_equal(view.class, expected[i].class);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_complete_and_sorted),
        cmocka_unit_test(the_keeper_executes_the_types_that_there_are),
        cmocka_unit_test(each_type_has_one_class_and_something_that_can_be_granted),
        cmocka_unit_test(classes_are_those_of_the_design),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
