#include "frontends/shared/calls.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Calls of an appliance that is not there: what matters is where they are made, and that they end.
 */
struct tried {
    struct call call; /* first: a call is its tried */
    enum privyseal_result result;
    unsigned *left;
    struct ps_loop *loop;
};

static void work(struct call *call, struct privyseal *client)
{
    struct tried *tried = (struct tried *)(void *)call;
    struct privyseal_answer answer;

    tried->result = privyseal_get_jwks(client, NULL, &answer);
    privyseal_answer_clear(&answer);
}

static void done(struct call *call)
{
    struct tried *tried = (struct tried *)(void *)call;

    if (--*tried->left == 0) {
        ps_loop_stop(tried->loop);
    }
}

#define MANY 50u

static struct ps_loop *loop;
static struct calls *calls;
static struct tried tries[MANY];
static unsigned left;

static void begin(size_t threads, size_t waiting)
{
    const struct privyseal_options options = {.socket = "/nowhere/clients.sock"};

    assert_int_equal(ps_loop_new(&loop), PS_OK);
    assert_int_equal(calls_new(loop, &options, threads, waiting, &calls), PS_OK);
    for (size_t i = 0; i < MANY; i++) {
        tries[i] =
            (struct tried){.call = {.work = work, .done = done}, .left = &left, .loop = loop};
    }
    left = 0;
}

static void make_all(void)
{
    for (size_t i = 0; i < MANY; i++) {
        left++;
        assert_int_equal(calls_make(calls, &tries[i].call), PS_OK);
    }
}

static void assert_all_unreachable(void)
{
    assert_int_equal(left, 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(tries[i].result, PRIVYSEAL_UNREACHABLE);
    }
}

static void each_call_comes_back_into_the_loop(void **state)
{
    (void)state;
    begin(4, MANY);
    make_all();
    assert_int_equal(ps_loop_run(loop), PS_OK);
    assert_all_unreachable();
    calls_free(calls);
    ps_loop_free(loop);
}

static void what_waits_at_the_end_is_made_before_it(void **state)
{
    (void)state;
    begin(2, MANY);
    make_all();
    calls_free(calls);
    assert_all_unreachable();
    ps_loop_free(loop);
}

static void hold(struct call *call, struct privyseal *client)
{
    (void)client;
    while (__atomic_load_n(&((struct tried *)(void *)call)->result, __ATOMIC_ACQUIRE) ==
           PRIVYSEAL_OK) {
    }
}

/* One call is held on the only thread and one waits: whether the first still waits, too, or not. */
static void more_than_may_wait_is_busy(void **state)
{
    size_t taken = 0;

    (void)state;
    begin(1, 2);
    for (size_t i = 0; i < 4; i++) {
        tries[i].call.work = hold;
        if (calls_make(calls, &tries[i].call) == PS_OK) {
            left++;
            taken++;
        }
    }
    assert_in_range(taken, 2, 3);
    for (size_t i = 0; i < 4; i++) {
        __atomic_store_n(&tries[i].result, PRIVYSEAL_TIMEOUT, __ATOMIC_RELEASE);
    }
    calls_free(calls);
    assert_int_equal(left, 0);
    ps_loop_free(loop);
}

static void options_without_an_appliance_are_refused(void **state)
{
    const struct privyseal_options options = {.socket = NULL};

    (void)state;
    assert_int_equal(ps_loop_new(&loop), PS_OK);
    assert_int_equal(calls_new(loop, &options, 1, 1, &calls), PS_E_INPUT);
    ps_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_comes_back_into_the_loop),
        cmocka_unit_test(what_waits_at_the_end_is_made_before_it),
        cmocka_unit_test(more_than_may_wait_is_busy),
        cmocka_unit_test(options_without_an_appliance_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
