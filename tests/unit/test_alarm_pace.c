#include "tests/unit/support.h"

#include "keystore/events/alarm_pace.h"

#include <stdio.h>

/* Which alarms become leaves. */

#define SECOND UINT64_C(1000000000)

static struct alarm_pace pace;
static uint64_t now_ns;
static uint64_t left_out;

static int begin(void **state)
{
    (void)state;
    memset(&pace, 0, sizeof pace);
    now_ns = 1; /* an appliance that has only just started */
    left_out = 0;
    return 0;
}

static bool take(const char *code, const char *about)
{
    return alarm_pace_take(&pace, code, ps_bytes_str(about), now_ns, &left_out);
}

static void the_same_is_told_once_a_minute(void **state)
{
    (void)state;
    assert_true(take("wrong-pin", "hsm"));
    assert_int_equal(left_out, 0);
    now_ns += 60 * SECOND - 1;
    assert_false(take("wrong-pin", "hsm"));
    now_ns++;
    assert_true(take("wrong-pin", "hsm"));
    assert_int_equal(left_out, 1);
    now_ns += 60 * SECOND;
    assert_true(take("wrong-pin", "hsm"));
    assert_int_equal(left_out, 0);
}

static void another_thing_or_code_is_told_at_once(void **state)
{
    (void)state;
    assert_true(take("wrong-pin", "hsm"));
    assert_true(take("wrong-pin", "hsm-2"));
    assert_true(take("wrong-pin", ""));
    assert_true(take("pin-differs", "hsm"));
    assert_false(take("wrong-pin", "hsm"));
    assert_false(take("wrong-pin", "hsm-2"));
    assert_false(take("wrong-pin", ""));
    assert_false(take("pin-differs", "hsm"));
}

static void what_is_left_out_is_told_with_any_of_its_code(void **state)
{
    (void)state;
    assert_true(take("wrong-pin", "hsm"));
    assert_false(take("wrong-pin", "hsm"));
    assert_false(take("wrong-pin", "hsm"));
    assert_true(take("pin-differs", "hsm"));
    assert_int_equal(left_out, 0);
    assert_true(take("wrong-pin", "hsm-2"));
    assert_int_equal(left_out, 2);
}

static bool take_numbered(unsigned number)
{
    char about[16];

    (void)snprintf(about, sizeof about, "key.%u", number);
    return take("record-damaged", about);
}

static void many_things_do_not_fill_the_log(void **state)
{
    unsigned told = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        told += take_numbered(i) ? 1 : 0;
    }
    assert_int_equal(told, ALARM_THINGS);
    now_ns += 60 * SECOND;
    assert_true(take_numbered(1000));
    assert_int_equal(left_out, 1000 - ALARM_THINGS);
    assert_true(take_numbered(0));
    assert_false(take_numbered(1000));
}

static void codes_without_a_row_share_one(void **state)
{
    static char codes[ALARM_CODES + 8][8];

    (void)state;
    for (unsigned i = 0; i < PS_COUNT_OF(codes); i++) {
        (void)snprintf(codes[i], sizeof codes[i], "c%u", i);
        assert_int_equal(take(codes[i], ""), i < ALARM_CODES);
    }
    assert_true(take("another", "key"));
    assert_int_equal(left_out, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_same_is_told_once_a_minute, begin),
        cmocka_unit_test_setup(another_thing_or_code_is_told_at_once, begin),
        cmocka_unit_test_setup(what_is_left_out_is_told_with_any_of_its_code, begin),
        cmocka_unit_test_setup(many_things_do_not_fill_the_log, begin),
        cmocka_unit_test_setup(codes_without_a_row_share_one, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
