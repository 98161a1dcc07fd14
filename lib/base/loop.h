#ifndef PS_BASE_LOOP_H
#define PS_BASE_LOOP_H

#include "lib/base/err.h"

#include <stdint.h>

/*
 * One thread's event loop: descriptors (epoll), timers, signals (loop_signals.h), work to do before
 * the next sleep, and work to do between other things. Callbacks run one at a time and may add or
 * remove anything, themselves included.
 */
struct ps_loop;
struct ps_watch; /* a descriptor in the loop */
struct ps_timer;
struct ps_defer; /* work to be done before the loop sleeps again */
struct ps_idle;  /* work to be done piece by piece, between the events of others */

PS_MUST_USE enum ps_err ps_loop_new(struct ps_loop **ret_loop);
void ps_loop_free(struct ps_loop *loop);

/* Runs until ps_loop_stop. Errors: PS_E_INTERNAL (epoll failed). */
PS_MUST_USE enum ps_err ps_loop_run(struct ps_loop *loop);

/* One turn; waits at most `timeout_ms` (-1: until something happens). */
PS_MUST_USE enum ps_err ps_loop_turn(struct ps_loop *loop, int timeout_ms);
void ps_loop_stop(struct ps_loop *loop);

/*
 * `events`: EPOLLIN, EPOLLOUT, as in epoll_ctl(2); level-triggered unless EPOLLET is among them.
 * The descriptor stays yours.
 */
typedef void ps_watch_fn(void *context, uint32_t events);
PS_MUST_USE enum ps_err ps_watch_new(struct ps_loop *loop, int fd, uint32_t events, ps_watch_fn *fn,
                                     void *context, struct ps_watch **ret_watch);
void ps_watch_set(struct ps_watch *watch, uint32_t events);
void ps_watch_free(struct ps_watch *watch);
PS_DEFINE_CLEANUP(struct ps_watch, ps_watch_free)

/* A timer fires once; set it again for the next time. Made unset. */
typedef void ps_timer_fn(void *context);
PS_MUST_USE enum ps_err ps_timer_new(struct ps_loop *loop, ps_timer_fn *fn, void *context,
                                     struct ps_timer **ret_timer);
void ps_timer_set(struct ps_timer *timer, uint64_t mono_ns); /* when; replaces an earlier time */
void ps_timer_set_in(struct ps_timer *timer, uint64_t ns);   /* from now */
void ps_timer_unset(struct ps_timer *timer);
void ps_timer_free(struct ps_timer *timer);
PS_DEFINE_CLEANUP(struct ps_timer, ps_timer_free)

/*
 * Deferred work runs once after the callbacks of the current turn when armed: used to write many
 * small frames in one call. Arming twice is the same as once.
 */
PS_MUST_USE enum ps_err ps_defer_new(struct ps_loop *loop, ps_timer_fn *fn, void *context,
                                     struct ps_defer **ret_defer);
void ps_defer_arm(struct ps_defer *defer);
void ps_defer_free(struct ps_defer *defer);
PS_DEFINE_CLEANUP(struct ps_defer, ps_defer_free)

/*
 * Runs once in each turn while it is armed, after everything else, and is armed again by whoever
 * has more to do: between two pieces of it the loop looks for events, without waiting.
 */
PS_MUST_USE enum ps_err ps_idle_new(struct ps_loop *loop, ps_timer_fn *fn, void *context,
                                    struct ps_idle **ret_idle);
void ps_idle_arm(struct ps_idle *idle);
void ps_idle_free(struct ps_idle *idle);
PS_DEFINE_CLEANUP(struct ps_idle, ps_idle_free)

#endif
