#include "tests/unit/support.h"

#include "keystore/pace.h"

/* How long work that nobody waits for rests. */

static void alone_it_goes_on_at_once(void **state)
{
    struct pace pace = {.requests = 0};

    (void)state;
    assert_int_equal(pace_rest_ns(&pace, 0, 0), PACE_REST_MIN_NS);
    assert_int_equal(pace_rest_ns(&pace, 0, PS_NS_PER_MS), PACE_REST_MIN_NS);
    assert_int_equal(pace_rest_ns(&pace, 0, UINT64_MAX), PACE_REST_MIN_NS);
}

static void beside_requests_it_takes_its_share(void **state)
{
    struct pace pace = {.requests = 0};

    (void)state;
    assert_int_equal(pace_rest_ns(&pace, 1, PS_NS_PER_MS), PACE_SHARE * PS_NS_PER_MS);
    assert_int_equal(pace_rest_ns(&pace, 1, PS_NS_PER_MS), PACE_REST_MIN_NS);
    assert_int_equal(pace_rest_ns(&pace, 3, PS_NS_PER_MS), PACE_SHARE * PS_NS_PER_MS);
}

static void no_rest_is_shorter_or_longer_than_its_bounds(void **state)
{
    const uint64_t least = PACE_REST_MIN_NS / PACE_SHARE;
    const uint64_t most = PACE_REST_MAX_NS / PACE_SHARE;
    struct pace pace = {.requests = 0};
    uint64_t requests = 0;

    (void)state;
    assert_int_equal(pace_rest_ns(&pace, ++requests, 0), PACE_REST_MIN_NS);
    assert_int_equal(pace_rest_ns(&pace, ++requests, least), PACE_REST_MIN_NS);
    assert_true(pace_rest_ns(&pace, ++requests, least + 1) > PACE_REST_MIN_NS);
    assert_true(pace_rest_ns(&pace, ++requests, most - 1) < PACE_REST_MAX_NS);
    assert_int_equal(pace_rest_ns(&pace, ++requests, most), PACE_REST_MAX_NS);
    assert_int_equal(pace_rest_ns(&pace, ++requests, UINT64_MAX), PACE_REST_MAX_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_it_goes_on_at_once),
        cmocka_unit_test(beside_requests_it_takes_its_share),
        cmocka_unit_test(no_rest_is_shorter_or_longer_than_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
