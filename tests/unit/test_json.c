#include "tests/unit/vectors.h"

#include "lib/formats/json/internal.h"

static enum ps_err parse(const char *text, struct json_value *ret_root)
{
    return json_parse(json, ps_bytes_str(text), &JSON_LIMITS_REQUEST, ret_root);
}

static void rfc_8259_grammar_is_accepted(void **state)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5",
        "1e5",
        "1E+5",
        "-0.5",
        "1e-5",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        "{\"a\":{\"b\":[]}}",
        "\t\r\n{ \"a\" : 1 }\n",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\x7f\"",
        "[[[]]]",
        "1e180",
        "0e0",
        "0.0",
        "{\"\":1}",
        "\"\xe0\xa4\x97\"",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        struct json_value root;

        assert_ok(parse(good[i], &root));
    }
}

static const char *const no_json[] = {
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "01",
    "-",
    "-01",
    "1.",
    ".5",
    "+1",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "-Infinity",
    "'a'",
    "\"",
    "\"a",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\t\"",
    "\"\n\"",
    "\"\x01\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{a:1}",
    "{1:2}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "[1}",
    "{\"a\":1]",
    "1 2",
    "{} {}",
    "[]]",
    "// c\n1",
    "/* c */1",
    "\xef\xbb\xbf{}",
    "{\"a\":1}x",
    "\"a\"\"b\"",
    "[1,,2]",
    "{,}",
    "{\"a\"::1}",
    "tru e",
};

static void what_the_grammar_does_not_have_is_an_input_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(no_json); i++) {
        struct json_value root;

        assert_fails(PS_E_INPUT, parse(no_json[i], &root));
    }
}

static void nul_outside_a_string_or_raw_inside_one_is_an_input_error(void **state)
{
    struct json_value root;

    (void)state;
    assert_fails(PS_E_INPUT, json_parse(json, LITERAL("{}\0"), &JSON_LIMITS_REQUEST, &root));
    assert_fails(PS_E_INPUT, json_parse(json, LITERAL("\"\0\""), &JSON_LIMITS_REQUEST, &root));
    assert_fails(PS_E_INPUT, json_parse(json, LITERAL("\"\\\0\""), &JSON_LIMITS_REQUEST, &root));
}

static void numbers_that_readers_disagree_about_are_refused(void **state)
{
    struct json_value root;
    char digits[140];

    (void)state;
    assert_fails(PS_E_INPUT, parse("1e999", &root));
    assert_fails(PS_E_INPUT, parse("1e181", &root));
    assert_fails(PS_E_INPUT, parse("1e-181", &root));
    assert_fails(PS_E_INPUT, parse("1e99999999999999999999", &root));
    assert_fails(PS_E_INPUT, parse("-0", &root));
    assert_fails(PS_E_INPUT, parse("-0.0", &root));
    assert_fails(PS_E_INPUT, parse("-0e5", &root));
    assert_ok(json_parse(json, LITERAL("[-0,-0.0,-0e5]"),
                         &(struct json_limits){64, 4, 4, .negative_zero = true}, &root));
    memset(digits, '1', sizeof digits);
    assert_ok(json_parse(json, ps_bytes(digits, 128), &JSON_LIMITS_REQUEST, &root));
    assert_fails(PS_E_INPUT, json_parse(json, ps_bytes(digits, 129), &JSON_LIMITS_REQUEST, &root));
}

static void half_a_surrogate_pair_is_an_input_error(void **state)
{
    static const char *const wrong[] = {
        "\"\\ud800\"",  "\"\\udc00\"",    "\"\\ud800\\ud800\"", "\"\\ud800\\u0041\"",
        "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\udfff\\ud800\"", "\"\\ud83d\\ude0\""};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        struct json_value root;

        assert_fails(PS_E_INPUT, parse(wrong[i], &root));
    }
}

static void invalid_utf8_is_an_input_error_that_names_its_octet(void **state)
{
    static const char *const wrong[] = {
        "\"a\x80\"",             /* a continuation alone */
        "\"a\xc3\"",             /* cut */
        "\"a\xc0\xaf\"",         /* overlong slash */
        "\"a\xe0\x80\xaf\"",     /* the same in three */
        "\"a\xf0\x80\x80\xaf\"", /* and in four */
        "\"a\xed\xa0\x80\"",     /* a surrogate */
        "\"a\xf4\x90\x80\x80\"", /* over U+10FFFF */
        "\"a\xfe\"",
        "\"a\xff\"",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        struct json_value root;

        assert_fails(PS_E_INPUT, parse(wrong[i], &root));
        assert_int_equal(ps_detail()->code, 2);
    }
}

static void duplicate_members_are_refused_whatever_their_spelling(void **state)
{
    struct json_value root;
    PS_BUF_AUTO text;

    (void)state;
    assert_fails(PS_E_INPUT, parse("{\"a\":1,\"a\":2}", &root));
    assert_fails(PS_E_INPUT, parse("{\"a\":1,\"\\u0061\":2}", &root));
    assert_fails(PS_E_INPUT, parse("{\"\\u0061\":1,\"\\u0061\":2}", &root));
    assert_fails(PS_E_INPUT, parse("[{\"x\":{\"b\":1,\"c\":[],\"b\":{}}}]", &root));
    assert_fails(PS_E_INPUT, parse("{\"\":1,\"\":2}", &root));
    assert_ok(parse("{\"a\":1,\"A\":2,\"aa\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}", &root));
    assert_ok(parse("{\"ab\":1,\"ba\":2,\"a\\u0000\":3,\"a\":4}", &root));
    /* Each number of members, with the first and the last name the same. */
    ps_buf_init(&text, 4096);
    for (int count = 2; count < 40; count++) {
        ps_buf_reset(&text);
        ps_buf_put_str(&text, "{\"same\":0");
        for (int i = 2; i < count; i++) {
            ps_buf_printf(&text, ",\"m%d\":{\"same\":%d}", i, i);
        }
        ps_buf_put_str(&text, ",\"other\":1}");
        assert_ok(json_parse(json, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root));
        text.len -= strlen("other\":1}");
        ps_buf_put_str(&text, "same\":1}");
        assert_fails(PS_E_INPUT,
                     json_parse(json, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root));
    }
}

static void nesting_is_counted_and_not_recursed(void **state)
{
    const struct json_limits limits = {1024 * 1024, 3, 20000};
    struct json_value root;
    char *deep = malloc(200000);

    (void)state;
    assert_non_null(deep);
    assert_ok(json_parse(json, LITERAL("[[[1]]]"), &limits, &root));
    assert_fails(PS_E_LIMIT, json_parse(json, LITERAL("[[[[1]]]]"), &limits, &root));
    assert_fails(PS_E_LIMIT, json_parse(json, LITERAL("[{\"a\":[{}]}]"), &limits, &root));
    memset(deep, '[', 200000);
    assert_fails(PS_E_LIMIT, json_parse(json, ps_bytes(deep, 200000), &JSON_LIMITS_REQUEST, &root));
    free(deep);
}

static void limits_hold_at_and_after_them(void **state)
{
    const struct json_limits limits = {16, 4, 3};
    struct json_value root;

    (void)state;
    assert_ok(json_parse(json, LITERAL("[1,2,3]"), &limits, &root));
    assert_fails(PS_E_LIMIT, json_parse(json, LITERAL("[1,2,3,4]"), &limits, &root));
    assert_ok(json_parse(json, LITERAL("{\"a\":[1,2]}"), &limits, &root));
    assert_fails(PS_E_LIMIT, json_parse(json, LITERAL("{\"a\":[1,2,3]}"), &limits, &root));
    assert_ok(json_parse(json, LITERAL("\"01234567890123\""), &limits, &root));
    assert_fails(PS_E_LIMIT, json_parse(json, LITERAL("\"012345678901234\""), &limits, &root));
}

static void every_truncation_is_an_input_error(void **state)
{
    const char *text = "{\"a\":[1,2.5e3,\"x\\u00e9\\n\"],\"b\":{\"c\":null,\"d\":[true,false]}}";
    struct json_value root;

    (void)state;
    for (size_t len = 0; len < strlen(text); len++) {
        /* On the heap and exactly so long, so that a sanitizer sees a read past it. */
        char *cut = malloc(len + 1);

        assert_non_null(cut);
        memcpy(cut, text, len);
        cut = realloc(cut, len == 0 ? 1 : len);
        assert_fails(PS_E_INPUT, json_parse(json, ps_bytes(cut, len), &JSON_LIMITS_REQUEST, &root));
        free(cut);
    }
    assert_ok(parse(text, &root));
}

static void values_point_into_the_text(void **state)
{
    struct json_value root;
    struct json_value value;
    uint32_t cursor = 0;
    struct ps_bytes name;

    (void)state;
    assert_ok(parse(" {\"a\" : [ 1, 2 ] , \"b\":\"x\"}", &root));
    assert_int_equal(json_type(root), JSON_OBJECT);
    assert_int_equal(json_count(root), 2);
    assert_text(json_raw(root), "{\"a\" : [ 1, 2 ] , \"b\":\"x\"}");
    assert_true(json_next(root, &cursor, &name, &value));
    assert_text(name, "a");
    assert_text(json_raw(value), "[ 1, 2 ]");
    assert_int_equal(json_count(value), 2);
    assert_true(json_next(root, &cursor, &name, &value));
    assert_text(name, "b");
    assert_text(json_raw(value), "\"x\"");
    assert_int_equal(json_count(value), 0);
    assert_false(json_next(root, &cursor, &name, &value));
    assert_false(json_next(root, &cursor, &name, &value));
}

static void arrays_are_walked_in_order_and_scalars_are_empty(void **state)
{
    static const char *const raw[] = {"1", "[2]", "{\"a\":3}", "\"4\""};
    struct json_value root;
    struct json_value value;
    uint32_t cursor = 0;

    (void)state;
    assert_ok(parse("[1,[2],{\"a\":3},\"4\"]", &root));
    for (size_t i = 0; i < PS_COUNT_OF(raw); i++) {
        assert_true(json_next(root, &cursor, NULL, &value));
        assert_text(json_raw(value), raw[i]);
    }
    assert_false(json_next(root, &cursor, NULL, &value));
    assert_ok(parse("7", &root));
    cursor = 0;
    assert_false(json_next(root, &cursor, NULL, &value));
    assert_ok(parse("[]", &root));
    cursor = 0;
    assert_false(json_next(root, &cursor, NULL, &value));
}

static void members_are_found_by_their_exact_name(void **state)
{
    struct json_value root;
    struct json_value value;

    (void)state;
    assert_ok(parse("{\"ALG\":1,\"\\u0061lg\":2,\"x\":{\"alg\":3}}", &root));
    assert_true(json_member(root, "alg", &value));
    assert_text(json_raw(value), "2");
    assert_true(json_member(root, "ALG", &value));
    assert_text(json_raw(value), "1");
    assert_false(json_member(root, "Alg", &value));
    assert_false(json_member(root, "al", &value));
    assert_false(json_member(root, "", &value));
    assert_ok(parse("[\"alg\"]", &root));
    assert_false(json_member(root, "alg", &value));
}

static void strings_come_with_their_escapes_undone(void **state)
{
    struct json_value root;
    struct ps_bytes text;
    struct ps_bytes again;

    (void)state;
    assert_ok(parse("\"plain\"", &root));
    assert_ok(json_string(root, &text));
    assert_text(text, "plain");
    assert_ok(parse("\"\\u0041\\u00e9\\u0917\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", &root));
    assert_ok(json_string(root, &text));
    assert_text(text, "A\xc3\xa9\xe0\xa4\x97\xf0\x9f\x98\x80\"\\/\b\f\n\r\tz");
    assert_ok(json_string(root, &again));
    assert_ptr_equal(text.data, again.data);
    assert_ok(parse("\"a\\u0000b\"", &root));
    assert_ok(json_string(root, &text));
    assert_bytes(text, LITERAL("a\0b"));
    assert_ok(parse("5", &root));
    assert_fails(PS_E_INPUT, json_string(root, &text));
}

/* The octets beside it are those that a difference of eight at once borrows from, or over. */
static void a_string_ends_at_the_first_octet_that_is_not_plain(void **state)
{
    static const char *const fills[] = {"!", "#", "[", "]", " ", "\x7f", "a"};
    struct json_value root;

    (void)state;
    for (size_t fill = 0; fill < PS_COUNT_OF(fills); fill++) {
        for (unsigned at = 0; at < 20; at++) {
            for (unsigned octet = 0; octet < 0x20; octet++) {
                char text[32];

                memset(text, fills[fill][0], sizeof text);
                text[0] = '"';
                text[1 + at] = (char)octet;
                text[30] = '"';
                assert_fails(PS_E_INPUT,
                             json_parse(json, ps_bytes(text, 31), &JSON_LIMITS_REQUEST, &root));
                assert_int_equal(ps_detail()->code, 1 + at);
                text[1 + at] = '"';
                assert_ok(json_parse(json, ps_bytes(text, 2 + at), &JSON_LIMITS_REQUEST, &root));
                assert_int_equal(json_raw(root).len, 2 + at);
            }
        }
    }
}

static void earlier_strings_stay_while_later_ones_are_undone(void **state)
{
    enum { COUNT = 300 };
    struct ps_bytes texts[COUNT];
    struct json_value root;
    struct json_value value;
    uint32_t cursor = 0;
    PS_BUF_AUTO text;

    (void)state;
    ps_buf_init(&text, 1024 * 1024);
    for (int i = 0; i < COUNT; i++) {
        ps_buf_printf(&text, "%c\"\\u0041%0*d\"", i == 0 ? '[' : ',', i + 1, i);
    }
    ps_buf_put_u8(&text, ']');
    assert_ok(json_parse(json, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &root));
    for (int i = 0; json_next(root, &cursor, NULL, &value); i++) {
        assert_ok(json_string(value, &texts[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        char expected[COUNT + 8];

        (void)snprintf(expected, sizeof expected, "A%0*d", i + 1, i);
        assert_text(texts[i], expected);
    }
}

static void integers_are_within_ten_to_the_fifteenth(void **state)
{
    static const char *const wrong[] = {"1000000000000001",
                                        "-1000000000000001",
                                        "1.0",
                                        "1e3",
                                        "99999999999999999999",
                                        "\"1\"",
                                        "true",
                                        "null",
                                        "[1]"};
    struct json_value root;
    int64_t number;

    (void)state;
    assert_ok(parse("1000000000000000", &root));
    assert_ok(json_integer(root, &number));
    assert_true(number == INT64_C(1000000000000000));
    assert_ok(parse("-1000000000000000", &root));
    assert_ok(json_integer(root, &number));
    assert_true(number == -INT64_C(1000000000000000));
    assert_ok(parse("0", &root));
    assert_ok(json_integer(root, &number));
    assert_true(number == 0);
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_ok(parse(wrong[i], &root));
        assert_fails(PS_E_INPUT, json_integer(root, &number));
    }
}

static void a_reader_forgets_the_document_before(void **state)
{
    struct json_value root;
    struct json_value value;

    (void)state;
    assert_ok(parse("{\"a\":\"\\u0041\",\"b\":[1,2,3]}", &root));
    assert_fails(PS_E_INPUT, parse("{", &root));
    assert_ok(parse("{\"c\":1}", &root));
    assert_false(json_member(root, "a", &value));
    assert_true(json_member(root, "c", &value));
}

/* An escape is undone in memory of the reader, which is where a secret would stay. */
static void what_was_decoded_is_wiped_when_it_is_forgotten(void **state)
{
    static const char text[] = "\"a \\u0073ecret\"";
    PS_CLEANUP(json_free_cleanup) struct json *fresh = NULL;
    PS_BUF_AUTO large = {.max = 65536};
    struct json_value root;
    struct ps_bytes decoded;

    (void)state;
    assert_ok(json_new(&fresh));
    assert_ok(json_parse(fresh, ps_bytes_str(text), &JSON_LIMITS_REQUEST, &root));
    assert_ok(json_string(root, &decoded));
    assert_true(ps_bytes_equal_str(decoded, "a secret"));
    json_forget(fresh);
    for (size_t i = 0; i < decoded.len; i++) { /* the block is kept */
        assert_int_equal(decoded.data[i], 0);
    }
    ps_buf_put_str(&large, "\"\\n");
    for (size_t i = 0; i < 40000; i++) {
        ps_buf_put_u8(&large, 'x');
    }
    ps_buf_put_u8(&large, '"');
    assert_ok(json_parse(fresh, ps_buf_bytes(&large), &JSON_LIMITS_REQUEST, &root));
    assert_ok(json_string(root, &decoded));
    assert_non_null(fresh->blocks);
    json_forget(fresh);
    assert_null(fresh->blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_8259_grammar_is_accepted),
        cmocka_unit_test(what_the_grammar_does_not_have_is_an_input_error),
        cmocka_unit_test(nul_outside_a_string_or_raw_inside_one_is_an_input_error),
        cmocka_unit_test(numbers_that_readers_disagree_about_are_refused),
        cmocka_unit_test(half_a_surrogate_pair_is_an_input_error),
        cmocka_unit_test(invalid_utf8_is_an_input_error_that_names_its_octet),
        cmocka_unit_test(duplicate_members_are_refused_whatever_their_spelling),
        cmocka_unit_test(nesting_is_counted_and_not_recursed),
        cmocka_unit_test(limits_hold_at_and_after_them),
        cmocka_unit_test(every_truncation_is_an_input_error),
        cmocka_unit_test(values_point_into_the_text),
        cmocka_unit_test(arrays_are_walked_in_order_and_scalars_are_empty),
        cmocka_unit_test(members_are_found_by_their_exact_name),
        cmocka_unit_test(strings_come_with_their_escapes_undone),
        cmocka_unit_test(a_string_ends_at_the_first_octet_that_is_not_plain),
        cmocka_unit_test(earlier_strings_stay_while_later_ones_are_undone),
        cmocka_unit_test(integers_are_within_ten_to_the_fifteenth),
        cmocka_unit_test(a_reader_forgets_the_document_before),
        cmocka_unit_test(what_was_decoded_is_wiped_when_it_is_forgotten),
    };

    return cmocka_run_group_tests_name("json", tests, make_reader, free_reader);
}
