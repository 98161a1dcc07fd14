#include "lib/base/loop.h"

#include "lib/base/clock.h"
#include "lib/base/loop_signals.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 64

struct ps_watch {
    struct ps_loop *loop;
    int fd;
    uint32_t events;
    ps_watch_fn *fn;
    void *context;
    struct ps_watch *next_dead;
};

struct ps_timer {
    struct ps_loop *loop;
    ps_timer_fn *fn;
    void *context;
    uint64_t when; /* valid while in the list */
    struct ps_timer *next;
    struct ps_timer *previous;
    bool is_set;
};

struct ps_defer {
    struct ps_loop *loop;
    ps_timer_fn *fn;
    void *context;
    struct ps_defer *next;
    bool is_armed;
};

struct ps_idle {
    struct ps_loop *loop;
    ps_timer_fn *fn;
    void *context;
    struct ps_idle *next; /* all there are, for as long as they are */
    uint64_t done_in;     /* the turn in which it ran last */
    bool is_armed;
};

struct ps_loop {
    int epoll_fd;
    bool stopping;
    bool in_turn;
    struct ps_timer *timers; /* sorted, soonest first; there are few */
    struct ps_defer *armed;
    struct ps_idle *idles;
    uint64_t turns;
    struct ps_watch *dead; /* freed meanwhile; kept until no event can name them */
    int signal_fd;
    struct ps_watch *signal_watch;
    ps_signal_fn *signal_fn;
    void *signal_context;
};

enum ps_err ps_loop_new(struct ps_loop **ret_loop)
{
    struct ps_loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    loop->signal_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        free(loop);
        return ps_fail_errno(PS_E_INTERNAL, "epoll_create1");
    }
    *ret_loop = loop;
    return PS_OK;
}

static void bury(struct ps_loop *loop)
{
    while (loop->dead != NULL) {
        struct ps_watch *watch = loop->dead;

        loop->dead = watch->next_dead;
        free(watch);
    }
}

void ps_loop_free(struct ps_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    ps_watch_free(loop->signal_watch);
    bury(loop);
    if (loop->signal_fd >= 0) {
        (void)close(loop->signal_fd);
    }
    (void)close(loop->epoll_fd);
    free(loop);
}

static void run_timers(struct ps_loop *loop)
{
    const uint64_t now = loop->timers == NULL ? 0 : ps_clock_mono_ns();

    while (loop->timers != NULL && loop->timers->when <= now) {
        struct ps_timer *timer = loop->timers;

        ps_timer_unset(timer);
        timer->fn(timer->context);
    }
}

static void run_deferred(struct ps_loop *loop)
{
    while (loop->armed != NULL) {
        struct ps_defer *defer = loop->armed;

        loop->armed = defer->next;
        defer->is_armed = false;
        defer->fn(defer->context);
    }
}

/* An armed one that has not run in this turn. */
static struct ps_idle *next_idle(const struct ps_loop *loop)
{
    struct ps_idle *idle = loop->idles;

    while (idle != NULL && (!idle->is_armed || idle->done_in == loop->turns)) {
        idle = idle->next;
    }
    return idle;
}

static void run_idle(struct ps_loop *loop)
{
    struct ps_idle *idle;

    while ((idle = next_idle(loop)) != NULL) {
        idle->is_armed = false;
        idle->done_in = loop->turns;
        idle->fn(idle->context);
    }
}

static int wait_ms(const struct ps_loop *loop, int timeout_ms)
{
    uint64_t now;
    uint64_t ms;

    if (next_idle(loop) != NULL) {
        return 0;
    }
    if (loop->timers == NULL) {
        return timeout_ms;
    }
    now = ps_clock_mono_ns();
    if (loop->timers->when <= now) {
        return 0;
    }
    ms = (loop->timers->when - now + PS_NS_PER_MS - 1) / PS_NS_PER_MS;
    if (timeout_ms >= 0 && ms > (uint64_t)timeout_ms) {
        return timeout_ms;
    }
    return ms > 3600000 ? 3600000 : (int)ms;
}

enum ps_err ps_loop_turn(struct ps_loop *loop, int timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count;

    loop->turns++;
    run_deferred(loop);
    count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, wait_ms(loop, timeout_ms));
    if (count < 0 && errno != EINTR) {
        return ps_fail_errno(PS_E_INTERNAL, "epoll_wait");
    }
    loop->in_turn = true;
    for (int i = 0; i < count; i++) {
        struct ps_watch *watch = events[i].data.ptr;

        if (watch->fn != NULL) {
            watch->fn(watch->context, events[i].events);
        }
    }
    run_timers(loop);
    run_deferred(loop);
    run_idle(loop);
    run_deferred(loop);
    loop->in_turn = false;
    bury(loop);
    return PS_OK;
}

enum ps_err ps_loop_run(struct ps_loop *loop)
{
    while (!loop->stopping) {
        PS_TRY(ps_loop_turn(loop, -1));
    }
    return PS_OK;
}

void ps_loop_stop(struct ps_loop *loop)
{
    loop->stopping = true;
}

enum ps_err ps_watch_new(struct ps_loop *loop, int fd, uint32_t events, ps_watch_fn *fn,
                         void *context, struct ps_watch **ret_watch)
{
    struct ps_watch *watch = calloc(1, sizeof *watch);
    struct epoll_event event = {.events = events};

    if (watch == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *watch =
        (struct ps_watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .context = context};
    event.data.ptr = watch;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(watch);
        return ps_fail_errno(PS_E_INTERNAL, "epoll_ctl");
    }
    *ret_watch = watch;
    return PS_OK;
}

void ps_watch_set(struct ps_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events};

    if (events == watch->events) {
        return;
    }
    event.data.ptr = watch;
    if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0) {
        watch->events = events;
    }
}

void ps_watch_free(struct ps_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    (void)epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    if (!watch->loop->in_turn) {
        free(watch);
        return;
    }
    /* Events of this turn may still name it. */
    watch->fn = NULL;
    watch->next_dead = watch->loop->dead;
    watch->loop->dead = watch;
}

enum ps_err ps_timer_new(struct ps_loop *loop, ps_timer_fn *fn, void *context,
                         struct ps_timer **ret_timer)
{
    struct ps_timer *timer = calloc(1, sizeof *timer);

    if (timer == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *timer = (struct ps_timer){.loop = loop, .fn = fn, .context = context};
    *ret_timer = timer;
    return PS_OK;
}

void ps_timer_set(struct ps_timer *timer, uint64_t mono_ns)
{
    struct ps_timer **at = &timer->loop->timers;
    struct ps_timer *before = NULL;

    ps_timer_unset(timer);
    while (*at != NULL && (*at)->when <= mono_ns) {
        before = *at;
        at = &(*at)->next;
    }
    timer->when = mono_ns;
    timer->is_set = true;
    timer->previous = before;
    timer->next = *at;
    if (timer->next != NULL) {
        timer->next->previous = timer;
    }
    *at = timer;
}

void ps_timer_set_in(struct ps_timer *timer, uint64_t ns)
{
    ps_timer_set(timer, ps_clock_mono_ns() + ns);
}

void ps_timer_unset(struct ps_timer *timer)
{
    if (!timer->is_set) {
        return;
    }
    if (timer->previous != NULL) {
        timer->previous->next = timer->next;
    } else {
        timer->loop->timers = timer->next;
    }
    if (timer->next != NULL) {
        timer->next->previous = timer->previous;
    }
    timer->is_set = false;
}

void ps_timer_free(struct ps_timer *timer)
{
    if (timer == NULL) {
        return;
    }
    ps_timer_unset(timer);
    free(timer);
}

enum ps_err ps_defer_new(struct ps_loop *loop, ps_timer_fn *fn, void *context,
                         struct ps_defer **ret_defer)
{
    struct ps_defer *defer = calloc(1, sizeof *defer);

    if (defer == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *defer = (struct ps_defer){.loop = loop, .fn = fn, .context = context};
    *ret_defer = defer;
    return PS_OK;
}

void ps_defer_arm(struct ps_defer *defer)
{
    if (defer->is_armed) {
        return;
    }
    defer->is_armed = true;
    defer->next = defer->loop->armed;
    defer->loop->armed = defer;
}

void ps_defer_free(struct ps_defer *defer)
{
    if (defer == NULL) {
        return;
    }
    for (struct ps_defer **at = &defer->loop->armed; *at != NULL; at = &(*at)->next) {
        if (*at == defer) {
            *at = defer->next;
            break;
        }
    }
    free(defer);
}

enum ps_err ps_idle_new(struct ps_loop *loop, ps_timer_fn *fn, void *context,
                        struct ps_idle **ret_idle)
{
    struct ps_idle *idle = calloc(1, sizeof *idle);

    if (idle == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *idle = (struct ps_idle){.loop = loop, .fn = fn, .context = context, .next = loop->idles};
    loop->idles = idle;
    *ret_idle = idle;
    return PS_OK;
}

void ps_idle_arm(struct ps_idle *idle)
{
    idle->is_armed = true;
}

void ps_idle_free(struct ps_idle *idle)
{
    if (idle == NULL) {
        return;
    }
    for (struct ps_idle **at = &idle->loop->idles; *at != NULL; at = &(*at)->next) {
        if (*at == idle) {
            *at = idle->next;
            break;
        }
    }
    free(idle);
}

static void on_signal(void *context, uint32_t events)
{
    struct ps_loop *loop = context;
    struct signalfd_siginfo info;

    (void)events;
    while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        loop->signal_fn(loop->signal_context, &info);
    }
}

enum ps_err ps_loop_signals(struct ps_loop *loop, const sigset_t *set, ps_signal_fn *fn,
                            void *context)
{
    if (pthread_sigmask(SIG_BLOCK, set, NULL) != 0) {
        return ps_fail(PS_E_INTERNAL, 0, "pthread_sigmask");
    }
    loop->signal_fn = fn;
    loop->signal_context = context;
    loop->signal_fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (loop->signal_fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "signalfd");
    }
    return ps_watch_new(loop, loop->signal_fd, EPOLLIN, on_signal, loop, &loop->signal_watch);
}
