#include "pkcs11/watchdog.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOK_MS = 250, GRACE_MS = 2000 };

struct watchdog {
    int supervisor_fd;
    int end_fd;
    pthread_t thread;
    bool running;
    unsigned places;
    _Atomic uint64_t deadlines[]; /* 0: no call under way */
};

static void check_calls(struct watchdog *watchdog)
{
    const uint64_t now = ps_clock_mono_ns();

    for (unsigned i = 0; i < watchdog->places; i++) {
        const uint64_t deadline =
            atomic_load_explicit(&watchdog->deadlines[i], memory_order_relaxed);

        if (deadline != 0 && now > deadline) {
            ps_line(PS_ERROR, "module_hung", PS_NUM("place", i));
            _exit(WATCHDOG_EXIT_HUNG);
        }
    }
}

/* The loop sees the same and ends; when it has not after a while, it stands still in a call. */
static void end_soon(struct watchdog *watchdog)
{
    struct pollfd wait = {.fd = watchdog->end_fd, .events = POLLIN};

    if (poll(&wait, 1, GRACE_MS) == 0) {
        ps_line(PS_WARNING, "supervisor_gone_in_call", PS_NUM("grace_ms", GRACE_MS));
        _exit(WATCHDOG_EXIT_HUNG);
    }
}

static void *watch(void *context)
{
    struct watchdog *watchdog = context;
    struct pollfd wait[] = {
        {.fd = watchdog->end_fd, .events = POLLIN},
        {.fd = watchdog->supervisor_fd, .events = POLLRDHUP},
    };

    for (;;) {
        const int ready = poll(wait, PS_COUNT_OF(wait), LOOK_MS);

        if (ready > 0 && wait[0].revents != 0) {
            return NULL;
        }
        if (ready > 0 && wait[1].revents != 0) {
            end_soon(watchdog);
            return NULL;
        }
        check_calls(watchdog);
    }
}

static enum ps_err start(struct watchdog *watchdog)
{
    sigset_t all;
    sigset_t before;
    int error;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&watchdog->thread, NULL, watch, watchdog);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    watchdog->running = error == 0;
    return error == 0 ? PS_OK : ps_fail(PS_E_INTERNAL, error, "cannot start a thread");
}

enum ps_err watchdog_new(int supervisor_fd, unsigned places, struct watchdog **ret_watchdog)
{
    PS_CLEANUP(watchdog_free_cleanup)
    struct watchdog *watchdog = calloc(1, sizeof *watchdog + places * sizeof(_Atomic uint64_t));

    if (watchdog == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    watchdog->places = places;
    watchdog->supervisor_fd = fcntl(supervisor_fd, F_DUPFD_CLOEXEC, 3);
    watchdog->end_fd = eventfd(0, EFD_CLOEXEC);
    if (watchdog->supervisor_fd < 0 || watchdog->end_fd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "descriptors of the watchdog");
    }
    PS_TRY(start(watchdog));
    *ret_watchdog = watchdog;
    watchdog = NULL;
    return PS_OK;
}

void watchdog_free(struct watchdog *watchdog)
{
    const uint64_t one = 1;

    if (watchdog == NULL) {
        return;
    }
    if (watchdog->running) {
        (void)!write(watchdog->end_fd, &one, sizeof one);
        (void)pthread_join(watchdog->thread, NULL);
    }
    if (watchdog->supervisor_fd >= 0) {
        (void)close(watchdog->supervisor_fd);
    }
    if (watchdog->end_fd >= 0) {
        (void)close(watchdog->end_fd);
    }
    free(watchdog);
}

void watchdog_begin(struct watchdog *watchdog, unsigned place, uint64_t deadline_ns)
{
    atomic_store_explicit(&watchdog->deadlines[place], deadline_ns, memory_order_relaxed);
}

void watchdog_end(struct watchdog *watchdog, unsigned place)
{
    atomic_store_explicit(&watchdog->deadlines[place], 0, memory_order_relaxed);
}
