#include "tests/unit/support.h"

#include "keystore/certificates/certificate_watch.h"

#define DAY_S UINT64_C(86400)
#define NOW_S UINT64_C(1767323045)

/* 30, 14, 7 and 1 days before the end, each to the second, and the end itself. */
static void each_alarm_is_due_at_its_day_and_not_before(void **state)
{
    static const uint64_t days[] = {30, 14, 7, 1, 0};

    (void)state;
    assert_int_equal(certificate_watch_steps(NOW_S + 365 * DAY_S, NOW_S), 0);
    for (unsigned i = 0; i < PS_COUNT_OF(days); i++) {
        assert_int_equal(certificate_watch_steps(NOW_S + days[i] * DAY_S + 1, NOW_S), i);
        assert_int_equal(certificate_watch_steps(NOW_S + days[i] * DAY_S, NOW_S), i + 1);
    }
    assert_int_equal(certificate_watch_steps(0, NOW_S), PS_COUNT_OF(days));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_alarm_is_due_at_its_day_and_not_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
