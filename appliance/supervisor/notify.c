#include "appliance/supervisor/notify.h"

#include "lib/base/clock.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

struct notify_watchdog {
    struct ps_timer *timer;
    uint64_t every_ns;
};

void notify_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void notify_status(const char *status)
{
    (void)sd_notifyf(0, "STATUS=%s", status);
}

void notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1\nSTATUS=finishing what is in flight");
}

void notify_reloading(void)
{
    /* Type=notify-reload compares this time with that of its signal. */
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)(ps_clock_mono_ns() / PS_NS_PER_US));
}

static void on_timer(void *context)
{
    struct notify_watchdog *watchdog = context;

    (void)sd_notify(0, "WATCHDOG=1");
    ps_timer_set_in(watchdog->timer, watchdog->every_ns);
}

enum ps_err notify_watchdog_new(struct ps_loop *loop, struct notify_watchdog **ret_watchdog)
{
    struct notify_watchdog *watchdog;
    uint64_t interval_us = 0;
    enum ps_err err;

    if (sd_watchdog_enabled(0, &interval_us) <= 0 || interval_us < 2) {
        *ret_watchdog = NULL;
        return PS_OK;
    }
    watchdog = calloc(1, sizeof *watchdog);
    if (watchdog == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    watchdog->every_ns = interval_us / 2 * PS_NS_PER_US;
    err = ps_timer_new(loop, on_timer, watchdog, &watchdog->timer);
    if (err != PS_OK) {
        free(watchdog);
        return err;
    }
    on_timer(watchdog);
    *ret_watchdog = watchdog;
    return PS_OK;
}

void notify_watchdog_free(struct notify_watchdog *watchdog)
{
    if (watchdog != NULL) {
        ps_timer_free(watchdog->timer);
        free(watchdog);
    }
}
