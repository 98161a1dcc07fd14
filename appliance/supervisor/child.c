#include "appliance/supervisor/child.h"

#include "appliance/supervisor/backoff.h"
#include "appliance/supervisor/spawn.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A role that has closed its channel is ending; one that does not end is broken. */
#define END_WAIT_NS (1 * PS_NS_PER_S)

struct child {
    struct ps_loop *loop;
    struct child_spec spec;
    char label[ROLE_LABEL_MAX];
    int program_fd;
    const struct child_events *events;
    void *context;
    pid_t pid; /* 0: not running */
    int pidfd;
    struct ps_watch *watch;
    struct channel *channel;
    struct ps_timer *end_timer;
    struct backoff backoff;
    uint64_t started_ns;
    uint64_t lived_ns;
    bool is_ready;
    bool was_ready; /* in its last life */
};

static void on_end_timer(void *context);

enum ps_err child_new(struct ps_loop *loop, const struct child_spec *spec, int program_fd,
                      const struct child_events *events, void *context, struct child **ret_child)
{
    struct child *child = calloc(1, sizeof *child);
    enum ps_err err;

    if (child == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    child->loop = loop;
    child->spec = *spec;
    child->program_fd = program_fd;
    child->events = events;
    child->context = context;
    child->pidfd = -1;
    role_label(&spec->id, child->label);
    err = ps_timer_new(loop, on_end_timer, child, &child->end_timer);
    if (err != PS_OK) {
        free(child);
        return err;
    }
    *ret_child = child;
    return PS_OK;
}

/* Closes what belongs to one life of the process. */
static void clear_life(struct child *child)
{
    ps_watch_free(child->watch);
    child->watch = NULL;
    channel_free(child->channel);
    child->channel = NULL;
    if (child->pidfd >= 0) {
        (void)close(child->pidfd);
    }
    child->pidfd = -1;
    child->pid = 0;
    child->was_ready = child->is_ready;
    child->is_ready = false;
    ps_timer_unset(child->end_timer);
}

static void report_end(const struct child *child, const siginfo_t *info)
{
    const bool killed = info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED;
    const bool good = !killed && info->si_status == 0;

    ps_line(good ? PS_INFO : PS_WARNING, "role_ended", PS_STR("role", child->label),
            PS_NUM("pid", (uint64_t)child->pid),
            PS_NUM(killed ? "signal" : "exit_code", (uint64_t)info->si_status),
            PS_NUM("lived_ms", child->lived_ns / PS_NS_PER_MS));
}

static void on_exit_event(void *context, uint32_t events)
{
    struct child *child = context;
    siginfo_t info = {.si_pid = 0};

    (void)events;
    if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
        return;
    }
    child->lived_ns = ps_clock_mono_ns() - child->started_ns;
    report_end(child, &info);
    clear_life(child);
    child->events->on_end(child->context, child);
}

static enum ps_err on_message(void *context, struct channel *channel,
                              const struct ipc_message *info, uint64_t id, const void *message,
                              int fd)
{
    struct child *child = context;

    (void)channel;
    (void)id;
    (void)fd; /* no message of this direction has one */
    if (info == &msg_ready_info) {
        const struct msg_ready *ready = message;

        child->is_ready = true;
        child->events->on_ready(child->context, child, ready->status);
        return PS_OK;
    }
    if (info == &msg_hung_info && child->spec.id.role == IPC_ROLE_KEEPER) {
        child->events->on_hung(child->context, message);
        return PS_OK;
    }
    if (info == &msg_pins_info && child->spec.id.role == IPC_ROLE_KEEPER) {
        child->events->on_pins(child->context, message);
        return PS_OK;
    }
    if (info == &msg_pin_keep_info && child->spec.id.role == IPC_ROLE_KEEPER) {
        child->events->on_pin_keep(child->context, message);
        return PS_OK;
    }
    return ps_fail(PS_E_INPUT, 0, "%s may not send %s", child->label, info->name);
}

static void on_channel_end(void *context, struct channel *channel, enum ps_err why)
{
    struct child *child = context;

    (void)channel;
    if (why != PS_OK) {
        ps_line(PS_ERROR, "role_channel_broken", PS_STR("role", child->label),
                PS_STR("reason", ps_detail()->text));
        child_kill(child);
        return;
    }
    ps_timer_set_in(child->end_timer, END_WAIT_NS);
}

static void on_end_timer(void *context)
{
    child_kill(context);
}

static const struct channel_handler handler = {.on_message = on_message, .on_end = on_channel_end};

static enum ps_err watch_process(struct child *child, int channel_fd)
{
    PS_TRY(channel_new(child->loop, channel_fd, &supervisor_set, IPC_CLIENT, &handler, child,
                       &child->channel));
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "pidfd_open");
    }
    return ps_watch_new(child->loop, child->pidfd, EPOLLIN, on_exit_event, child, &child->watch);
}

/* It cannot be anybody else yet: nobody has waited for it. */
static void discard(struct child *child)
{
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, NULL, 0);
    clear_life(child);
}

enum ps_err child_start(struct child *child)
{
    int ends[2];
    enum ps_err err;

    if (child->pid != 0) {
        return ps_fail(PS_E_STATE, 0, "%s runs already", child->label);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return ps_fail_errno(PS_E_BUSY, "socketpair");
    }
    child->started_ns = ps_clock_mono_ns();
    err = spawn_role(&child->spec, child->program_fd, ends[1], &child->pid);
    (void)close(ends[1]);
    if (err != PS_OK) {
        (void)close(ends[0]);
        return err;
    }
    err = watch_process(child, ends[0]);
    if (err != PS_OK) {
        discard(child);
        return err;
    }
    ps_line(PS_INFO, "role_started", PS_STR("role", child->label),
            PS_NUM("pid", (uint64_t)child->pid));
    return PS_OK;
}

enum ps_err child_send(struct child *child, const struct ipc_message *info, const void *message)
{
    if (child->channel == NULL) {
        return ps_fail(PS_E_STATE, 0, "%s does not run", child->label);
    }
    return channel_send(child->channel, info, 0, message);
}

enum ps_err child_send_fd(struct child *child, const struct ipc_message *info, const void *message,
                          int fd)
{
    if (child->channel == NULL) {
        return ps_fail(PS_E_STATE, 0, "%s does not run", child->label);
    }
    return channel_send_fd(child->channel, info, 0, message, fd);
}

void child_kill(struct child *child)
{
    if (child->pidfd >= 0 && pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0) != 0 &&
        errno != ESRCH) {
        ps_line(PS_ERROR, "role_cannot_be_killed", PS_STR("role", child->label),
                PS_STR("reason", strerrordesc_np(errno)));
    }
}

void child_free(struct child *child)
{
    if (child == NULL) {
        return;
    }
    if (child->pid != 0) {
        child_kill(child);
        (void)waitid(P_PIDFD, (id_t)child->pidfd, &(siginfo_t){.si_pid = 0}, WEXITED);
    }
    clear_life(child);
    ps_timer_free(child->end_timer);
    free(child);
}

const struct role_id *child_id(const struct child *child)
{
    return &child->spec.id;
}

const char *child_label(const struct child *child)
{
    return child->label;
}

bool child_is_running(const struct child *child)
{
    return child->pid != 0;
}

bool child_is_ready(const struct child *child)
{
    return child->is_ready;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

uint64_t child_restart_wait_ns(struct child *child)
{
    const uint64_t wait = backoff_next(&child->backoff, child->lived_ns, child->was_ready);

    /* Counted: the next try may end before there is a life. */
    child->lived_ns = 0;
    child->was_ready = false;
    return wait;
}
