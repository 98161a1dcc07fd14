#include "tests/unit/support.h"

#include "keystore/events/truth.h"

/* What the rows of keys are, as far as the log says. */

static struct truth *truth;

static int make(void **state)
{
    (void)state;
    assert_ok(truth_new(&truth));
    return 0;
}

static int clear(void **state)
{
    (void)state;
    truth_free(truth);
    return 0;
}

static struct catalog_row row(const char *name, const char *body)
{
    return (struct catalog_row){.kind = CATALOG_KEY,
                                .name = ps_bytes_str(name),
                                .revision = 3,
                                .event = 9,
                                .body = ps_bytes_str(body)};
}

static void a_row_that_was_set_passes_and_any_change_of_it_does_not(void **state)
{
    struct catalog_row changed = row("a", "{}");

    (void)state;
    assert_ok(truth_set(truth, &changed));
    assert_ok(truth_check(truth, &changed));
    changed.body = ps_bytes_str("{ }");
    assert_fails(PS_E_DENIED, truth_check(truth, &changed));
    changed = row("a", "{}");
    changed.revision = 4;
    assert_fails(PS_E_DENIED, truth_check(truth, &changed));
    changed = row("a", "{}");
    changed.event = 10;
    assert_fails(PS_E_DENIED, truth_check(truth, &changed));
    changed = row("b", "{}");
    assert_fails(PS_E_DENIED, truth_check(truth, &changed));
    changed = row("a", "{}");
    changed.kind = CATALOG_VERSION;
    assert_fails(PS_E_DENIED, truth_check(truth, &changed));
}

static void the_newest_that_was_set_counts(void **state)
{
    const struct catalog_row old = row("a", "{}");
    const struct catalog_row new = row("a", "[]");

    (void)state;
    assert_ok(truth_set(truth, &old));
    assert_ok(truth_set(truth, &new));
    assert_fails(PS_E_DENIED, truth_check(truth, &old));
    assert_ok(truth_check(truth, &new));
    assert_int_equal(truth_count(truth), 1);
}

static void what_was_removed_is_not_there(void **state)
{
    const struct catalog_row one = row("a", "{}");

    (void)state;
    assert_false(truth_has(truth, CATALOG_KEY, one.name));
    assert_ok(truth_set(truth, &one));
    assert_true(truth_has(truth, CATALOG_KEY, one.name));
    assert_ok(truth_remove(truth, CATALOG_KEY, one.name, 10));
    assert_ok(truth_remove(truth, CATALOG_KEY, one.name, 10));
    assert_false(truth_has(truth, CATALOG_KEY, one.name));
    assert_fails(PS_E_DENIED, truth_check(truth, &one));
    assert_int_equal(truth_count(truth), 0);
    assert_ok(truth_set(truth, &one));
    assert_ok(truth_check(truth, &one));
}

static void rows_that_authorise_nothing_pass(void **state)
{
    struct catalog_row one = row("a", "{}");

    (void)state;
    one.kind = CATALOG_OPERATION;
    assert_ok(truth_check(truth, &one));
    assert_ok(truth_set(truth, &one));
    assert_int_equal(truth_count(truth), 0);
}

static void it_grows_with_many_rows(void **state)
{
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "key-%u", i);
        assert_ok(truth_set(truth, &(struct catalog_row){.kind = CATALOG_KEY,
                                                         .name = ps_bytes_str(name),
                                                         .revision = i,
                                                         .body = ps_bytes_str(name)}));
        if (i % 3 == 0) {
            assert_ok(truth_remove(truth, CATALOG_KEY, ps_bytes_str(name), 1));
        }
    }
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "key-%u", i);
        assert_int_equal(truth_has(truth, CATALOG_KEY, ps_bytes_str(name)), i % 3 != 0);
    }
}

/* `a`: as it was recorded; `b`: changed since, by somebody else; `c`: gone; `d`: put there. */
static void only_what_the_log_has_is_looked_for(void **state)
{
    static const struct {
        const char *name;
        const char *recorded;
        const char *stored;
        enum ps_err err;
    } rows[] = {
        {"a", "{}", "{}", PS_OK},          {"b", "{}", "{\"a\":1}", PS_E_DENIED},
        {"c", "{}", NULL, PS_E_DENIED},    {"d", NULL, "{}", PS_E_NOT_FOUND},
        {"e", NULL, NULL, PS_E_NOT_FOUND},
    };
    PS_CLEANUP(catalog_close_cleanup) struct catalog *catalog = NULL;

    (void)state;
    assert_ok(catalog_open_memory(&catalog));
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct ps_bytes name = ps_bytes_str(rows[i].name);
        PS_BUF_AUTO memory = {.max = 1024};
        struct catalog_row found;

        if (rows[i].recorded != NULL) {
            found = row(rows[i].name, rows[i].recorded);
            found.revision = 1;
            assert_ok(truth_set(truth, &found));
        }
        if (rows[i].stored != NULL) {
            const struct catalog_change change = {
                .kind = CATALOG_KEY, .name = name, .body = ps_bytes_str(rows[i].stored)};

            assert_ok(catalog_apply(catalog, &change, 1, 9, NULL));
        }
        assert_fails(rows[i].err,
                     truth_get_known(truth, catalog, CATALOG_KEY, name, &memory, &found));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_that_was_set_passes_and_any_change_of_it_does_not,
                                        make, clear),
        cmocka_unit_test_setup_teardown(the_newest_that_was_set_counts, make, clear),
        cmocka_unit_test_setup_teardown(what_was_removed_is_not_there, make, clear),
        cmocka_unit_test_setup_teardown(rows_that_authorise_nothing_pass, make, clear),
        cmocka_unit_test_setup_teardown(it_grows_with_many_rows, make, clear),
        cmocka_unit_test_setup_teardown(only_what_the_log_has_is_looked_for, make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
