#include "tests/unit/support.h"

#include "keystore/operations/operations.h"
#include "keystore/policy/operations_granted.h"
#include "lib/ceremony/operation/types.h"

/* The table of operations (ceremonies.md). */

static const char *const of_this_version[] = {
    "appliance.lock",
    "appliance.restore",
    "appliance.unlock",
    "certificate.csr",
    "certificate.install",
    "certificate.issue",
    "certificate.revoke",
    "certificate.root",
    "client.certificate",
    "client.register",
    "client.remove",
    "client.resume",
    "client.suspend",
    "configuration.approve",
    "exception",
    "family.create",
    "family.make_key",
    "family.resume",
    "family.revoke",
    "family.suspend",
    "genesis",
    "grant.add",
    "grant.revoke",
    "key.activate",
    "key.compromise",
    "key.create",
    "key.create_batch",
    "key.deactivate",
    "key.destroy",
    "key.proven",
    "key.resume",
    "key.rotate",
    "key.suspend",
    "key.unproven",
    "key.withdraw",
    "log.prune",
    "officer.enrol",
    "officer.remove",
    "officer.replace",
    "officer.resume",
    "officer.suspend",
    "operation.cancel",
    "pin.change",
    "pin.reset",
    "pin.split",
    "policy.change",
    "profile.put",
    "profile.remove",
    "set.put",
    "set.remove",
    "token.accept",
    "token.approve",
    "token.decommission",
    "wrapping.carry",
    "wrapping.create",
    "wrapping.destroy",
    "wrapping.prepare",
    "wrapping.rewrap",
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

/* One table has names and classes, the keeper's has what executes them: the same rows. */
static void the_keeper_executes_the_types_that_there_are(void **state)
{
    const struct operation_type_info *info;
    struct operation_type_view view;
    size_t at = 0;

    (void)state;
    for (; (info = operation_type_info_at(at)) != NULL; at++) {
        assert_true(operations_type_at(at, &view));
        assert_string_equal(view.name, info->name);
        assert_int_equal(view.class, info->class);
    }
    assert_false(operations_type_at(at, &view));
}

static void each_type_has_one_class_and_something_that_can_be_granted(void **state)
{
    struct operation_type_view view;

    (void)state;
    for (size_t i = 0; operations_type_at(i, &view); i++) {
        /* What a client does for itself no grant gives, nor what the appliance does by itself. */
        const bool is_own = strcmp(view.name, "client.certificate") == 0 ||
                            strcmp(view.name, "family.make_key") == 0 ||
                            strcmp(view.name, "key.proven") == 0 ||
                            strcmp(view.name, "key.unproven") == 0;

        assert_true(view.class == 'A' || view.class == 'B' || view.class == 'C' ||
                    view.class == 'U' || is_own);
        if (strcmp(view.name, "genesis") == 0 || is_own) {
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
        {"genesis", 'A'},           {"key.destroy", 'A'},        {"key.compromise", 'A'},
        {"key.create", 'B'},        {"key.activate", 'B'},       {"key.resume", 'B'},
        {"key.rotate", 'B'},        {"key.deactivate", 'B'},     {"grant.add", 'B'},
        {"key.suspend", 'C'},       {"key.withdraw", 'C'},       {"client.suspend", 'C'},
        {"token.approve", 'A'},     {"certificate.csr", 'B'},    {"certificate.install", 'B'},
        {"token.accept", 'A'},      {"token.decommission", 'A'}, {"log.prune", 'A'},
        {"certificate.issue", 'B'}, {"certificate.root", 'A'},   {"profile.put", 'B'},
        {"family.create", 'B'},     {"family.suspend", 'C'},     {"family.resume", 'B'},
        {"family.revoke", 'B'},     {"family.make_key", '-'},
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
