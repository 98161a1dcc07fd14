#include "appliance/supervisor/backoff.h"

#include "lib/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_first_restart_is_at_once(void **state)
{
    struct backoff backoff = {0};

    (void)state;
    assert_int_equal(backoff_next(&backoff, 0, false), 0);
}

static void then_it_doubles_from_100_ms_to_5_s_and_stays_there(void **state)
{
    static const uint64_t expected_ms[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
        assert_int_equal(backoff_next(&backoff, PS_NS_PER_S, false), expected_ms[i] * PS_NS_PER_MS);
    }
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(backoff_next(&backoff, 0, false), 5 * PS_NS_PER_S);
    }
}

static void a_life_of_30_s_begins_anew_and_one_short_of_it_does_not(void **state)
{
    struct backoff backoff = {.failures = 4};

    (void)state;
    assert_int_equal(backoff_next(&backoff, 30 * PS_NS_PER_S - 1, false), 800 * PS_NS_PER_MS);
    assert_int_equal(backoff_next(&backoff, 30 * PS_NS_PER_S, false), 0);
    assert_int_equal(backoff_next(&backoff, 0, false), 100 * PS_NS_PER_MS);
}

static void what_was_ready_waits_400_ms_at_most(void **state)
{
    static const uint64_t expected_ms[] = {0, 100, 200, 400, 400};
    struct backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
        assert_int_equal(backoff_next(&backoff, PS_NS_PER_S, true), expected_ms[i] * PS_NS_PER_MS);
    }
    assert_int_equal(backoff_next(&backoff, 0, false), 1600 * PS_NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_restart_is_at_once),
        cmocka_unit_test(then_it_doubles_from_100_ms_to_5_s_and_stays_there),
        cmocka_unit_test(what_was_ready_waits_400_ms_at_most),
        cmocka_unit_test(a_life_of_30_s_begins_anew_and_one_short_of_it_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
