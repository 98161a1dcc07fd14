#include "appliance/supervisor/supervisor.h"

#include "appliance/supervisor/internal.h"
#include "lib/base/line.h"
#include "lib/base/loop_signals.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#define EXIT_CANNOT_START 1

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
    struct supervisor *supervisor = context;

    if (info->ssi_signo == SIGHUP) {
        if (supervisor->stage == STAGE_RUNNING) {
            reload_config(supervisor);
        }
        return;
    }
    ps_line(PS_INFO, "asked_to_stop", PS_NUM("signal", info->ssi_signo),
            PS_NUM("by_pid", info->ssi_pid));
    stop_begin(supervisor);
}

static enum ps_err watch_signals(struct supervisor *supervisor)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return ps_loop_signals(supervisor->loop, &set, on_signal, supervisor);
}

static enum ps_err start(struct supervisor *supervisor)
{
    (void)umask(077);
    PS_TRY(sandbox_forbid_dumps());
    PS_TRY(ps_loop_new(&supervisor->loop));
    PS_TRY(watch_signals(supervisor));
    PS_TRY(ps_timer_new(supervisor->loop, stop_kill_stage, supervisor, &supervisor->stage_timer));
    PS_TRY(supervisor_prepare(supervisor));
    PS_TRY(notify_watchdog_new(supervisor->loop, &supervisor->watchdog));
    PS_TRY(places_make(supervisor));
    notify_status("starting its processes");
    places_start_all(supervisor);
    return PS_OK;
}

int supervisor_run(struct config *config)
{
    struct supervisor supervisor = {
        .config = config,
        .program_fd = -1,
        .data_fd = -1,
        .listeners = {.of = {{{.fd = -1}, {.fd = -1}}, {{.fd = -1}, {.fd = -1}}},
                      .console = {.fd = -1}},
    };
    enum ps_err err;

    ps_line_init("supervisor", (enum ps_level)config->appliance.log_level);
    ps_line(PS_INFO, "starting", PS_STR("version", PRIVYSEAL_VERSION),
            PS_STR("config", config->path));
    err = start(&supervisor);
    if (err == PS_OK) {
        err = ps_loop_run(supervisor.loop);
    }
    if (err != PS_OK) {
        ps_line(PS_ERROR, "cannot_start", PS_STR("reason", ps_detail()->text));
    } else {
        ps_line_write(PS_INFO, "stopped", NULL, 0);
    }
    supervisor_clear(&supervisor);
    return err == PS_OK ? EXIT_SUCCESS : EXIT_CANNOT_START;
}
