#include "appliance/keygen.h"

#include "lib/formats/ssh/sshsig.h"
#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTING_MAX  1024
#define KEY_PATH_MAX 1024

/* The octets as a file without a name, which nobody can change between showing and signing. */
static enum ps_err open_octets(struct ps_bytes octets, int *ret_fd)
{
    PS_CLEANUP(file_close_cleanup) int fd = memfd_create("document", MFD_CLOEXEC);

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot hold the document for ssh-keygen");
    }
    while (octets.len != 0) {
        const ssize_t written = write(fd, octets.data, octets.len);

        if (written < 0 && errno != EINTR) {
            return ps_fail_errno(PS_E_STORAGE, "cannot hold the document for ssh-keygen");
        }
        octets = ps_bytes_from(octets, written < 0 ? 0 : (size_t)written);
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot hold the document for ssh-keygen");
    }
    *ret_fd = file_take(&fd);
    return PS_OK;
}

/*
 * What ssh-keygen sees of our environment: the terminal's kind, and the agent that may hold the
 * key. No DISPLAY, so that it asks on the terminal; no SSH_SK_PROVIDER, which names a library.
 */
struct environment {
    char term[SETTING_MAX];
    char agent[SETTING_MAX];
    char *list[5];
};

static void fill_environment(struct environment *env)
{
    static char path[] = "PATH=/usr/bin:/bin";
    static char locale[] = "LC_ALL=C.UTF-8";
    const char *term = getenv("TERM");
    const char *agent = getenv("SSH_AUTH_SOCK");
    size_t count = 0;

    env->list[count++] = path;
    env->list[count++] = locale;
    if (term != NULL && strlen(term) < SETTING_MAX / 2) {
        (void)snprintf(env->term, sizeof env->term, "TERM=%s", term);
        env->list[count++] = env->term;
    }
    if (agent != NULL && agent[0] == '/' && strlen(agent) < SETTING_MAX / 2) {
        (void)snprintf(env->agent, sizeof env->agent, "SSH_AUTH_SOCK=%s", agent);
        env->list[count++] = env->agent;
    }
    env->list[count] = NULL;
}

/* Runs ssh-keygen with standard input and output; the rest is ours. */
struct run {
    const char *program;
    const char *arguments[12]; /* ends with NULL */
    int input;
    int output;
};

static enum ps_err start(const struct run *run, pid_t *ret_pid)
{
    struct environment env;
    posix_spawn_file_actions_t actions;
    int error;

    fill_environment(&env);
    error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return ps_fail(PS_E_NO_MEMORY, error, "out of memory");
    }
    /* Where whoever started us ignores it, the kernel would forget how ssh-keygen ended. */
    (void)signal(SIGCHLD, SIG_DFL);
    error = posix_spawn_file_actions_adddup2(&actions, run->input, STDIN_FILENO);
    error =
        error != 0 ? error : posix_spawn_file_actions_adddup2(&actions, run->output, STDOUT_FILENO);
    error = error != 0 ? error
                       : posix_spawn(ret_pid, run->program, &actions, NULL,
                                     (char *const *)(uintptr_t)run->arguments, env.list);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return ps_fail(PS_E_NOT_FOUND, error,
                       "cannot start %.120s; install OpenSSH's client (privyseal-officer takes "
                       "another one with --ssh-keygen)",
                       run->program);
    }
    return PS_OK;
}

/* To its end, however much it is: what is over the limit is an error and not a stuck child. */
static enum ps_err read_all(int fd, struct ps_buf *out)
{
    uint8_t block[1024];
    ssize_t got;

    do {
        got = read(fd, block, sizeof block);
        if (got > 0) {
            ps_buf_put(out, ps_bytes(block, (size_t)got));
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read what ssh-keygen says");
    }
    return ps_buf_status(out);
}

static enum ps_err wait_for(pid_t pid)
{
    int status = 0;
    pid_t ended;

    do {
        ended = waitpid(pid, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended != pid) {
        return ps_fail_errno(PS_E_STORAGE, "cannot wait for ssh-keygen");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? PS_OK
               : ps_fail(PS_E_DENIED, status, "ssh-keygen ended with status %d", status);
}

enum ps_err keygen_sign(const char *program, const char *key, const char *namespace,
                        struct ps_bytes octets, struct ps_buf *ret_armored)
{
    struct run run = {.program = program,
                      .arguments = {"ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key}};
    PS_CLEANUP(file_close_cleanup) int input = -1;
    PS_CLEANUP(file_close_cleanup) int from = -1;
    PS_CLEANUP(file_close_cleanup) int to = -1;
    int ends[2];
    pid_t pid;
    enum ps_err err;

    ps_buf_init(ret_armored, SSHSIG_ARMORED_MAX);
    PS_TRY(open_octets(octets, &input));
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make a pipe");
    }
    from = ends[0];
    to = ends[1];
    run.input = input;
    run.output = to;
    PS_TRY(start(&run, &pid));
    file_close_cleanup(&to);
    to = -1;
    err = read_all(from, ret_armored);
    /* The child first: its own sentence says more than what is missing in its output. */
    if (wait_for(pid) != PS_OK) {
        return ps_fail(PS_E_DENIED, 0,
                       "ssh-keygen did not sign; its reason stands above, and nothing was written");
    }
    return err;
}

/* The public key first: a private key in its place says that both are there. */
static enum ps_err put_in_place(const char *made, const char *key)
{
    char from[KEY_PATH_MAX + sizeof ".pub"];
    char to[KEY_PATH_MAX + sizeof ".pub"];

    (void)snprintf(from, sizeof from, "%s.pub", made);
    (void)snprintf(to, sizeof to, "%s.pub", key);
    if (rename(from, to) != 0 || rename(made, key) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", key);
    }
    return PS_OK;
}

enum ps_err keygen_make(const char *program, const char *key, const char *comment)
{
    PS_CLEANUP(file_close_cleanup) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    char made[KEY_PATH_MAX];
    const struct run run = {
        .program = program,
        .arguments = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", made},
        .input = nothing,
        .output = nothing};
    const int len = snprintf(made, sizeof made, "%s.new", key);
    pid_t pid;

    if (nothing < 0 || len < 0 || (size_t)len >= sizeof made) {
        return ps_fail(PS_E_STORAGE, 0, "cannot make %.160s", key);
    }
    (void)unlink(made); /* of one that was killed */
    PS_TRY(start(&run, &pid));
    if (wait_for(pid) != PS_OK) {
        return ps_fail(PS_E_DENIED, 0, "ssh-keygen did not make %.120s; its reason stands above",
                       key);
    }
    return put_in_place(made, key);
}
