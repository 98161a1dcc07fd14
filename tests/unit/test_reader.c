#include "tests/unit/support.h"

#include "lib/base/reader.h"

static void numbers_and_octets_are_taken_in_order(void **state)
{
    struct ps_reader reader = ps_reader(LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"
                                                "\x0d\x0e\x0f"
                                                "abc"));

    (void)state;
    assert_int_equal(ps_reader_u8(&reader), 1);
    assert_int_equal(ps_reader_u16(&reader), 0x0203);
    assert_true(ps_reader_u32(&reader) == 0x04050607);
    assert_true(ps_reader_u64(&reader) == 0x08090a0b0c0d0e0full);
    assert_text(ps_reader_take(&reader, 3), "abc");
    assert_int_equal(ps_reader_take(&reader, 0).len, 0);
    assert_ok(ps_reader_finish(&reader));
}

static void what_is_left_over_is_an_input_error(void **state)
{
    struct ps_reader reader = ps_reader(LITERAL("ab"));

    (void)state;
    assert_int_equal(ps_reader_u8(&reader), 'a');
    assert_fails(PS_E_INPUT, ps_reader_finish(&reader));
}

static void a_short_read_fails_everything_after_it(void **state)
{
    static const size_t wanted[] = {2, 4, 8};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wanted); i++) {
        struct ps_reader reader = ps_reader(ps_bytes("abcdefgh", wanted[i] - 1));

        assert_true((i == 0   ? ps_reader_u16(&reader)
                     : i == 1 ? ps_reader_u32(&reader)
                              : ps_reader_u64(&reader)) == 0);
        assert_int_equal(ps_reader_u8(&reader), 0);
        assert_int_equal(ps_reader_take(&reader, 0).len, 0);
        assert_fails(PS_E_INPUT, ps_reader_finish(&reader));
    }
}

static void taking_more_than_there_is_fails(void **state)
{
    struct ps_reader reader = ps_reader(LITERAL("abc"));

    (void)state;
    assert_int_equal(ps_reader_take(&reader, 4).len, 0);
    assert_fails(PS_E_INPUT, ps_reader_finish(&reader));
    reader = ps_reader(LITERAL("abc"));
    assert_int_equal(ps_reader_take(&reader, SIZE_MAX).len, 0);
    assert_fails(PS_E_INPUT, ps_reader_finish(&reader));
    reader = ps_reader(ps_bytes(NULL, 0));
    assert_ok(ps_reader_finish(&reader));
    assert_int_equal(ps_reader_u8(&reader), 0);
    assert_fails(PS_E_INPUT, ps_reader_finish(&reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_octets_are_taken_in_order),
        cmocka_unit_test(what_is_left_over_is_an_input_error),
        cmocka_unit_test(a_short_read_fails_everything_after_it),
        cmocka_unit_test(taking_more_than_there_is_fails),
    };

    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
