#include "tests/unit/support.h"

static void numbers_are_big_endian(void **state)
{
    PS_BUF_AUTO buf = {.max = 100};

    (void)state;
    ps_buf_put_u8(&buf, 0x01);
    ps_buf_put_u16(&buf, 0x0203);
    ps_buf_put_u32(&buf, 0x04050607);
    ps_buf_put_u64(&buf, 0x08090a0b0c0d0e0full);
    assert_ok(ps_buf_status(&buf));
    assert_bytes(ps_buf_bytes(&buf),
                 LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"));
}

static void text_decimals_and_formats_are_appended(void **state)
{
    PS_BUF_AUTO buf = {.max = 100};

    (void)state;
    ps_buf_put_str(&buf, "a");
    ps_buf_put_decimal(&buf, 0);
    ps_buf_put_decimal(&buf, UINT64_MAX);
    ps_buf_printf(&buf, " %s-%u", "b", 7u);
    ps_buf_put(&buf, ps_bytes(NULL, 0));
    assert_text(ps_buf_bytes(&buf), "a018446744073709551615 b-7");
}

static void the_maximum_is_reached_and_not_passed(void **state)
{
    PS_BUF_AUTO buf = {.max = 8};

    (void)state;
    ps_buf_put_u64(&buf, 1);
    assert_ok(ps_buf_status(&buf));
    ps_buf_put_u8(&buf, 1);
    assert_fails(PS_E_LIMIT, ps_buf_status(&buf));
    assert_int_equal(buf.len, 8);
    ps_buf_reset(&buf);
    ps_buf_printf(&buf, "%s", "12345678");
    assert_ok(ps_buf_status(&buf));
    assert_text(ps_buf_bytes(&buf), "12345678");
    ps_buf_reset(&buf);
    ps_buf_printf(&buf, "%s", "123456789");
    assert_fails(PS_E_LIMIT, ps_buf_status(&buf));
}

static void a_long_format_is_not_cut(void **state)
{
    char text[1000];
    PS_BUF_AUTO buf = {.max = 2000};

    (void)state;
    for (size_t len = 250; len < 260; len++) {
        memset(text, 'x', len);
        text[len] = '\0';
        ps_buf_reset(&buf);
        ps_buf_printf(&buf, "<%s>", text);
        assert_int_equal(buf.len, len + 2);
        assert_int_equal(buf.data[len + 1], '>');
    }
}

static void after_an_error_nothing_is_added(void **state)
{
    PS_BUF_AUTO buf = {.max = 4};

    (void)state;
    ps_buf_put_str(&buf, "abc");
    ps_buf_put_str(&buf, "de");
    ps_buf_put_str(&buf, "f");
    ps_buf_put_u8(&buf, 'g');
    ps_buf_printf(&buf, "h");
    assert_null(ps_buf_reserve(&buf, 0));
    assert_fails(PS_E_LIMIT, ps_buf_status(&buf));
    assert_text(ps_buf_bytes(&buf), "abc");
    ps_buf_reset(&buf);
    ps_buf_put_str(&buf, "abcd");
    assert_ok(ps_buf_status(&buf));
}

static void reserved_room_is_written_and_committed(void **state)
{
    PS_BUF_AUTO buf = {.max = 1000};
    uint8_t *to;

    (void)state;
    to = ps_buf_reserve(&buf, 500);
    assert_non_null(to);
    memset(to, 'x', 500);
    ps_buf_commit(&buf, 3);
    assert_text(ps_buf_bytes(&buf), "xxx");
    assert_null(ps_buf_reserve(&buf, 998));
    assert_fails(PS_E_LIMIT, ps_buf_status(&buf));
}

static void consuming_drops_from_the_front(void **state)
{
    PS_BUF_AUTO buf = {.max = 16};

    (void)state;
    ps_buf_put_str(&buf, "abcdef");
    ps_buf_consume(&buf, 0);
    ps_buf_consume(&buf, 2);
    assert_text(ps_buf_bytes(&buf), "cdef");
    ps_buf_consume(&buf, 4);
    assert_int_equal(buf.len, 0);
}

static void a_length_known_later_is_set(void **state)
{
    PS_BUF_AUTO buf = {.max = 16};

    (void)state;
    ps_buf_put_u32(&buf, 0);
    ps_buf_put_str(&buf, "abc");
    ps_buf_set_u32(&buf, 0, (uint32_t)buf.len);
    assert_bytes(ps_buf_bytes(&buf), LITERAL("\0\0\0\7abc"));
}

static void it_grows_over_many_sizes_and_keeps_what_it_had(void **state)
{
    PS_BUF_AUTO buf = {.max = 100000};

    (void)state;
    for (uint32_t i = 0; i < 25000; i++) {
        ps_buf_put_u32(&buf, i);
    }
    assert_ok(ps_buf_status(&buf));
    assert_int_equal(buf.len, 100000);
    for (uint32_t i = 0; i < 25000; i++) {
        assert_int_equal(buf.data[4 * i + 3], i & 0xff);
        assert_int_equal(buf.data[4 * i + 2], i >> 8 & 0xff);
    }
}

static void clearing_keeps_the_maximum_and_resetting_too(void **state)
{
    PS_BUF_AUTO buf = {.max = 4};

    (void)state;
    ps_buf_put_str(&buf, "abcd");
    ps_buf_clear(&buf);
    assert_null(buf.data);
    ps_buf_put_str(&buf, "efgh");
    assert_ok(ps_buf_status(&buf));
    ps_buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    ps_buf_put_str(&buf, "abcde");
    assert_fails(PS_E_LIMIT, ps_buf_status(&buf));
}

static void octets_are_compared_and_cut(void **state)
{
    const struct ps_bytes text = LITERAL("abc");

    (void)state;
    assert_true(ps_bytes_compare(LITERAL("ab"), text) < 0);
    assert_true(ps_bytes_compare(text, LITERAL("ab")) > 0);
    assert_true(ps_bytes_compare(LITERAL("b"), text) > 0);
    assert_int_equal(ps_bytes_compare(text, LITERAL("abc")), 0);
    assert_int_equal(ps_bytes_compare(ps_bytes(NULL, 0), ps_bytes(NULL, 0)), 0);
    assert_true(ps_bytes_compare(LITERAL("\xff"), LITERAL("\x01")) > 0);
    assert_text(ps_bytes_from(text, 1), "bc");
    assert_int_equal(ps_bytes_from(text, 3).len, 0);
    assert_int_equal(ps_bytes_from(text, 9).len, 0);
    assert_true(ps_bytes_starts_with(text, LITERAL("ab")));
    assert_true(ps_bytes_starts_with(text, ps_bytes(NULL, 0)));
    assert_false(ps_bytes_starts_with(LITERAL("ab"), text));
    assert_true(ps_bytes_equal_secret(text, LITERAL("abc")));
    assert_false(ps_bytes_equal_secret(text, LITERAL("abd")));
    assert_false(ps_bytes_equal_secret(text, LITERAL("ab")));
    assert_true(ps_bytes_equal(ps_bytes(NULL, 0), LITERAL("")));
    assert_int_equal(ps_bytes_str(NULL).len, 0);
}

static void a_copy_as_a_string_ends_with_nul(void **state)
{
    char *text = ps_bytes_to_str(LITERAL("abc"));
    char *empty = ps_bytes_to_str(ps_bytes(NULL, 0));

    (void)state;
    assert_string_equal(text, "abc");
    assert_string_equal(empty, "");
    free(text);
    free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(text_decimals_and_formats_are_appended),
        cmocka_unit_test(the_maximum_is_reached_and_not_passed),
        cmocka_unit_test(a_long_format_is_not_cut),
        cmocka_unit_test(after_an_error_nothing_is_added),
        cmocka_unit_test(reserved_room_is_written_and_committed),
        cmocka_unit_test(consuming_drops_from_the_front),
        cmocka_unit_test(a_length_known_later_is_set),
        cmocka_unit_test(it_grows_over_many_sizes_and_keeps_what_it_had),
        cmocka_unit_test(clearing_keeps_the_maximum_and_resetting_too),
        cmocka_unit_test(octets_are_compared_and_cut),
        cmocka_unit_test(a_copy_as_a_string_ends_with_nul),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
