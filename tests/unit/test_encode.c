#include "tests/unit/support.h"

#include "lib/base/encode.h"

static void rfc_4648_vectors_go_both_ways(void **state)
{
    /* Section 10: octets, base64, base64url without padding. */
    static const char *const rows[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const size_t len = strlen(rows[i][0]);
        PS_BUF_AUTO text = {.max = 64};
        PS_BUF_AUTO octets = {.max = len};

        ps_buf_put_base64(&text, ps_bytes_str(rows[i][0]));
        assert_text(ps_buf_bytes(&text), rows[i][1]);
        ps_buf_reset(&text);
        ps_buf_put_base64url(&text, ps_bytes_str(rows[i][0]));
        assert_text(ps_buf_bytes(&text), rows[i][2]);
        assert_int_equal(ps_base64url_len(len), strlen(rows[i][2]));
        /* Into exactly as much room as they need. */
        assert_ok(ps_base64_decode(ps_bytes_str(rows[i][1]), &octets));
        assert_text(ps_buf_bytes(&octets), rows[i][0]);
        ps_buf_reset(&octets);
        assert_ok(ps_base64url_decode(ps_bytes_str(rows[i][2]), &octets));
        assert_text(ps_buf_bytes(&octets), rows[i][0]);
    }
}

static void every_length_and_octet_comes_back(void **state)
{
    uint8_t octets[300];
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++) {
        octets[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t len = 0; len <= sizeof octets; len++) {
        PS_BUF_AUTO back = {.max = sizeof octets};

        ps_base64url_encode(ps_bytes(octets, len), text);
        assert_ok(ps_base64url_decode(ps_bytes(text, ps_base64url_len(len)), &back));
        assert_bytes(ps_buf_bytes(&back), ps_bytes(octets, len));
    }
}

static void base64_in_another_form_is_an_input_error(void **state)
{
    static const char *const url[] = {
        "A",    "AA=",   "AA==",  "AB",       "AAB", "A A",  "AA\n", "A+A",
        "A/AA", "AAAA=", "AAAAA", "\xc3\xa9", "=",   "*AAA", "AAA*"};
    static const char *const std[] = {"A",        "AA",    "AAA",    "AA=",  "AB==", "AAB=",
                                      "A===",     "====",  "AA=A",   "=AAA", "A-AA", "A_AA",
                                      "AA==AAAA", "AAAA=", "AA==\n", "A==="};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(url); i++) {
        PS_BUF_AUTO out = {.max = 64};

        assert_fails(PS_E_INPUT, ps_base64url_decode(ps_bytes_str(url[i]), &out));
        assert_int_equal(out.len, 0);
    }
    for (size_t i = 0; i < PS_COUNT_OF(std); i++) {
        PS_BUF_AUTO out = {.max = 64};

        assert_fails(PS_E_INPUT, ps_base64_decode(ps_bytes_str(std[i]), &out));
        assert_int_equal(out.len, 0);
    }
}

static void a_full_buffer_is_a_limit_error(void **state)
{
    PS_BUF_AUTO out = {.max = 2};

    (void)state;
    assert_fails(PS_E_LIMIT, ps_base64url_decode(LITERAL("AAAA"), &out));
    ps_buf_reset(&out);
    assert_fails(PS_E_LIMIT, ps_hex_decode(LITERAL("000000"), &out));
}

static void hexadecimal_is_lower_case(void **state)
{
    static const char *const wrong[] = {"0", "0g", "0A", "AB", " 0", "0x00", "\xff\xff"};
    PS_BUF_AUTO text = {.max = 16};
    PS_BUF_AUTO octets = {.max = 16};

    (void)state;
    ps_buf_put_hex(&text, LITERAL("\x00\xff\x1a"));
    assert_text(ps_buf_bytes(&text), "00ff1a");
    assert_ok(ps_hex_decode(LITERAL("00ff1a"), &octets));
    assert_bytes(ps_buf_bytes(&octets), LITERAL("\x00\xff\x1a"));
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO out = {.max = 16};

        assert_fails(PS_E_INPUT, ps_hex_decode(ps_bytes_str(wrong[i]), &out));
    }
}

static void html_has_no_character_that_ends_its_text(void **state)
{
    PS_BUF_AUTO out = {.max = 200};

    (void)state;
    ps_buf_put_html(&out, ps_bytes_str("a<b>&amp;\"c\" 'd'\n\xd9\x85"));
    ps_buf_put_html(&out, ps_bytes(NULL, 0));
    assert_text(ps_buf_bytes(&out), "a&lt;b&gt;&amp;amp;&quot;c&quot; 'd'\n\xd9\x85");
}

static void json_strings_are_escaped_as_rfc_8785_says(void **state)
{
    PS_BUF_AUTO out = {.max = 256};

    (void)state;
    ps_buf_put_json_string(
        &out, LITERAL("a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80"));
    assert_text(ps_buf_bytes(&out), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9"
                                    "\xe2\x80\xa8\xf0\x9f\x98\x80\"");
    ps_buf_reset(&out);
    ps_buf_put_json_string(&out, LITERAL("\0"));
    assert_text(ps_buf_bytes(&out), "\"\\u0000\"");
    ps_buf_reset(&out);
    ps_buf_put_json_string(&out, ps_bytes(NULL, 0));
    assert_text(ps_buf_bytes(&out), "\"\"");
}

static void an_octet_is_escaped_alike_wherever_it_stands(void **state)
{
    PS_BUF_AUTO alone = {.max = 16};
    PS_BUF_AUTO expected = {.max = 64};
    PS_BUF_AUTO out = {.max = 64};

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t octet = (uint8_t)c;

        ps_buf_reset(&alone);
        ps_buf_put_json_string(&alone, ps_bytes(&octet, 1));
        for (size_t at = 0; at < 18; at++) {
            uint8_t text[18];

            memset(text, 'a', sizeof text);
            text[at] = octet;
            ps_buf_reset(&out);
            ps_buf_put_json_string(&out, ps_bytes(text, sizeof text));
            ps_buf_reset(&expected);
            ps_buf_printf(&expected, "\"%.*s", (int)at, "aaaaaaaaaaaaaaaaaa");
            ps_buf_put(&expected, ps_bytes(alone.data + 1, alone.len - 2));
            ps_buf_printf(&expected, "%.*s\"", (int)(17 - at), "aaaaaaaaaaaaaaaaaa");
            assert_true(ps_bytes_equal(ps_buf_bytes(&out), ps_buf_bytes(&expected)));
        }
    }
}

static void characters_are_encoded_with_the_fewest_octets(void **state)
{
    static const struct {
        uint32_t code;
        const char *text;
    } rows[] = {
        {0x01, "\x01"},
        {0x7f, "\x7f"},
        {0x80, "\xc2\x80"},
        {0x7ff, "\xdf\xbf"},
        {0x800, "\xe0\xa0\x80"},
        {0xffff, "\xef\xbf\xbf"},
        {0x10000, "\xf0\x90\x80\x80"},
        {0x10ffff, "\xf4\x8f\xbf\xbf"},
    };
    uint8_t out[4];

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_text(ps_bytes(out, ps_utf8_encode(rows[i].code, out)), rows[i].text);
    }
}

static void hexadecimal_digits_have_either_case(void **state)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";

    (void)state;
    for (int i = 0; i < 32; i++) {
        assert_int_equal(ps_hex_digit((uint8_t)digits[i]), i % 16);
    }
    assert_int_equal(ps_hex_digit('g'), -1);
    assert_int_equal(ps_hex_digit('/'), -1);
    assert_int_equal(ps_hex_digit(':'), -1);
    assert_int_equal(ps_hex_digit('@'), -1);
    assert_int_equal(ps_hex_digit('`'), -1);
    assert_int_equal(ps_hex_digit('G'), -1);
}

static void octets_that_are_not_utf8_become_the_replacement_character(void **state)
{
    PS_BUF_AUTO out = {.max = 256};

    (void)state;
    ps_buf_put_json_string(&out, LITERAL("a\xff"
                                         "b\xc3"));
    assert_text(ps_buf_bytes(&out), "\"a\xef\xbf\xbd"
                                    "b\xef\xbf\xbd\"");
}

/* RFC 3629: what is valid, and how much of the rest is. */
static void utf8_is_what_rfc_3629_says(void **state)
{
    static const struct {
        const char *text;
        size_t valid;
    } rows[] = {
        {"", 0},
        {"plain ascii that is longer than eight octets", 44},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"12345678\xe0\xa4\x97x", 12},
        {"\x80", 0},
        {"\xc0\x80", 0},
        {"\xc1\xbf", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xed\xa0\x80", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
        {"1234567\xe0\xa4", 7},
        {"123456789\xc3", 9},
        {"a\xc3(", 1},
        {"a\xf0\x9f\x98(", 1},
        {"\xc3\xa9\xc3", 2},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const struct ps_bytes text = ps_bytes_str(rows[i].text);

        assert_int_equal(ps_utf8_prefix(text), rows[i].valid);
        assert_int_equal(ps_utf8_valid(text), rows[i].valid == text.len);
    }
    assert_int_equal(ps_utf8_prefix(LITERAL("a\0b")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_4648_vectors_go_both_ways),
        cmocka_unit_test(every_length_and_octet_comes_back),
        cmocka_unit_test(base64_in_another_form_is_an_input_error),
        cmocka_unit_test(a_full_buffer_is_a_limit_error),
        cmocka_unit_test(hexadecimal_is_lower_case),
        cmocka_unit_test(html_has_no_character_that_ends_its_text),
        cmocka_unit_test(json_strings_are_escaped_as_rfc_8785_says),
        cmocka_unit_test(an_octet_is_escaped_alike_wherever_it_stands),
        cmocka_unit_test(characters_are_encoded_with_the_fewest_octets),
        cmocka_unit_test(hexadecimal_digits_have_either_case),
        cmocka_unit_test(octets_that_are_not_utf8_become_the_replacement_character),
        cmocka_unit_test(utf8_is_what_rfc_3629_says),
    };

    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
