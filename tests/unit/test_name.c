#include "tests/unit/support.h"

#include "lib/base/name.h"

/* `count` times the letter, then `end`. */
static struct ps_bytes repeated(char letter, size_t count, const char *end)
{
    static char room[512];

    assert_true(count + strlen(end) < sizeof room);
    memset(room, letter, count);
    strcpy(room + count, end);
    return ps_bytes_str(room);
}

static void names_are_one_lower_case_segment(void **state)
{
    static const char *const good[] = {"a", "0", "oidc.id-token", "a_b", "a..b", "9-", "a."};
    static const char *const wrong[] = {"",    ".a", "-a", "_a",  "A",        "aB", "a/b",
                                        "a b", "a*", "*",  "a\n", "\xc3\xa9", "..", "a%2f"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        assert_true(ps_name_valid(ps_bytes_str(good[i])));
    }
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_false(ps_name_valid(ps_bytes_str(wrong[i])));
    }
    assert_false(ps_name_valid(LITERAL("a\0")));
    assert_true(ps_name_valid(repeated('a', PS_NAME_MAX, "")));
    assert_false(ps_name_valid(repeated('a', PS_NAME_MAX + 1, "")));
}

static void patterns_are_a_name_or_a_prefix(void **state)
{
    (void)state;
    assert_true(ps_pattern_valid(LITERAL("*")));
    assert_true(ps_pattern_valid(LITERAL("a*")));
    assert_true(ps_pattern_valid(LITERAL("oidc.*")));
    assert_true(ps_pattern_valid(LITERAL("a")));
    assert_true(ps_pattern_valid(repeated('a', PS_NAME_MAX, "*")));
    assert_false(ps_pattern_valid(repeated('a', PS_NAME_MAX + 1, "*")));
    assert_false(ps_pattern_valid(LITERAL("")));
    assert_false(ps_pattern_valid(LITERAL("**")));
    assert_false(ps_pattern_valid(LITERAL("*a")));
    assert_false(ps_pattern_valid(LITERAL("a*b")));
    assert_false(ps_pattern_valid(LITERAL("A*")));
    assert_false(ps_pattern_valid(LITERAL(".*")));
}

static void a_pattern_matches_its_name_or_what_begins_with_it(void **state)
{
    (void)state;
    assert_true(ps_pattern_matches(LITERAL("a.b"), LITERAL("a.b")));
    assert_false(ps_pattern_matches(LITERAL("a.b"), LITERAL("a.bc")));
    assert_false(ps_pattern_matches(LITERAL("a.b"), LITERAL("a")));
    assert_true(ps_pattern_matches(LITERAL("a.*"), LITERAL("a.b")));
    assert_true(ps_pattern_matches(LITERAL("a.*"), LITERAL("a.")));
    assert_false(ps_pattern_matches(LITERAL("a.*"), LITERAL("a")));
    assert_false(ps_pattern_matches(LITERAL("a.*"), LITERAL("ab")));
    assert_true(ps_pattern_matches(LITERAL("*"), LITERAL("anything")));
    assert_false(ps_pattern_matches(LITERAL(""), LITERAL("a")));
    assert_false(ps_pattern_matches(LITERAL(""), LITERAL("")));
}

static void no_pattern_matches_the_appliances_own_names(void **state)
{
    static const char *const patterns[] = {"*", "p*", "privyseal*", "privyseal.*", "privyseal.log"};

    (void)state;
    assert_true(ps_name_reserved(LITERAL("privyseal.log")));
    assert_true(ps_name_reserved(LITERAL("privyseal.")));
    assert_false(ps_name_reserved(LITERAL("privyseal")));
    assert_false(ps_name_reserved(LITERAL("privyseals.log")));
    for (size_t i = 0; i < PS_COUNT_OF(patterns); i++) {
        assert_false(ps_pattern_matches(ps_bytes_str(patterns[i]), LITERAL("privyseal.log")));
    }
    assert_true(ps_pattern_matches(LITERAL("privyseal*"), LITERAL("privyseal-a")));
}

static void request_ids_are_short_and_plain(void **state)
{
    (void)state;
    assert_true(ps_request_id_valid(LITERAL("A-z_0.9")));
    assert_true(ps_request_id_valid(LITERAL("-")));
    assert_false(ps_request_id_valid(LITERAL("")));
    assert_false(ps_request_id_valid(LITERAL("a b")));
    assert_false(ps_request_id_valid(LITERAL("a\n")));
    assert_false(ps_request_id_valid(LITERAL("a\"")));
    assert_false(ps_request_id_valid(LITERAL("a\0")));
    assert_true(ps_request_id_valid(repeated('x', PS_REQUEST_ID_MAX, "")));
    assert_false(ps_request_id_valid(repeated('x', PS_REQUEST_ID_MAX + 1, "")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_one_lower_case_segment),
        cmocka_unit_test(patterns_are_a_name_or_a_prefix),
        cmocka_unit_test(a_pattern_matches_its_name_or_what_begins_with_it),
        cmocka_unit_test(no_pattern_matches_the_appliances_own_names),
        cmocka_unit_test(request_ids_are_short_and_plain),
    };

    return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
