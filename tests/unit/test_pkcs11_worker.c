#include "tests/unit/support.h"

#include "lib/base/clock.h"
#include "pkcs11/worker.h"

#include <pthread.h>

/* Threads that do work in order and hand it back to the loop. */

struct square {
    struct worker_item item;
    unsigned number;
    unsigned result;
    unsigned worker;
};

struct squares {
    unsigned done;
    unsigned wrong;
    unsigned seen[8];
    pthread_mutex_t gate; /* held by the test to keep the threads waiting */
    unsigned gated;       /* the first number that it is for */
};

static void run_square(void *context, unsigned worker, struct worker_item *item)
{
    struct squares *squares = context;
    struct square *square = (struct square *)item;

    if (square->number >= squares->gated) {
        (void)pthread_mutex_lock(&squares->gate);
        (void)pthread_mutex_unlock(&squares->gate);
    }
    square->result = square->number * square->number;
    square->worker = worker;
}

static void square_done(void *context, struct worker_item *item)
{
    struct squares *squares = context;
    const struct square *square = (const struct square *)item;

    squares->done++;
    squares->wrong += square->result == square->number * square->number ? 0 : 1;
    squares->seen[square->worker]++;
}

static void turn_until_done(struct ps_loop *loop, const struct squares *squares, unsigned count)
{
    const uint64_t deadline = ps_clock_mono_ns() + 60 * PS_NS_PER_S;

    while (squares->done < count) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(loop, 100));
    }
}

static void pool_does_all_work_and_gives_it_back_in_the_loop(void **state)
{
    static struct square work[5000];
    struct squares squares = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct ps_loop *loop;
    struct worker_pool *pool;

    (void)state;
    assert_ok(ps_loop_new(&loop));
    assert_ok(worker_pool_new(loop, 8, run_square, square_done, &squares, &pool));
    for (unsigned i = 0; i < PS_COUNT_OF(work); i++) {
        work[i] = (struct square){.number = i};
        worker_pool_submit(pool, &work[i].item);
        if (i % 100 == 0) {
            assert_ok(ps_loop_turn(loop, 0));
        }
    }
    turn_until_done(loop, &squares, PS_COUNT_OF(work));
    assert_int_equal(squares.wrong, 0);
    assert_int_equal(worker_pool_pending(pool), 0);
    worker_pool_free(pool);
    ps_loop_free(loop);
}

static void queued_work_can_be_taken_back(void **state)
{
    static struct square work[10];
    struct squares squares = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct worker_item *item;
    struct ps_loop *loop;
    struct worker_pool *pool;
    unsigned taken = 0;

    (void)state;
    assert_ok(ps_loop_new(&loop));
    (void)pthread_mutex_lock(&squares.gate);
    assert_ok(worker_pool_new(loop, 2, run_square, square_done, &squares, &pool));
    for (unsigned i = 0; i < PS_COUNT_OF(work); i++) {
        work[i] = (struct square){.number = i};
        worker_pool_submit(pool, &work[i].item);
    }
    for (item = worker_pool_take_queued(pool); item != NULL; item = item->next) {
        taken++;
    }
    assert_true(taken >= 8);
    assert_int_equal(worker_pool_pending(pool), PS_COUNT_OF(work) - taken);
    assert_null(worker_pool_take_queued(pool));
    (void)pthread_mutex_unlock(&squares.gate);
    turn_until_done(loop, &squares, (unsigned)PS_COUNT_OF(work) - taken);
    assert_int_equal(worker_pool_pending(pool), 0);
    worker_pool_free(pool);
    ps_loop_free(loop);
}

static void result_comes_though_the_next_work_hangs_and_more_is_waiting(void **state)
{
    static struct square work[3];
    struct squares squares = {.gate = PTHREAD_MUTEX_INITIALIZER, .gated = 1};
    struct ps_loop *loop;
    struct worker_pool *pool;

    (void)state;
    assert_ok(ps_loop_new(&loop));
    (void)pthread_mutex_lock(&squares.gate);
    assert_ok(worker_pool_new(loop, 1, run_square, square_done, &squares, &pool));
    for (unsigned i = 0; i < PS_COUNT_OF(work); i++) {
        work[i] = (struct square){.number = i};
        worker_pool_submit(pool, &work[i].item);
    }
    turn_until_done(loop, &squares, 1);
    assert_int_equal(worker_pool_pending(pool), 2);
    (void)pthread_mutex_unlock(&squares.gate);
    turn_until_done(loop, &squares, PS_COUNT_OF(work));
    worker_pool_free(pool);
    ps_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_does_all_work_and_gives_it_back_in_the_loop),
        cmocka_unit_test(queued_work_can_be_taken_back),
        cmocka_unit_test(result_comes_though_the_next_work_hangs_and_more_is_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
