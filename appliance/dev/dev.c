#include "appliance/dev/dev.h"

#include "appliance/dev/internal.h"
#include "appliance/terminal.h"
#include "lib/base/loop_signals.h"
#include "lib/system/file.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
    struct dev *dev = context;

    (void)info;
    dev->interrupted = true;
    ps_loop_stop(dev->loop);
}

static enum ps_err watch_signals(struct dev *dev)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    return ps_loop_signals(dev->loop, &set, on_signal, dev);
}

/* Where this program lies: privyseald and the profile are found from there. */
static enum ps_err find_programs(struct dev *dev)
{
    const ssize_t len = readlink("/proc/self/exe", dev->programs, sizeof dev->programs - 1);
    char *slash;

    if (len <= 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot find the own program");
    }
    dev->programs[len] = '\0';
    slash = strrchr(dev->programs, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return PS_OK;
}

static enum ps_err prepare(struct dev *dev)
{
    PS_TRY(find_programs(dev));
    PS_TRY(ps_loop_new(&dev->loop));
    PS_TRY(watch_signals(dev));
    PS_TRY(dev_prepare_directory(dev));
    PS_TRY(dev_prepare_people(dev));
    PS_TRY(dev_prepare_keys(dev));
    return dev_write_config(dev);
}

/* What a client needs, then the word that it may begin. */
static enum ps_err announce(const struct dev *dev)
{
    PS_BUF_AUTO text = {0};

    PS_TRY(dev_write_env(dev, &text));
    (void)fwrite(text.data, 1, text.len, stdout);
    (void)puts("ready");
    return fflush(stdout) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "standard output");
}

static enum ps_err serve(struct dev *dev)
{
    dev_say("Starting privyseald in %s ...", dev->directory);
    PS_TRY(dev_start_daemon(dev));
    PS_TRY(dev_run_set_up(dev));
    PS_TRY(announce(dev));
    dev_say("Serving until Ctrl-C. Settings for clients: . %s/env", dev->directory);
    PS_TRY(ps_loop_run(dev->loop));
    return dev->interrupted ? PS_OK : ps_fail(PS_E_STATE, 0, "privyseald ended by itself");
}

static void release(struct dev *dev)
{
    ps_loop_free(dev->loop);
    config_free(dev->config);
    file_close_cleanup(&dev->directory_fd);
}

int dev_main(int argc, char **argv)
{
    struct dev dev = {.directory_fd = -1, .pidfd = -1, .notify_fd = -1};
    enum ps_err err;

    if (argc >= 2 && strcmp(argv[1], "approve-all") == 0) {
        return dev_approve_main(argc - 1, argv + 1);
    }
    if (argc == 2 && terminal_asks_for_help(argv[1])) {
        (void)fputs(dev_usage, stdout);
        return EXIT_DONE;
    }
    if (!dev_read_options(argc, argv, &dev.options)) {
        return EXIT_USAGE;
    }
    err = prepare(&dev);
    if (err == PS_OK) {
        err = serve(&dev);
    }
    if (err != PS_OK && !dev.interrupted) {
        dev_say("privyseal dev: %s", ps_detail()->text);
        if (dev.pidfd != -1) { /* else its lines are of an earlier start */
            dev_show_log(&dev);
        }
    }
    dev_stop_daemon(&dev);
    release(&dev);
    return err == PS_OK || dev.interrupted ? EXIT_DONE : EXIT_FAILED;
}
