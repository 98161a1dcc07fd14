#include "tests/unit/support.h"

#include "lib/base/clock.h"
#include "pkcs11/token/breaker.h"

/* Which failures start the module anew, and which set a key aside. */

static enum breaker_verdict fail_times(struct breaker *breaker, const char *id, unsigned times,
                                       uint64_t now)
{
    enum breaker_verdict verdict = BREAKER_GO_ON;

    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(verdict, BREAKER_GO_ON);
        verdict = breaker_fail(breaker, ps_bytes_str(id), now);
    }
    return verdict;
}

static void failures_in_a_row_start_the_module_anew(void **state)
{
    struct breaker breaker = {0};

    (void)state;
    assert_int_equal(fail_times(&breaker, "a", BREAKER_FAILURES - 1, 1), BREAKER_GO_ON);
    breaker_succeed(&breaker);
    assert_int_equal(fail_times(&breaker, "a", BREAKER_FAILURES, 1), BREAKER_RELOAD);
    assert_int_equal(fail_times(&breaker, "b", BREAKER_FAILURES, 1), BREAKER_RELOAD);
}

static void key_that_fails_alone_twice_is_set_aside(void **state)
{
    struct breaker breaker = {0};
    const uint64_t now = 100 * PS_NS_PER_S;

    (void)state;
    assert_int_equal(fail_times(&breaker, "a", BREAKER_FAILURES, now), BREAKER_RELOAD);
    assert_false(breaker_is_aside(&breaker, ps_bytes_str("a"), now));
    assert_int_equal(fail_times(&breaker, "a", BREAKER_FAILURES, now + 1), BREAKER_SET_ASIDE);
    assert_true(breaker_is_aside(&breaker, ps_bytes_str("a"), now + 2));
    assert_false(breaker_is_aside(&breaker, ps_bytes_str("b"), now + 2));
    assert_false(breaker_is_aside(&breaker, ps_bytes_str("a"), now + 1 + PS_NS_PER_S));
    assert_int_equal(fail_times(&breaker, "a", BREAKER_FAILURES, now + 41 * PS_NS_PER_S),
                     BREAKER_SET_ASIDE);
}

static void keys_that_fail_together_are_the_module_s_fault(void **state)
{
    struct breaker breaker = {0};

    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(fail_times(&breaker, "a", BREAKER_FAILURES - 1, 1), BREAKER_GO_ON);
        assert_int_equal(fail_times(&breaker, "b", 1, 1), BREAKER_RELOAD);
    }
    for (int round = 0; round < 3; round++) {
        assert_int_equal(fail_times(&breaker, "", BREAKER_FAILURES, 1), BREAKER_RELOAD);
    }
}

static void places_for_keys_set_aside_are_bounded(void **state)
{
    struct breaker breaker = {0};

    (void)state;
    for (char c = 'a'; c < 'a' + BREAKER_ASIDE_MAX + 3; c++) {
        const char id[] = {c, 0};
        const uint64_t now = (uint64_t)(c - 'a' + 1) * PS_NS_PER_MS;

        assert_int_equal(fail_times(&breaker, id, BREAKER_FAILURES, now), BREAKER_RELOAD);
        assert_int_equal(fail_times(&breaker, id, BREAKER_FAILURES, now), BREAKER_SET_ASIDE);
    }
    assert_int_equal(breaker.aside_count, BREAKER_ASIDE_MAX);
    assert_false(breaker_is_aside(&breaker, ps_bytes_str("a"), PS_NS_PER_S));
    assert_true(breaker_is_aside(&breaker, ps_bytes_str("d"), PS_NS_PER_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_start_the_module_anew),
        cmocka_unit_test(key_that_fails_alone_twice_is_set_aside),
        cmocka_unit_test(keys_that_fail_together_are_the_module_s_fault),
        cmocka_unit_test(places_for_keys_set_aside_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
