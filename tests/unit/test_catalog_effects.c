#include "keystore/catalog/catalog.h"

#include "tests/unit/catalog_support.h"

/* Effects, and comparing with what they yield; on every backend. */

static void effects_to(struct catalog *derived, const struct catalog_change *changes, size_t count,
                       uint64_t event)
{
    PS_BUF_AUTO effects;

    ps_buf_init(&effects, 65536);
    catalog_put_effects(changes, count, &effects);
    assert_int_equal(ps_buf_status(&effects), PS_OK);
    assert_int_equal(catalog_apply_effects(derived, ps_buf_bytes(&effects), event), PS_OK);
    assert_int_equal(catalog_apply(catalog, changes, count, event, NULL), PS_OK);
}

static void effects_have_one_form(void **state)
{
    const struct catalog_change changes[] = {
        change(CATALOG_OPERATION, "o", 0, "{}"),
        change(CATALOG_KEY, "a", 0, "{\"x\":1}"),
        change(CATALOG_RESERVED, "00", 0, "{}"),
        change(CATALOG_VERSION, "a/1", 3, ""),
    };
    PS_BUF_AUTO effects;

    (void)state;
    ps_buf_init(&effects, 4096);
    catalog_put_effects(changes, 4, &effects);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&effects),
                                   "[{\"kind\":\"key\",\"name\":\"a\",\"row\":{\"x\":1}},"
                                   "{\"kind\":\"version\",\"name\":\"a/1\",\"removed\":true}]"));
    ps_buf_reset(&effects);
    catalog_put_effects(changes, 1, &effects);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&effects), "[]"));
}

static void effects_yield_the_same_rows(void **state)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
    const struct catalog_change first[] = {
        change(CATALOG_KEY, "a", 0, "{\"x\":1}"),
        change(CATALOG_KEY, "b", 0, "{\"x\":1}"),
        change(CATALOG_OPERATION, "o", 0, "{}"),
        change(CATALOG_CLIENT, "c", 0, "{\"x\":\"\xc3\xa4\\n\"}"),
    };
    const struct catalog_change second[] = {
        change(CATALOG_KEY, "a", 1, "{\"x\":2}"),
        change(CATALOG_KEY, "b", 1, ""),
    };

    (void)state;
    assert_int_equal(catalog_open_memory(&derived), PS_OK);
    effects_to(derived, first, 4, 3);
    assert_int_equal(catalog_compare(catalog, derived), PS_OK);
    effects_to(derived, second, 2, 5);
    assert_int_equal(catalog_compare(catalog, derived), PS_OK);
    assert_row_in(derived, CATALOG_KEY, "a", 2, "{\"x\":2}");
}

static void malformed_effects_change_nothing(void **state)
{
    static const char *const cases[] = {
        "",
        "{}",
        "[1]",
        "[{}]",
        "[{\"kind\":\"key\",\"name\":\"a\"}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"removed\":false}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"removed\":true,\"row\":{}}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"row\":[]}]",
        "[{\"kind\":\"key\",\"name\":\"a\",\"row\":{},\"more\":1}]",
        "[{\"kind\":\"key\",\"name\":\"a b\",\"row\":{}}]",
        "[{\"kind\":\"operation\",\"name\":\"a\",\"row\":{}}]",
        "[{\"kind\":\"nothing\",\"name\":\"a\",\"row\":{}}]",
        "[{\"name\":\"a\",\"kind\":\"key\",\"row\":{}}]",
        ("[{\"kind\":\"key\",\"name\":\"a\",\"row\":{}},"
         "{\"kind\":\"key\",\"name\":\"a\",\"row\":{}}]"),
        " []",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        assert_int_equal(catalog_apply_effects(catalog, text(cases[i]), 1), PS_E_INPUT);
    }
    assert_int_equal(catalog_apply_effects(catalog,
                                           text("[{\"kind\":\"key\",\"name\":\"a\",\"removed\":"
                                                "true}]"),
                                           1),
                     PS_E_INPUT);
    assert_no_row(CATALOG_KEY, "a");
    assert_int_equal(catalog_apply_effects(catalog, text("[]"), 1), PS_OK);
}

static void compare_one(const struct catalog_change *in_derived, uint64_t event, const char *detail)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
    const struct catalog_change same = change(CATALOG_KEY, "a", 0, "{\"x\":1}");

    assert_int_equal(catalog_open_memory(&derived), PS_OK);
    assert_int_equal(catalog_apply(derived, &same, 1, 7, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_OK);
    assert_int_equal(catalog_apply(derived, in_derived, 1, event, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
    assert_string_equal(ps_detail()->text, detail);
    assert_int_equal(catalog_compare(derived, catalog), PS_E_DENIED);
}

static void every_difference_is_found_and_named(void **state)
{
    const struct catalog_change more = change(CATALOG_SET, "s", 0, "{}");
    const struct catalog_change other = change(CATALOG_KEY, "a", 1, "{\"x\":1}");
    const struct catalog_change fewer = change(CATALOG_KEY, "a", 1, "");

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    /* Not compared: */
    put(CATALOG_OPERATION, "o", 0, "{}");
    compare_one(&more, 7, "set s is in the log and not in the catalog");
    compare_one(&other, 7, "key a is not what the log says");
    compare_one(&fewer, 8, "key a is not in the log");
}

static void event_and_body_differ_too(void **state)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *derived = NULL;
    const struct catalog_change same = change(CATALOG_KEY, "a", 0, "{\"x\":1}");
    const struct catalog_change body = change(CATALOG_KEY, "a", 1, "{\"x\":2}");

    (void)state;
    put(CATALOG_KEY, "a", 0, "{\"x\":1}");
    assert_int_equal(catalog_open_memory(&derived), PS_OK);
    assert_int_equal(catalog_apply(derived, &same, 1, 8, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
    put(CATALOG_KEY, "a", 1, "{\"x\":1}");
    assert_int_equal(catalog_apply(derived, &body, 1, 7, NULL), PS_OK);
    assert_int_equal(catalog_compare(catalog, derived), PS_E_DENIED);
}

#define SET_ROW "{\"keys\":[\"oidc.*\"],\"max_age_s\":300,\"name\":\"default\"}"

static void check_says_what_apply_would_and_changes_nothing(void **state)
{
    const struct catalog_change good = change(CATALOG_SET, "default", 0, SET_ROW);
    const struct catalog_change stale = change(CATALOG_SET, "default", 1, SET_ROW);
    const struct catalog_change misnamed = change(CATALOG_SET, "other", 0, SET_ROW);
    const struct catalog_change malformed = change(CATALOG_SET, "default", 0, "{\"x\":1}");
    const struct catalog_change removal = change(CATALOG_SET, "default", 1, "");

    (void)state;
    assert_int_equal(catalog_check_changes(catalog, &good, 1), PS_OK);
    assert_int_equal(catalog_check_changes(catalog, &stale, 1), PS_E_CONFLICT);
    assert_int_equal(catalog_check_changes(catalog, &misnamed, 1), PS_E_INPUT);
    assert_int_equal(catalog_check_changes(catalog, &malformed, 1), PS_E_INPUT);
    assert_int_equal(catalog_check_changes(catalog, &removal, 1), PS_E_CONFLICT);
    assert_no_row(CATALOG_SET, "default");
    assert_int_equal(catalog_apply(catalog, &good, 1, 7, NULL), PS_OK);
    assert_int_equal(catalog_check_changes(catalog, &good, 1), PS_E_CONFLICT);
    assert_int_equal(catalog_check_changes(catalog, &stale, 1), PS_OK);
    assert_int_equal(catalog_check_changes(catalog, &removal, 1), PS_OK);
}

#define SHARED_TESTS(ON)                                                                           \
    ON(effects_have_one_form), ON(effects_yield_the_same_rows),                                    \
        ON(malformed_effects_change_nothing), ON(every_difference_is_found_and_named),             \
        ON(event_and_body_differ_too), ON(check_says_what_apply_would_and_changes_nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {SHARED_TESTS(ON_MEMORY), SHARED_TESTS(ON_SQLITE)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
