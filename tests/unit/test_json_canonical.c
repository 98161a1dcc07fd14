#include "tests/unit/vectors.h"

static enum ps_err canonical(struct ps_bytes text, struct ps_buf *out)
{
    struct json_value root;

    assert_ok(json_parse(json, text, &JSON_LIMITS_REQUEST, &root));
    return json_put_canonical(root, out);
}

static void published_examples_come_out_as_printed(void **state)
{
    struct vectors vectors;
    struct json_value row;

    (void)state;
    vectors_open("jose/canonical.json", &vectors);
    assert_true(json_count(vectors.rows) >= 4);
    while (vectors_next(&vectors, &row)) {
        struct json_value value;
        struct ps_bytes input;
        struct ps_bytes expected;
        PS_BUF_AUTO out;

        ps_buf_init(&out, 4096);
        assert_true(json_member(row, "input", &value));
        assert_ok(json_string(value, &input));
        assert_true(json_member(row, "canonical", &value));
        assert_ok(json_string(value, &expected));
        assert_ok(canonical(input, &out));
        assert_bytes(ps_buf_bytes(&out), expected);
        assert_ok(json_parse(json, expected, &JSON_LIMITS_REQUEST, &value));
        assert_ok(json_check_canonical(value));
    }
    vectors_close(&vectors);
}

static void what_is_outside_the_profile_is_an_input_error(void **state)
{
    static const char *const wrong[] = {"null",
                                        "1.5",
                                        "1e3",
                                        "[1.0]",
                                        "{\"a\":null}",
                                        "9007199254740993",
                                        "{\"\xc3\xa9\":1}",
                                        "{\"\\u00e9\":1}",
                                        "99999999999999999999999999",
                                        "-9007199254740993"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO out;

        ps_buf_init(&out, 4096);
        assert_fails(PS_E_INPUT, canonical(ps_bytes_str(wrong[i]), &out));
    }
}

static void integers_reach_to_two_to_the_fiftythird(void **state)
{
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 64);
    assert_ok(canonical(LITERAL("[9007199254740992,-9007199254740992, 0]"), &out));
    assert_text(ps_buf_bytes(&out), "[9007199254740992,-9007199254740992,0]");
}

static void control_characters_have_one_spelling(void **state)
{
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 256);
    assert_ok(canonical(LITERAL("\"\\u0000\\u0008\\u000c\\u001F\\u007f\\u2028\\/\""), &out));
    assert_text(ps_buf_bytes(&out), "\"\\u0000\\b\\f\\u001f\x7f\xe2\x80\xa8/\"");
}

static void only_the_canonical_text_passes_the_check(void **state)
{
    static const char *const wrong[] = {" {}",
                                        "{} ",
                                        "{\"b\":1,\"a\":2}",
                                        "{\"a\": 1}",
                                        "[1, 2]",
                                        "\"\\u0041\"",
                                        "\"\\/\"",
                                        "\"\\u001F\"",
                                        "[null]",
                                        "1.0",
                                        "{\"a\":1,\n\"b\":2}"};
    struct json_value root;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_ok(json_parse(json, ps_bytes_str(wrong[i]), &JSON_LIMITS_REQUEST, &root));
        assert_fails(PS_E_INPUT, json_check_canonical(root));
    }
    assert_ok(json_parse(json, LITERAL("{\"a\":[1,\"x\",true,{}],\"b\":{\"c\":false}}"),
                         &JSON_LIMITS_REQUEST, &root));
    assert_ok(json_check_canonical(root));
}

static void a_full_buffer_is_a_limit_error(void **state)
{
    PS_BUF_AUTO out;

    (void)state;
    ps_buf_init(&out, 8);
    assert_fails(PS_E_LIMIT, canonical(LITERAL("\"1234567\""), &out));
    ps_buf_clear(&out);
    assert_ok(canonical(LITERAL("\"123456\""), &out));
}

static void deep_and_wide_documents_sort_at_every_level(void **state)
{
    PS_BUF_AUTO text;
    PS_BUF_AUTO out;
    struct json_value root;

    (void)state;
    ps_buf_init(&text, 1024 * 1024);
    ps_buf_init(&out, 1024 * 1024);
    ps_buf_put_str(&text, "{\"z\":0");
    for (int i = 999; i >= 0; i--) {
        ps_buf_printf(&text, ", \"k%03d\" : {\"y\":[{\"b\":1,\"a\":2}],\"x\":%d}", i, i);
    }
    ps_buf_put_u8(&text, '}');
    assert_ok(canonical(ps_buf_bytes(&text), &out));
    assert_true(ps_bytes_starts_with(ps_buf_bytes(&out),
                                     LITERAL("{\"k000\":{\"x\":0,\"y\":[{\"a\":2,\"b\":1}]},")));
    assert_ok(json_parse(json, ps_buf_bytes(&out), &JSON_LIMITS_REQUEST, &root));
    assert_ok(json_check_canonical(root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_come_out_as_printed),
        cmocka_unit_test(what_is_outside_the_profile_is_an_input_error),
        cmocka_unit_test(integers_reach_to_two_to_the_fiftythird),
        cmocka_unit_test(control_characters_have_one_spelling),
        cmocka_unit_test(only_the_canonical_text_passes_the_check),
        cmocka_unit_test(a_full_buffer_is_a_limit_error),
        cmocka_unit_test(deep_and_wide_documents_sort_at_every_level),
    };

    return cmocka_run_group_tests_name("json_canonical", tests, make_reader, free_reader);
}
