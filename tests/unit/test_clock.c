#include "tests/unit/support.h"

#include "lib/base/clock.h"

/* 2026-01-02T03:04:05.123456789Z */
#define SOME_TIME UINT64_C(1767323045123456789)

static void a_time_is_written_with_as_many_digits_as_asked(void **state)
{
    char out[PS_TIME_MAX];

    (void)state;
    assert_int_equal(ps_time_format(SOME_TIME, 0, out), 20);
    assert_string_equal(out, "2026-01-02T03:04:05Z");
    assert_int_equal(ps_time_format(SOME_TIME, 1, out), 22);
    assert_string_equal(out, "2026-01-02T03:04:05.1Z");
    assert_int_equal(ps_time_format(SOME_TIME, 6, out), 27);
    assert_string_equal(out, "2026-01-02T03:04:05.123456Z");
    assert_int_equal(ps_time_format(SOME_TIME, 9, out), 30);
    assert_string_equal(out, "2026-01-02T03:04:05.123456789Z");
    /* The second just before, after the one that was kept. */
    (void)ps_time_format(SOME_TIME - PS_NS_PER_S, 0, out);
    assert_string_equal(out, "2026-01-02T03:04:04Z");
    (void)ps_time_format(0, 3, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
}

static void a_buffer_gets_the_same_text(void **state)
{
    PS_BUF_AUTO buf = {.max = 64};

    (void)state;
    ps_buf_put_time(&buf, SOME_TIME, 6);
    assert_text(ps_buf_bytes(&buf), "2026-01-02T03:04:05.123456Z");
}

static void what_is_written_is_read_back(void **state)
{
    static const uint64_t times[] = {0,
                                     1,
                                     999999999,
                                     PS_NS_PER_S,
                                     SOME_TIME,
                                     UINT64_C(951782400000000000), /* 2000-02-29 */
                                     UINT64_C(4107542399999999999),
                                     UINT64_C(9214646399999999999)};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(times); i++) {
        char out[PS_TIME_MAX];
        uint64_t back = 7;
        const size_t len = ps_time_format(times[i], 9, out);

        assert_ok(ps_time_parse(ps_bytes(out, len), &back));
        assert_true(back == times[i]);
    }
}

static void fractions_of_any_length_are_read(void **state)
{
    uint64_t ns = 0;

    (void)state;
    assert_ok(ps_time_parse(LITERAL("2026-01-02T03:04:05Z"), &ns));
    assert_true(ns == UINT64_C(1767323045000000000));
    assert_ok(ps_time_parse(LITERAL("2026-01-02T03:04:05.5Z"), &ns));
    assert_true(ns == UINT64_C(1767323045500000000));
    assert_ok(ps_time_parse(LITERAL("2026-01-02T03:04:05.000000001Z"), &ns));
    assert_true(ns == UINT64_C(1767323045000000001));
}

static void what_is_no_time_is_an_input_error(void **state)
{
    static const char *const wrong[] = {
        "",
        "Z",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02t03:04:05Z",
        "2026-01-02T03:04:05z",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05.1234567891Z",
        "2026-01-02T03:04:05.12a4Z",
        "2026-01-02T03:04:05,5Z",
        "2026-02-29T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-12-31T23:59:60Z",
        "1969-12-31T23:59:59Z",
        "2262-01-01T00:00:00Z",
        "+026-01-02T03:04:05Z",
        "2026-1--02T03:04:05Z",
        " 026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z ",
        "2026-01-02T03:04:05ZZ",
    };
    uint64_t ns = 7;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_fails(PS_E_INPUT, ps_time_parse(ps_bytes_str(wrong[i]), &ns));
    }
    assert_true(ns == 7);
    assert_ok(ps_time_parse(LITERAL("2028-02-29T23:59:59Z"), &ns));
    assert_ok(ps_time_parse(LITERAL("2261-12-31T23:59:59.999999999Z"), &ns));
}

static void clocks_go_forward(void **state)
{
    const uint64_t mono = ps_clock_mono_ns();

    (void)state;
    assert_true(ps_clock_mono_ns() >= mono);
    /* After this was written and before the format ends. */
    assert_true(ps_clock_real_ns() > UINT64_C(1700000000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_with_as_many_digits_as_asked),
        cmocka_unit_test(a_buffer_gets_the_same_text),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(fractions_of_any_length_are_read),
        cmocka_unit_test(what_is_no_time_is_an_input_error),
        cmocka_unit_test(clocks_go_forward),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
