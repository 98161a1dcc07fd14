#include "appliance/dev/internal.h"

#include "lib/base/clock.h"
#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_WAIT_NS (60 * PS_NS_PER_S)
#define STOP_WAIT_NS  (60 * PS_NS_PER_S)
#define LOG_SHOWN     4000
#define ORPHANS_NS    (10 * PS_NS_PER_S)
#define ORPHANS_MS    5

static const char *const program_places[] = {"privyseald", "../privyseald", "../sbin/privyseald"};

static enum ps_err find_program(const struct dev *dev, char ret_path[DEV_PROGRAMS_MAX + 32])
{
    for (size_t i = 0; i < PS_COUNT_OF(program_places); i++) {
        (void)snprintf(ret_path, DEV_PROGRAMS_MAX + 32, "%s/%s", dev->programs, program_places[i]);
        if (access(ret_path, X_OK) == 0) {
            return PS_OK;
        }
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "privyseald is not beside this program in %.150s",
                   dev->programs);
}

void dev_show_log(const struct dev *dev)
{
    char path[DEV_PATH_MAX];
    size_t from = 0;
    PS_BUF_AUTO text;

    dev_path(dev, "privyseald.log", path);
    if (file_read(path, 64u << 20, &text) != PS_OK || text.len == 0) {
        return;
    }
    if (text.len > LOG_SHOWN) {
        const uint8_t *line = memchr(text.data + text.len - LOG_SHOWN, '\n', LOG_SHOWN);

        from = line == NULL ? text.len - LOG_SHOWN : (size_t)(line - text.data) + 1;
    }
    dev_say("Its last lines (all are in %s):", path);
    (void)fwrite(text.data + from, 1, text.len - from, stderr);
}

static enum ps_err open_log(const struct dev *dev, int *ret_fd)
{
    char path[DEV_PATH_MAX];
    char old[DEV_PATH_MAX];
    int fd;

    dev_path(dev, "privyseald.log", path);
    dev_path(dev, "privyseald.log.1", old);
    (void)rename(path, old);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open %.160s", path);
    }
    *ret_fd = fd;
    return PS_OK;
}

/*
 * A process group of its own: a Ctrl-C is for this program, which then stops the appliance in
 * order. Should this program die, the appliance is told to stop; where it is dead already, nobody
 * would be.
 */
static PS_NORETURN void execute(const struct dev *dev, const char *program, int log_fd,
                                pid_t parent)
{
    char config[DEV_PATH_MAX];
    char notify[DEV_PATH_MAX];
    sigset_t none;

    dev_path(dev, "privyseald.conf", config);
    dev_path(dev, "notify.sock", notify);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent) {
        _exit(126);
    }
    if (dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0 ||
        setenv("NOTIFY_SOCKET", notify, 1) != 0) {
        _exit(126);
    }
    (void)execl(program, "privyseald", "--config", config, NULL);
    (void)fprintf(stderr, "cannot execute %s: %s\n", program, strerrordesc_np(errno));
    _exit(127);
}

static enum ps_err open_notify(struct dev *dev)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[DEV_PATH_MAX];

    dev_path(dev, "notify.sock", path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    (void)unlink(path);
    dev->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dev->notify_fd < 0 ||
        bind(dev->notify_fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", path);
    }
    return PS_OK;
}

static void on_notify(void *context, uint32_t events)
{
    struct dev *dev = context;
    char text[1024];
    ssize_t got;

    (void)events;
    while ((got = recv(dev->notify_fd, text, sizeof text - 1, 0)) > 0) {
        text[got] = '\0';
        dev->is_ready = dev->is_ready || strstr(text, "READY=1") != NULL;
    }
}

static void on_exit_event(void *context, uint32_t events)
{
    struct dev *dev = context;

    (void)events;
    if (waitpid(dev->pid, &dev->exit_status, WNOHANG) != dev->pid) {
        return;
    }
    dev->pid = 0;
    ps_watch_free(dev->process_watch);
    dev->process_watch = NULL;
    ps_loop_stop(dev->loop);
}

static void on_deadline(void *context)
{
    struct dev *dev = context;

    dev->is_late = true;
}

static enum ps_err launch(struct dev *dev)
{
    PS_CLEANUP(file_close_cleanup) int log_fd = -1;
    const pid_t own = getpid();
    char program[DEV_PROGRAMS_MAX + 32];

    PS_TRY(find_program(dev, program));
    PS_TRY(open_log(dev, &log_fd));
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    dev->pid = fork();
    if (dev->pid < 0) {
        dev->pid = 0;
        return ps_fail_errno(PS_E_BUSY, "fork");
    }
    if (dev->pid == 0) {
        execute(dev, program, log_fd, own);
    }
    dev->pidfd = pidfd_open(dev->pid, 0);
    if (dev->pidfd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "pidfd_open");
    }
    return ps_watch_new(dev->loop, dev->pidfd, EPOLLIN, on_exit_event, dev, &dev->process_watch);
}

enum ps_err dev_start_daemon(struct dev *dev)
{
    PS_TRY(open_notify(dev));
    PS_TRY(ps_watch_new(dev->loop, dev->notify_fd, EPOLLIN, on_notify, dev, &dev->notify_watch));
    PS_TRY(ps_timer_new(dev->loop, on_deadline, dev, &dev->deadline));
    PS_TRY(launch(dev));
    ps_timer_set_in(dev->deadline, READY_WAIT_NS);
    while (!dev->is_ready && !dev->interrupted && dev->pid != 0 && !dev->is_late) {
        PS_TRY(ps_loop_turn(dev->loop, -1));
    }
    ps_timer_unset(dev->deadline);
    if (dev->pid == 0) {
        return ps_fail(PS_E_STATE, 0, "privyseald ended before it was ready");
    }
    if (dev->interrupted) {
        return ps_fail(PS_E_BUSY, 0, "interrupted");
    }
    return dev->is_ready ? PS_OK
                         : ps_fail(PS_E_BUSY, 0, "privyseald is not ready after %d s",
                                   (int)(READY_WAIT_NS / PS_NS_PER_S));
}

static void send_signal(const struct dev *dev, int number)
{
    if (dev->pid != 0 && dev->pidfd >= 0) {
        (void)pidfd_send_signal(dev->pidfd, number, NULL, 0);
    }
}

void dev_ask_to_reload(const struct dev *dev)
{
    send_signal(dev, SIGHUP);
}

void dev_ask_to_stop(const struct dev *dev)
{
    send_signal(dev, SIGTERM);
}

static void wait_for_end(struct dev *dev)
{
    dev->is_late = false;
    ps_timer_set_in(dev->deadline, STOP_WAIT_NS);
    while (dev->pid != 0 && !dev->is_late) {
        if (ps_loop_turn(dev->loop, -1) != PS_OK) {
            return;
        }
    }
}

/* Roles whose supervisor was killed end by themselves, and become our children meanwhile. */
static void wait_for_orphans(void)
{
    const uint64_t deadline = ps_clock_mono_ns() + ORPHANS_NS;
    pid_t ended;

    while ((ended = waitpid(-1, NULL, WNOHANG)) >= 0 && ps_clock_mono_ns() < deadline) {
        if (ended == 0) {
            (void)poll(NULL, 0, ORPHANS_MS);
        }
    }
}

void dev_stop_daemon(struct dev *dev)
{
    char path[DEV_PATH_MAX];

    if (dev->pid != 0 && dev->process_watch != NULL) {
        if (!atomic_load(&dev->leaving)) {
            dev_ask_to_stop(dev);
        }
        wait_for_end(dev);
    }
    if (dev->pid != 0) {
        dev_say("privyseald does not end and is killed.");
        (void)kill(dev->pid, SIGKILL);
        (void)waitpid(dev->pid, &dev->exit_status, 0);
        dev->pid = 0;
    }
    wait_for_orphans();
    ps_watch_free(dev->process_watch);
    ps_watch_free(dev->notify_watch);
    ps_timer_free(dev->deadline);
    file_close_cleanup(&dev->pidfd);
    if (dev->notify_fd != -1) { /* else it is another start's */
        dev_path(dev, "notify.sock", path);
        (void)unlink(path);
    }
    file_close_cleanup(&dev->notify_fd);
}
