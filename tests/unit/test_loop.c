#include "tests/unit/support.h"

#include "lib/base/clock.h"
#include "lib/base/loop.h"
#include "lib/base/loop_signals.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ps_loop *loop;
static char trace[64]; /* one letter per callback */

static int make_loop(void **state)
{
    (void)state;
    trace[0] = '\0';
    return ps_loop_new(&loop) == PS_OK ? 0 : -1;
}

static int free_loop(void **state)
{
    (void)state;
    ps_loop_free(loop);
    return 0;
}

static void note(char letter)
{
    const size_t len = strlen(trace);

    assert_true(len + 1 < sizeof trace);
    trace[len] = letter;
    trace[len + 1] = '\0';
}

/* Something in the loop, and what its callback does beside leaving its letter. */
struct thing {
    char letter;
    struct ps_watch *watch;
    struct ps_timer *timer;
    struct ps_defer *defer;
    struct ps_idle *idle;
    struct thing *frees; /* may be itself */
    bool rearms;
    bool stops;
};

static void act(struct thing *thing)
{
    note(thing->letter);
    if (thing->frees != NULL) {
        struct thing *other = thing->frees;

        ps_watch_free(other->watch);
        ps_timer_free(other->timer);
        ps_defer_free(other->defer);
        ps_idle_free(other->idle);
        other->watch = NULL;
        other->timer = NULL;
        other->defer = NULL;
        other->idle = NULL;
    }
    if (thing->stops) {
        ps_loop_stop(loop);
    }
}

static void on_watch(void *context, uint32_t events)
{
    assert_true((events & EPOLLIN) != 0);
    act(context);
}

static void on_time(void *context)
{
    struct thing *thing = context;

    act(thing);
    if (thing->rearms) {
        thing->rearms = false;
        ps_timer_set_in(thing->timer, 0);
    }
}

static void on_deferred(void *context)
{
    act(context);
}

static void on_idle(void *context)
{
    struct thing *thing = context;

    act(thing);
    if (thing->rearms) {
        ps_idle_arm(thing->idle);
    }
}

/* A socket with something to read. */
static void make_readable(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
}

static void close_both(const int ends[2])
{
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_descriptor_that_is_ready_is_told_each_turn(void **state)
{
    struct thing a = {.letter = 'a'};
    int ends[2];
    char octet;

    (void)state;
    make_readable(ends);
    assert_ok(ps_watch_new(loop, ends[0], EPOLLIN, on_watch, &a, &a.watch));
    assert_ok(ps_loop_turn(loop, -1));
    assert_ok(ps_loop_turn(loop, -1));
    assert_string_equal(trace, "aa");
    ps_watch_set(a.watch, 0);
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "aa");
    ps_watch_set(a.watch, EPOLLIN);
    ps_watch_set(a.watch, EPOLLIN);
    assert_ok(ps_loop_turn(loop, -1));
    assert_string_equal(trace, "aaa");
    assert_int_equal(read(ends[0], &octet, 1), 1);
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "aaa");
    ps_watch_free(a.watch);
    close_both(ends);
}

static void a_watch_may_free_itself_and_others_that_are_ready(void **state)
{
    struct thing things[3] = {{.letter = 'x'}, {.letter = 'x'}, {.letter = 'x'}};
    int ends[3][2];

    (void)state;
    /* Whichever of the first two comes first frees the other; the third frees itself. */
    for (int i = 0; i < 3; i++) {
        things[i].frees = &things[i == 2 ? 2 : 1 - i];
        make_readable(ends[i]);
        assert_ok(ps_watch_new(loop, ends[i][0], EPOLLIN, on_watch, &things[i], &things[i].watch));
    }
    assert_ok(ps_loop_turn(loop, -1));
    assert_string_equal(trace, "xx");
    assert_null(things[2].watch);
    assert_true((things[0].watch == NULL) != (things[1].watch == NULL));
    ps_watch_free(things[0].watch);
    ps_watch_free(things[1].watch);
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "xx");
    for (int i = 0; i < 3; i++) {
        close_both(ends[i]);
    }
}

static void a_descriptor_that_is_none_is_an_error(void **state)
{
    struct ps_watch *watch = NULL;

    (void)state;
    assert_fails(PS_E_INTERNAL, ps_watch_new(loop, -1, EPOLLIN, on_watch, NULL, &watch));
    assert_null(watch);
    ps_watch_free(NULL);
    ps_timer_free(NULL);
    ps_defer_free(NULL);
    ps_loop_free(NULL);
}

static void timers_fire_once_and_in_their_order(void **state)
{
    struct thing things[4] = {{.letter = 'd'}, {.letter = 'a'}, {.letter = 'b'}, {.letter = 'c'}};
    static const uint64_t when[] = {4, 1, 2, 2};

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_ok(ps_timer_new(loop, on_time, &things[i], &things[i].timer));
        ps_timer_set(things[i].timer, UINT64_MAX);
        ps_timer_set(things[i].timer, when[i]);
    }
    assert_ok(ps_loop_turn(loop, -1));
    assert_string_equal(trace, "abcd");
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "abcd");
    for (int i = 0; i < 4; i++) {
        ps_timer_free(things[i].timer);
    }
}

static void a_timer_in_the_future_waits_and_can_be_unset(void **state)
{
    struct thing a = {.letter = 'a'};
    struct thing b = {.letter = 'b'};
    const uint64_t soon = ps_clock_mono_ns() + 2 * PS_NS_PER_MS;

    (void)state;
    assert_ok(ps_timer_new(loop, on_time, &a, &a.timer));
    assert_ok(ps_timer_new(loop, on_time, &b, &b.timer));
    ps_timer_set_in(b.timer, 3600 * PS_NS_PER_S);
    ps_timer_set(a.timer, soon);
    while (trace[0] == '\0') {
        assert_ok(ps_loop_turn(loop, -1));
    }
    assert_true(ps_clock_mono_ns() >= soon);
    assert_string_equal(trace, "a");
    ps_timer_set(b.timer, 1);
    ps_timer_unset(b.timer);
    ps_timer_unset(b.timer);
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "a");
    ps_timer_free(a.timer);
    ps_timer_free(b.timer);
}

static void timers_may_free_set_and_unset_each_other_in_callbacks(void **state)
{
    struct thing victim = {.letter = 'v'};
    struct thing killer = {.letter = 'k', .frees = &victim};
    struct thing suicide = {.letter = 's'};
    struct thing again = {.letter = 'r', .rearms = true};

    (void)state;
    suicide.frees = &suicide;
    assert_ok(ps_timer_new(loop, on_time, &victim, &victim.timer));
    assert_ok(ps_timer_new(loop, on_time, &killer, &killer.timer));
    assert_ok(ps_timer_new(loop, on_time, &suicide, &suicide.timer));
    assert_ok(ps_timer_new(loop, on_time, &again, &again.timer));
    ps_timer_set(killer.timer, 1);
    ps_timer_set(suicide.timer, 2);
    ps_timer_set(victim.timer, 3);
    ps_timer_set(again.timer, 4);
    while (strlen(trace) < 4) {
        assert_ok(ps_loop_turn(loop, -1));
    }
    assert_string_equal(trace, "ksrr");
    ps_timer_free(killer.timer);
    ps_timer_free(again.timer);
}

static void deferred_work_runs_once_however_often_it_is_armed(void **state)
{
    struct thing a = {.letter = 'a'};

    (void)state;
    assert_ok(ps_defer_new(loop, on_deferred, &a, &a.defer));
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "");
    ps_defer_arm(a.defer);
    ps_defer_arm(a.defer);
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "a");
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "a");
    ps_defer_free(a.defer);
}

static void armed_work_that_is_freed_does_not_run(void **state)
{
    struct thing things[3] = {{.letter = 'x'}, {.letter = 'x'}, {.letter = 's'}};

    (void)state;
    for (int i = 0; i < 3; i++) {
        things[i].frees = &things[i == 2 ? 2 : 1 - i];
        assert_ok(ps_defer_new(loop, on_deferred, &things[i], &things[i].defer));
        ps_defer_arm(things[i].defer);
    }
    assert_ok(ps_loop_turn(loop, 0));
    assert_int_equal(strlen(trace), 2);
    ps_defer_free(things[0].defer);
    ps_defer_free(things[1].defer);
    assert_ok(ps_loop_turn(loop, 0));
    assert_int_equal(strlen(trace), 2);
}

static void running_ends_when_a_callback_stops_it(void **state)
{
    struct thing a = {.letter = 'a', .stops = true};

    (void)state;
    assert_ok(ps_timer_new(loop, on_time, &a, &a.timer));
    ps_timer_set_in(a.timer, PS_NS_PER_MS);
    assert_ok(ps_loop_run(loop));
    assert_string_equal(trace, "a");
    ps_timer_free(a.timer);
}

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
    assert_ptr_equal(context, trace);
    note(info->ssi_signo == SIGUSR1 ? 'u' : '?');
}

static void signals_are_delivered_as_callbacks(void **state)
{
    sigset_t set;

    (void)state;
    assert_int_equal(sigemptyset(&set), 0);
    assert_int_equal(sigaddset(&set, SIGUSR1), 0);
    assert_ok(ps_loop_signals(loop, &set, on_signal, trace));
    assert_int_equal(raise(SIGUSR1), 0);
    assert_ok(ps_loop_turn(loop, -1));
    assert_string_equal(trace, "u");
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "u");
}

static void idle_work_has_one_piece_a_turn_and_events_come_between(void **state)
{
    struct thing idle = {.letter = 'i', .rearms = true};
    struct thing watch = {.letter = 'w'};
    int ends[2];

    (void)state;
    make_readable(ends);
    assert_ok(ps_idle_new(loop, on_idle, &idle, &idle.idle));
    assert_ok(ps_watch_new(loop, ends[0], EPOLLIN, on_watch, &watch, &watch.watch));
    ps_idle_arm(idle.idle);
    ps_idle_arm(idle.idle);
    assert_ok(ps_loop_turn(loop, -1));
    assert_ok(ps_loop_turn(loop, -1));
    assert_string_equal(trace, "wiwi");
    idle.rearms = false;
    ps_watch_free(watch.watch);
    assert_ok(ps_loop_turn(loop, -1)); /* with work to do it does not wait for an event */
    assert_string_equal(trace, "wiwii");
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "wiwii");
    ps_idle_free(idle.idle);
    close_both(ends);
}

static void idle_work_may_free_itself_and_others_that_are_armed(void **state)
{
    struct thing things[3] = {{.letter = 'x'}, {.letter = 'x'}, {.letter = 'x'}};

    (void)state;
    /* Whichever of the first two comes first frees the other; the third frees itself. */
    for (int i = 0; i < 3; i++) {
        things[i].frees = &things[i == 2 ? 2 : 1 - i];
        assert_ok(ps_idle_new(loop, on_idle, &things[i], &things[i].idle));
        ps_idle_arm(things[i].idle);
    }
    assert_ok(ps_loop_turn(loop, -1));
    assert_string_equal(trace, "xx");
    assert_null(things[2].idle);
    ps_idle_free(things[0].idle);
    ps_idle_free(things[1].idle);
}

static void deferred_work_comes_before_idle_work(void **state)
{
    struct thing idle = {.letter = 'i'};
    struct thing defer = {.letter = 'd'};

    (void)state;
    assert_ok(ps_defer_new(loop, on_deferred, &defer, &defer.defer));
    assert_ok(ps_idle_new(loop, on_idle, &idle, &idle.idle));
    ps_idle_arm(idle.idle);
    ps_defer_arm(defer.defer);
    assert_ok(ps_loop_turn(loop, 0));
    assert_string_equal(trace, "di");
    ps_idle_free(idle.idle);
    ps_defer_free(defer.defer);
}

#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, make_loop, free_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(deferred_work_comes_before_idle_work),
        LOOP_TEST(idle_work_has_one_piece_a_turn_and_events_come_between),
        LOOP_TEST(idle_work_may_free_itself_and_others_that_are_armed),
        LOOP_TEST(a_descriptor_that_is_ready_is_told_each_turn),
        LOOP_TEST(a_watch_may_free_itself_and_others_that_are_ready),
        LOOP_TEST(a_descriptor_that_is_none_is_an_error),
        LOOP_TEST(timers_fire_once_and_in_their_order),
        LOOP_TEST(a_timer_in_the_future_waits_and_can_be_unset),
        LOOP_TEST(timers_may_free_set_and_unset_each_other_in_callbacks),
        LOOP_TEST(deferred_work_runs_once_however_often_it_is_armed),
        LOOP_TEST(armed_work_that_is_freed_does_not_run),
        LOOP_TEST(running_ends_when_a_callback_stops_it),
        LOOP_TEST(signals_are_delivered_as_callbacks),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
