#include "tests/unit/support.h"

#include "keystore/state/clock_watch.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* When the clock of the day is trusted. */

#define STEP_S  60u
#define START_S 1000000u

static struct clock_watch watch;
static uint64_t mono_s;
static int64_t real_ahead_s; /* of where it should be */

static struct clock_times now(void)
{
    return (struct clock_times){.real_ns = (uint64_t)((int64_t)(START_S + mono_s) + real_ahead_s) *
                                           PS_NS_PER_S,
                                .mono_ns = mono_s * PS_NS_PER_S};
}

/* In the place of the C library's: the process is stopped after its next readings of the day. */
static time_t stopped_s;
static unsigned stops;

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, ret_now);

    ret_now->tv_sec += stopped_s;
    if (clock == CLOCK_REALTIME && stops != 0) {
        stops--;
        stopped_s += 2 * STEP_S;
    }
    return result;
}

static int begin(void **state)
{
    (void)state;
    mono_s = 5;
    real_ahead_s = 0;
    clock_watch_init(&watch, STEP_S, now());
    return 0;
}

static enum clock_event after(uint64_t seconds)
{
    mono_s += seconds;
    return clock_watch_look(&watch, now());
}

static bool is_good(void)
{
    return clock_watch_is_good(&watch, now());
}

static void a_steady_clock_is_trusted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(after(1), CLOCK_NOTHING);
        assert_true(is_good());
    }
}

static void small_corrections_are_followed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        real_ahead_s += STEP_S;
        assert_int_equal(after(3600), CLOCK_NOTHING);
        assert_true(is_good());
    }
}

/* Each is below the bound: without it a day would have passed within half an hour. */
static void many_small_steps_within_an_hour_are_one(void **state)
{
    (void)state;
    real_ahead_s = STEP_S / 2;
    assert_int_equal(after(1), CLOCK_NOTHING);
    real_ahead_s = STEP_S;
    assert_int_equal(after(1), CLOCK_NOTHING);
    real_ahead_s = STEP_S + 1;
    assert_int_equal(after(1), CLOCK_STEPPED);
    assert_false(is_good());
    assert_int_equal(after(301), CLOCK_SETTLED);
    real_ahead_s = STEP_S * 2;
    assert_int_equal(after(1), CLOCK_NOTHING);
}

static void a_step_is_told_once_and_settles_after_a_while(void **state)
{
    (void)state;
    real_ahead_s = STEP_S + 1;
    assert_false(is_good()); /* before anybody looked */
    assert_int_equal(after(1), CLOCK_STEPPED);
    assert_int_equal(after(1), CLOCK_NOTHING);
    assert_false(is_good());
    assert_int_equal(after(290), CLOCK_NOTHING);
    assert_false(is_good());
    assert_int_equal(after(10), CLOCK_SETTLED);
    assert_true(is_good());
}

static void a_second_step_makes_it_wait_anew(void **state)
{
    (void)state;
    real_ahead_s = 1000;
    assert_int_equal(after(1), CLOCK_STEPPED);
    real_ahead_s = 5000;
    assert_int_equal(after(299), CLOCK_NOTHING);
    assert_int_equal(after(2), CLOCK_NOTHING);
    assert_false(is_good());
    assert_int_equal(after(300), CLOCK_SETTLED);
}

static void a_clock_that_goes_back_to_where_it_was_is_trusted_at_once(void **state)
{
    (void)state;
    real_ahead_s = 1000;
    assert_int_equal(after(1), CLOCK_STEPPED);
    real_ahead_s = 0;
    assert_int_equal(after(1), CLOCK_SETTLED);
    assert_true(is_good());
}

static void a_clock_behind_the_log_is_not_trusted(void **state)
{
    (void)state;
    clock_watch_note(&watch, now().real_ns + 100 * PS_NS_PER_S);
    assert_false(is_good());
    assert_int_equal(after(1), CLOCK_BEHIND);
    assert_int_equal(after(50), CLOCK_NOTHING);
    assert_int_equal(after(60), CLOCK_SETTLED); /* it has caught up */
    assert_true(is_good());
}

/* One that had been years ahead, and is right now, does not stop the appliance for years. */
static void a_leaf_from_the_future_is_lived_with(void **state)
{
    (void)state;
    clock_watch_note(&watch, now().real_ns + UINT64_C(100000000) * PS_NS_PER_S);
    assert_int_equal(after(1), CLOCK_BEHIND);
    assert_int_equal(after(299), CLOCK_NOTHING);
    assert_int_equal(after(2), CLOCK_SETTLED);
    assert_true(is_good());
    assert_int_equal(after(1), CLOCK_NOTHING);
}

static void two_seconds_behind_are_nothing(void **state)
{
    (void)state;
    clock_watch_note(&watch, now().real_ns + 2 * PS_NS_PER_S);
    assert_true(is_good());
    clock_watch_note(&watch, now().real_ns + 3 * PS_NS_PER_S);
    assert_false(is_good());
}

static void who_was_stopped_between_the_clocks_reads_them_again(void **state)
{
    (void)state;
    clock_watch_init(&watch, STEP_S, clock_times_now());
    stops = 3;
    assert_int_equal(clock_watch_look(&watch, clock_times_now()), CLOCK_NOTHING);
    assert_int_equal(stops, 0);
    stops = 1000; /* whoever is stopped each time is not held up for ever */
    (void)clock_times_now();
    assert_true(stops > 900);
    stops = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_steady_clock_is_trusted, begin),
        cmocka_unit_test_setup(small_corrections_are_followed, begin),
        cmocka_unit_test_setup(many_small_steps_within_an_hour_are_one, begin),
        cmocka_unit_test_setup(a_step_is_told_once_and_settles_after_a_while, begin),
        cmocka_unit_test_setup(a_second_step_makes_it_wait_anew, begin),
        cmocka_unit_test_setup(a_clock_that_goes_back_to_where_it_was_is_trusted_at_once, begin),
        cmocka_unit_test_setup(a_clock_behind_the_log_is_not_trusted, begin),
        cmocka_unit_test_setup(a_leaf_from_the_future_is_lived_with, begin),
        cmocka_unit_test_setup(two_seconds_behind_are_nothing, begin),
        cmocka_unit_test_setup(who_was_stopped_between_the_clocks_reads_them_again, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
