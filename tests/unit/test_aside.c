#include "tests/unit/support.h"

#include "keystore/backup/aside.h"
#include "lib/base/clock.h"

#include <pthread.h>
#include <unistd.h>

/* Work beside the loop: one piece at a time, and the loop waits for nothing. */

#define LIMIT_NS (60 * PS_NS_PER_S)

struct piece {
    struct aside *aside;
    pthread_t worker;
    int hold[2]; /* a pipe: the work ends when there is something in it; -1: it does not wait */
    unsigned worked;
    unsigned done;
    bool gives_another;
};

static struct ps_loop *loop;

static void work(void *context)
{
    struct piece *piece = context;
    char octet;

    piece->worker = pthread_self();
    if (piece->hold[0] >= 0) {
        assert_int_equal(read(piece->hold[0], &octet, 1), 1);
    }
    piece->worked++;
}

static void done(void *context)
{
    struct piece *piece = context;

    assert_int_equal(piece->worked, ++piece->done);
    if (piece->gives_another) {
        piece->gives_another = false;
        aside_run(piece->aside, &(struct aside_job){work, done, piece});
    }
}

static int begin(void **state)
{
    (void)state;
    assert_ok(ps_loop_new(&loop));
    return 0;
}

static int end(void **state)
{
    (void)state;
    ps_loop_free(loop);
    return 0;
}

static void turn_until(const unsigned *count, unsigned wanted)
{
    const uint64_t deadline = ps_clock_mono_ns() + LIMIT_NS;

    while (*count < wanted) {
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(loop, 10));
    }
}

static void the_loop_is_told_and_may_give_the_next(void **state)
{
    struct piece piece = {.hold = {-1, -1}, .gives_another = true};

    (void)state;
    assert_ok(aside_new(loop, "aside", &piece.aside));
    aside_run(piece.aside, &(struct aside_job){work, done, &piece});
    assert_true(aside_is_busy(piece.aside));
    turn_until(&piece.done, 2);
    assert_false(aside_is_busy(piece.aside));
    assert_false(pthread_equal(piece.worker, pthread_self()));
    assert_true(aside_free(piece.aside, 60));
}

static void what_is_under_way_ends_before_it_is_freed(void **state)
{
    struct piece piece = {.hold = {-1, -1}};

    (void)state;
    assert_ok(aside_new(loop, "aside", &piece.aside));
    aside_run(piece.aside, &(struct aside_job){work, done, &piece});
    assert_true(aside_free(piece.aside, 60));
    assert_int_equal(piece.done, 0);
}

static void what_is_held_up_holds_up_nobody(void **state)
{
    struct piece piece = {.worked = 0};

    (void)state;
    assert_int_equal(pipe(piece.hold), 0);
    assert_ok(aside_new(loop, "aside", &piece.aside));
    aside_run(piece.aside, &(struct aside_job){work, done, &piece});
    assert_ok(ps_loop_turn(loop, 0));
    assert_true(aside_is_busy(piece.aside));
    assert_int_equal(piece.done, 0);
    assert_int_equal(write(piece.hold[1], "x", 1), 1);
    turn_until(&piece.done, 1);
    assert_true(aside_free(piece.aside, 60));
    (void)close(piece.hold[0]);
    (void)close(piece.hold[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loop_is_told_and_may_give_the_next),
        cmocka_unit_test(what_is_under_way_ends_before_it_is_freed),
        cmocka_unit_test(what_is_held_up_holds_up_nobody),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
