#include "appliance/supervisor/spawn.h"

#include "lib/base/line.h"
#include "lib/base/turns.h"
#include "lib/sandbox/sandbox.h"
#include "lib/sandbox/variant.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_NOT_EXECUTED 126
#define VARIABLES_MAX     16

/* A thread in real time that has computed for so long without a pause has gone astray. */
#define REAL_TIME_MAX_US 1000000u

static void reset_signals(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < SIGRTMAX; number++) {
        (void)sigaction(number, &usual, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard output becomes standard error: what a module prints there lands among the log lines. */
static enum ps_err arrange_descriptors(int channel_fd)
{
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot arrange the standard streams");
    }
    /* dup2 onto itself would leave close-on-exec set. */
    if (channel_fd == ROLE_CHANNEL_FD ? fcntl(channel_fd, F_SETFD, 0) != 0
                                      : dup2(channel_fd, ROLE_CHANNEL_FD) < 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot arrange the channel");
    }
    if (close_range(ROLE_CHANNEL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "cannot close the other descriptors");
    }
    return PS_OK;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * The keeper begins in real time where the supervisor may say so, and keeps that for its log's
 * thread alone (start_log_thread). No role can take it for itself, and who does not give the
 * processor back is killed: SIGKILL by RLIMIT_RTTIME, setrlimit(2).
 */
static void settle_real_time(enum ipc_role role)
{
    const struct rlimit none = {0, 0};
    const struct rlimit most = {REAL_TIME_MAX_US, REAL_TIME_MAX_US};

    if (role == IPC_ROLE_KEEPER) {
        ps_turns_settle(PS_TURNS_NOW);
    }
    (void)setrlimit(RLIMIT_RTPRIO, &none);
    (void)setrlimit(RLIMIT_RTTIME, &most);
}

static void put_environment(char *variables[VARIABLES_MAX], char room[VARIABLES_MAX][256])
{
    size_t count = 0;

    for (size_t i = 0; variant_environment[i] != NULL && count < VARIABLES_MAX - 1; i++) {
        const char *value = getenv(variant_environment[i]);

        if (value != NULL) {
            (void)snprintf(room[count], sizeof room[count], "%s=%s", variant_environment[i], value);
            variables[count] = room[count];
            count++;
        }
    }
    variables[count] = NULL;
}

static void execute(const struct role_id *id, int program_fd)
{
    char label[ROLE_LABEL_MAX];
    char name[] = "privyseald";
    char room[VARIABLES_MAX][256];
    char *variables[VARIABLES_MAX];
    char *words[4] = {name, label, NULL, NULL};
    char *space;

    role_label(id, label);
    space = strchr(label, ' ');
    if (space != NULL) {
        *space = '\0';
        words[2] = space + 1;
    }
    put_environment(variables, room);
    (void)execveat(program_fd, "", words, variables, AT_EMPTY_PATH);
}

/* Comes back only with an error. */
static enum ps_err become_role(const struct child_spec *spec, int program_fd, int channel_fd)
{
    reset_signals();
    (void)setsid();
    (void)umask(077);
    raise_descriptor_limit();
    settle_real_time(spec->id.role);
    if (chdir("/") != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "chdir /");
    }
    PS_TRY(arrange_descriptors(channel_fd));
    PS_TRY(sandbox_enter_child(spec->separate, spec->user.uid, spec->user.gid));
    execute(&spec->id, program_fd);
    return ps_fail_errno(PS_E_INTERNAL, "cannot execute the program anew");
}

enum ps_err spawn_role(const struct child_spec *spec, int program_fd, int channel_fd,
                       pid_t *ret_pid)
{
    const pid_t pid = fork();

    if (pid < 0) {
        return ps_fail_errno(PS_E_BUSY, "fork");
    }
    if (pid == 0) {
        const enum ps_err err = become_role(spec, program_fd, channel_fd);

        ps_line(PS_ERROR, "role_not_executed", PS_STR("class", ps_err_info(err)->name),
                PS_STR("reason", ps_detail()->text));
        _exit(EXIT_NOT_EXECUTED);
    }
    *ret_pid = pid;
    return PS_OK;
}
