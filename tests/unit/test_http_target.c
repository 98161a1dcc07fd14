#include "tests/unit/support.h"

#include "lib/http/target.h"

static enum ps_err parse(const char *text, struct http_target *ret_target)
{
    static char copy[HTTP_TARGET_MAX + 16];

    memcpy(copy, text, strlen(text) + 1);
    return http_target_parse(copy, strlen(text), ret_target);
}

static void a_path_is_split_into_its_segments(void **state)
{
    struct http_target target;

    (void)state;
    assert_ok(parse("/v1/keys/oidc.id-token", &target));
    assert_int_equal(target.segment_count, 3);
    assert_text(target.segments[0], "v1");
    assert_text(target.segments[2], "oidc.id-token");
    assert_text(target.path, "/v1/keys/oidc.id-token");
    assert_int_equal(target.parameter_count, 0);
}

static void the_root_has_no_segments(void **state)
{
    struct http_target target;

    (void)state;
    assert_ok(parse("/", &target));
    assert_int_equal(target.segment_count, 0);
}

static void other_spellings_of_a_path_are_input_errors(void **state)
{
    static const char *const bad[] = {
        "",          "v1/keys",   "//v1",         "/v1//keys",   "/v1/",    "/./v1",
        "/v1/.",     "/../v1",    "/v1/..",       "/v1%2fk",     "/v1/%2e", "/v1/a%41",
        "/v1/a b",   "/v1/a\x01", "/v1/\xc3\xa9", "http://a/v1", "*",       "/v1#x",
        "/v1\\keys", "/v1/a\"",   "/v1/<a>",
    };
    struct http_target target = {.segment_count = 77};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, parse(bad[i], &target));
        assert_int_equal(target.segment_count, 77);
    }
}

static void segments_are_limited(void **state)
{
    struct http_target target;

    (void)state;
    assert_ok(parse("/1/2/3/4/5/6/7/8/9/a/b/c", &target));
    assert_int_equal(target.segment_count, HTTP_SEGMENTS_MAX);
    assert_fails(PS_E_INPUT, parse("/1/2/3/4/5/6/7/8/9/a/b/c/d", &target));
}

static void the_length_is_limited(void **state)
{
    static char text[HTTP_TARGET_MAX + 2];
    struct http_target target;

    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_ok(http_target_parse(text, HTTP_TARGET_MAX, &target));
    assert_fails(PS_E_LIMIT, http_target_parse(text, HTTP_TARGET_MAX + 1, &target));
}

static void parameters_are_found_by_name(void **state)
{
    struct http_target target;
    struct ps_bytes value;

    (void)state;
    assert_ok(parse("/v1/keys?after=a.b&limit=10&empty=", &target));
    assert_int_equal(target.segment_count, 2);
    assert_text(target.path, "/v1/keys");
    assert_true(http_target_parameter(&target, "limit", &value));
    assert_text(value, "10");
    assert_true(http_target_parameter(&target, "empty", &value));
    assert_int_equal(value.len, 0);
    assert_false(http_target_parameter(&target, "lim", &value));
}

static void percent_encoding_of_values_is_undone(void **state)
{
    struct http_target target;
    struct ps_bytes value;

    (void)state;
    assert_ok(parse("/a?x=%41%2fb%C3%A9+&y=%25", &target));
    assert_true(http_target_parameter(&target, "x", &value));
    assert_text(value, "A/b\xc3\xa9+");
    assert_true(http_target_parameter(&target, "y", &value));
    assert_text(value, "%");
}

static void malformed_queries_are_input_errors(void **state)
{
    static const char *const bad[] = {
        "/a?",           "/a?b",        "/a?=1",
        "/a?b=1&",       "/a?&b=1",     "/a?b=1&b=2",
        "/a?b=%",        "/a?b=%4",     "/a?b=%4g",
        "/a?b=%00",      "/a?b=%0a",    "/a?b=%7f",
        "/a?b=%ff",      "/a?b=%c0%af", "/a?b=%ed%a0%80",
        "/a?b=\xc3\xa9", "/a?b=a b",    "/a?b c=1",
        "/a?b%41=1",     "/a?b=1#c",    "/a?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9",
    };
    struct http_target target;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, parse(bad[i], &target));
    }
}

static void eight_parameters_are_taken(void **state)
{
    struct http_target target;

    (void)state;
    assert_ok(parse("/a?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8", &target));
    assert_int_equal(target.parameter_count, HTTP_PARAMETERS_MAX);
}

static enum ps_err split(const char *text, struct http_target *ret_target)
{
    return http_target_split(text, strlen(text), ret_target);
}

static void a_query_may_be_left_as_it_stands(void **state)
{
    struct http_target target;

    (void)state;
    assert_ok(split("/authorize?a=%41+b&a=2&c&&x.y/z=1&1=2&3=4&5=6&7=8&9=0", &target));
    assert_text(target.path, "/authorize");
    assert_int_equal(target.segment_count, 1);
    assert_int_equal(target.parameter_count, 0);
    assert_text(target.query, "a=%41+b&a=2&c&&x.y/z=1&1=2&3=4&5=6&7=8&9=0");
    assert_ok(split("/authorize", &target));
    assert_null(target.query.data);
    assert_ok(split("/authorize?", &target));
    assert_int_equal(target.query.len, 0);
}

static void a_query_that_is_left_is_one_all_the_same(void **state)
{
    static const char *const bad[] = {"/a?b c", "/a?b\x01", "/a?\xc3\xa9", "/a?<", "/a?#x",
                                      "a?b",    "//?b",     "/a/../b?c",   ""};
    struct http_target target = {.segment_count = 77};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_fails(PS_E_INPUT, split(bad[i], &target));
        assert_int_equal(target.segment_count, 77);
    }
}

static void path_and_query_have_a_limit_each(void **state)
{
    static char text[HTTP_TARGET_MAX + HTTP_QUERY_MAX + 2];
    struct http_target target;

    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_fails(PS_E_LIMIT, http_target_split(text, HTTP_TARGET_MAX + 1, &target));
    text[HTTP_TARGET_MAX] = '?';
    assert_ok(http_target_split(text, HTTP_TARGET_MAX + HTTP_QUERY_MAX, &target));
    assert_int_equal(target.query.len, HTTP_QUERY_MAX - 1);
    assert_fails(PS_E_LIMIT,
                 http_target_split(text, HTTP_TARGET_MAX + HTTP_QUERY_MAX + 1, &target));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_split_into_its_segments),
        cmocka_unit_test(the_root_has_no_segments),
        cmocka_unit_test(other_spellings_of_a_path_are_input_errors),
        cmocka_unit_test(segments_are_limited),
        cmocka_unit_test(the_length_is_limited),
        cmocka_unit_test(parameters_are_found_by_name),
        cmocka_unit_test(percent_encoding_of_values_is_undone),
        cmocka_unit_test(malformed_queries_are_input_errors),
        cmocka_unit_test(eight_parameters_are_taken),
        cmocka_unit_test(a_query_may_be_left_as_it_stands),
        cmocka_unit_test(a_query_that_is_left_is_one_all_the_same),
        cmocka_unit_test(path_and_query_have_a_limit_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
