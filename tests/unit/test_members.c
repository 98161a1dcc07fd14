#include "tests/unit/support.h"

#include "lib/ceremony/members.h"

static void numbers_have_one_form(void **state)
{
    static const char *const wrong[] = {"",   "00", "01",  "+1",  "-1",
                                        " 1", "1 ", "1.0", "0x1", "1e1"};
    uint64_t number = 7;

    (void)state;
    assert_ok(member_read_decimal(ps_bytes_str("0"), "n", 9, &number));
    assert_int_equal(number, 0);
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, member_read_decimal(ps_bytes_str(wrong[i]), "n", 99, &number));
    }
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT,
                     member_read_decimal(ps_bytes_str(wrong[i]), "n", UINT64_MAX, &number));
    }
    assert_fails(PS_E_INPUT, member_read_decimal(ps_bytes_str("1:"), "n", UINT64_MAX, &number));
    assert_fails(PS_E_INPUT, member_read_decimal(ps_bytes_str("/"), "n", UINT64_MAX, &number));
    assert_int_equal(number, 0);
}

static void the_limit_holds_and_one_more_does_not(void **state)
{
    static const struct {
        const char *most;
        const char *more;
        uint64_t max;
    } rows[] = {
        {"0", "1", 0},
        {"1", "2", 1},
        {"3", "5", 3},
        {"9", "10", 9},
        {"64", "65", 64},
        {"105", "106", 105},
        {"18446744073709551615", "18446744073709551616", UINT64_MAX},
        {"18446744073709551615", "99999999999999999999999", UINT64_MAX},
    };
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_ok(member_read_decimal(ps_bytes_str(rows[i].most), "n", rows[i].max, &number));
        assert_true(number == rows[i].max);
        assert_fails(PS_E_INPUT,
                     member_read_decimal(ps_bytes_str(rows[i].more), "n", rows[i].max, &number));
    }
}

static void times_are_whole_seconds_in_utc(void **state)
{
    static const char *const wrong[] = {"2026-01-02T03:04:05.0Z", "2026-01-02T03:04:05",
                                        "2026-02-30T03:04:05Z", "2026-01-02 03:04:05Z", ""};
    PS_BUF_AUTO out = {.max = 64};
    uint64_t when = 1;

    (void)state;
    assert_ok(member_read_time(ps_bytes_str("1970-01-01T00:01:05Z"), "t", &when));
    assert_int_equal(when, 65);
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, member_read_time(ps_bytes_str(wrong[i]), "t", &when));
    }
    assert_int_equal(when, 65);
    member_put_time(&out, when);
    member_put_decimal(&out, 10);
    assert_text(ps_buf_bytes(&out), "\"1970-01-01T00:01:05Z\"\"10\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(the_limit_holds_and_one_more_does_not),
        cmocka_unit_test(times_are_whole_seconds_in_utc),
    };

    return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
