#include "tests/unit/support.h"

#include "keystore/signing/held.h"

/* Answers that wait for their leaf. */

#define COUNT 1000u

struct call {
    unsigned durable;
    unsigned failed;
    struct held *again; /* adds itself anew when it is told */
};

static struct call calls[COUNT];

static void on_told(void *context, bool is_durable)
{
    struct call *call = context;

    call->durable += is_durable ? 1 : 0;
    call->failed += is_durable ? 0 : 1;
    if (call->again != NULL) {
        struct held *held = call->again;

        call->again = NULL;
        assert_ok(held_reserve(held));
        held_add(held, COUNT, on_told, call);
    }
}

static struct held *make(void)
{
    struct held *held;

    memset(calls, 0, sizeof calls);
    assert_ok(held_new(&held));
    return held;
}

static void add(struct held *held, size_t at, uint64_t index)
{
    assert_ok(held_reserve(held));
    held_add(held, index, on_told, &calls[at]);
}

static void nothing_is_released_before_its_leaf_is_durable(void **state)
{
    struct held *held = make();

    (void)state;
    add(held, 0, 7);
    held_release(held, 7);
    assert_int_equal(calls[0].durable, 0);
    held_release(held, 8);
    assert_int_equal(calls[0].durable, 1);
    held_release(held, 9);
    assert_int_equal(calls[0].durable, 1);
    held_free(held);
}

static void many_are_released_in_their_order_and_once(void **state)
{
    struct held *held = make();

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        add(held, i, i);
    }
    assert_int_equal(held_count(held), COUNT);
    for (uint64_t durable = 0; durable <= COUNT; durable += 10) {
        held_release(held, durable);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(calls[i].durable, i < durable ? 1 : 0);
        }
    }
    assert_int_equal(held_count(held), 0);
    held_free(held);
}

static void a_failed_log_releases_nothing(void **state)
{
    struct held *held = make();

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        add(held, i, i);
    }
    held_release(held, 4);
    held_fail(held);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(calls[i].durable, i < 4 ? 1 : 0);
        assert_int_equal(calls[i].failed, i < 4 ? 0 : 1);
    }
    assert_int_equal(held_count(held), 0);
    held_free(held);
}

/* Positions are given anew after a failure: lower ones than before are right then. */
static void after_a_failure_it_begins_anew(void **state)
{
    struct held *held = make();

    (void)state;
    add(held, 0, 100);
    held_fail(held);
    add(held, 1, 50);
    held_release(held, 51);
    assert_int_equal(calls[0].failed, 1);
    assert_int_equal(calls[1].durable, 1);
    held_free(held);
}

static void who_is_told_may_add_again(void **state)
{
    struct held *held = make();

    (void)state;
    calls[0].again = held;
    add(held, 0, 1);
    held_fail(held);
    assert_int_equal(calls[0].failed, 1);
    assert_int_equal(held_count(held), 1);
    held_release(held, COUNT + 1);
    assert_int_equal(calls[0].durable, 1);
    held_free(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_released_before_its_leaf_is_durable),
        cmocka_unit_test(many_are_released_in_their_order_and_once),
        cmocka_unit_test(a_failed_log_releases_nothing),
        cmocka_unit_test(after_a_failure_it_begins_anew),
        cmocka_unit_test(who_is_told_may_add_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
