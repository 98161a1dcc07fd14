#include "tests/unit/support.h"

#include "lib/jsonld/number.h"

#include <locale.h>

static void check(void (*put)(struct ps_buf *out, double number), const char *number,
                  const char *expected)
{
    PS_BUF_AUTO out = {.max = 256};

    put(&out, number_read(ps_bytes_str(number)));
    assert_text(ps_buf_bytes(&out), expected);
}

/* RFC 8785 appendix B, and the limits between ECMAScript's forms. */
static void the_shortest_form_is_that_of_ecmascript(void **state)
{
    static const char *const numbers[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.0e5", "0"},
        {"1", "1"},
        {"-1.0", "-1"},
        {"4.50", "4.5"},
        {"2e-3", "0.002"},
        {"0.000001", "0.000001"},
        {"0.0000001", "1e-7"},
        {"-0.0000001234", "-1.234e-7"},
        {"999999999999999900000", "999999999999999900000"},
        {"1e21", "1e+21"},
        {"1E30", "1e+30"},
        {"100000000000000000000", "100000000000000000000"},
        {"9007199254740992", "9007199254740992"},
        {"9007199254740993", "9007199254740992"},
        {"295147905179352830000", "295147905179352830000"},
        {"333333333.33333329", "333333333.3333333"},
        {"333333333.33333343", "333333333.33333343"},
        {"1.7976931348623157e155", "1.7976931348623157e+155"},
        {"0.1", "0.1"},
        {"123456.789e3", "123456789"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(numbers); i++) {
        check(number_put_shortest, numbers[i][0], numbers[i][1]);
    }
}

static void doubles_have_one_digit_before_the_point(void **state)
{
    (void)state;
    check(number_put_double, "0", "0.0E0");
    check(number_put_double, "-0", "0.0E0");
    check(number_put_double, "1", "1.0E0");
    check(number_put_double, "-123.45", "-1.2345E2");
    check(number_put_double, "0.00001", "1.0E-5");
    check(number_put_double, "1e21", "1.0E21");
    check(number_put_double, "0.1234567890123456789", "1.234567890123457E-1");
}

static void integers_are_written_whole(void **state)
{
    (void)state;
    check(number_put_integer, "-0", "0");
    check(number_put_integer, "5.0", "5");
    check(number_put_integer, "-12e3", "-12000");
    check(number_put_integer, "100000000000000000000", "100000000000000000000");
    assert_true(number_is_exact_integer(-9007199254740991.0));
    assert_false(number_is_exact_integer(9007199254740992.0));
    assert_false(number_is_exact_integer(0.5));
}

/* Every double reads back from its shortest form. */
static void shortest_forms_read_back(void **state)
{
    uint64_t bits = 88172645463325252ull;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        PS_BUF_AUTO out = {.max = 256};
        double number;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&number, &bits, sizeof number);
        if (number - number != 0) {
            continue; /* no finite number */
        }
        number_put_shortest(&out, number);
        assert_true(number_read(ps_buf_bytes(&out)) == number);
    }
}

static void the_locale_changes_nothing(void **state)
{
    (void)state;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL &&
        setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL) {
        print_message("no locale with a decimal comma here: only the digits' own code is tried\n");
    }
    check(number_put_shortest, "1234.5", "1234.5");
    check(number_put_double, "1234.5", "1.2345E3");
    (void)setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shortest_form_is_that_of_ecmascript),
        cmocka_unit_test(doubles_have_one_digit_before_the_point),
        cmocka_unit_test(integers_are_written_whole),
        cmocka_unit_test(shortest_forms_read_back),
        cmocka_unit_test(the_locale_changes_nothing),
    };

    return cmocka_run_group_tests_name("jsonld_number", tests, NULL, NULL);
}
