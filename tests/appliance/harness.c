#include "tests/appliance/harness.h"

#include "lib/base/clock.h"
#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_NS  (60 * PS_NS_PER_S)
#define LINES_MAX (4u * 1024u * 1024u)
#define WORDS_MAX 8

#define LINE_MAX_OCTETS 5000
/* In the place of a line's first octet, which is a bracket. */
#define TAKEN ' '

static void write_file(const struct harness *harness, const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", harness->directory, name);
    assert_int_equal(file_write(path, ps_bytes_str(text), 0600), PS_OK);
}

void harness_write_module(const struct harness *harness, const char *text)
{
    write_file(harness, "module.so", text);
}

void harness_set_up(struct harness *harness)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *harness = (struct harness){.directory = "/tmp/privyseal-super-XXXXXX", .lines_fd = -1};
    assert_non_null(mkdtemp(harness->directory));
    assert_int_equal(chmod(harness->directory, 0755), 0);
    ps_buf_init(&harness->seen, LINES_MAX);
    write_file(harness, "profile.json", "{\"id\":\"probe\"}");
    write_file(harness, "pin", "123456\n");
    harness_write_module(harness, "a module");
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", harness->directory);
    harness->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(harness->notify_fd, (const struct sockaddr *)&address, sizeof address),
                     0);
}

static int remove_entry(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)found;
    (void)type;
    (void)place;
    return remove(path);
}

void harness_tear_down(struct harness *harness)
{
    if (harness->pid != 0) {
        (void)kill(harness->pid, SIGKILL);
        (void)waitpid(harness->pid, NULL, 0);
    }
    file_close_cleanup(&harness->lines_fd);
    file_close_cleanup(&harness->notify_fd);
    ps_buf_clear(&harness->seen);
    (void)nftw(harness->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_config(struct harness *harness, const char *appliance, const char *token,
                         const char *clients)
{
    const char *in = harness->directory;
    PS_BUF_AUTO text;

    ps_buf_init(&text, 16384);
    ps_buf_printf(&text, "[appliance]\norigin = probe.example/a\ndata = %s/data\n%s", in,
                  appliance);
    ps_buf_printf(&text, "[management]\nsocket = %s/management.sock\n", in);
    ps_buf_printf(&text,
                  "[token a]\nmodule = %s/module.so\nprofile = %s/profile.json\nprocesses = 2\n"
                  "uri = pkcs11:token=probe\npin_file = %s/pin\nstore = %s/store\n%s",
                  in, in, in, in, token);
    ps_buf_printf(&text, "%ssocket = %s/clients.sock\n", clients, in);
    assert_int_equal(ps_buf_status(&text), PS_OK);
    (void)snprintf(harness->config, sizeof harness->config, "%s/probe.conf", in);
    assert_int_equal(file_write(harness->config, ps_buf_bytes(&text), 0600), PS_OK);
}

void harness_write_config(struct harness *harness, const char *appliance, const char *token)
{
    write_config(harness, appliance, token, "[clients]\n");
}

void harness_write_config_with(struct harness *harness, const char *clients)
{
    write_config(harness, "", "", clients);
}

static PS_NORETURN void execute(const struct harness *harness, const char *const *environment,
                                int passed_fd)
{
    char text[160];

    (void)snprintf(text, sizeof text, "%s/notify", harness->directory);
    (void)setenv("NOTIFY_SOCKET", text, 1);
    for (; environment != NULL && *environment != NULL; environment++) {
        (void)putenv(strdup(*environment));
    }
    (void)snprintf(text, sizeof text, "%d", (int)getpid());
    (void)setenv("WATCHDOG_PID", text, 1);
    if (passed_fd >= 0) {
        (void)setenv("LISTEN_PID", text, 1);
        (void)setenv("LISTEN_FDS", "1", 1);
        (void)setenv("LISTEN_FDNAMES", "clients", 1);
        (void)dup2(passed_fd, 3);
    }
    (void)execl("/proc/self/exe", "privyseald", "--config", harness->config, NULL);
    _exit(127);
}

void harness_start(struct harness *harness, const char *const *environment, int passed_fd)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    harness->pid = fork();
    if (harness->pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        execute(harness, environment, passed_fd);
    }
    (void)close(ends[1]);
    file_close_cleanup(&harness->lines_fd);
    harness->lines_fd = ends[0];
}

void harness_start_ready(struct harness *harness)
{
    harness_start(harness, NULL, -1);
    harness_wait_notify(harness, "READY=1");
}

/* cmocka cuts what its own functions print. */
static void show_lines(const struct harness *harness)
{
    (void)fwrite(harness->seen.data, 1, harness->seen.len, stderr);
}

/* Takes what is in the pipe; false when nothing is, or its end. */
static bool take_lines(struct harness *harness, int wait_ms)
{
    struct pollfd wait = {.fd = harness->lines_fd, .events = POLLIN};
    uint8_t *to;
    ssize_t got;

    if (poll(&wait, 1, wait_ms) <= 0) {
        return false;
    }
    to = ps_buf_reserve(&harness->seen, 65536);
    assert_non_null(to);
    got = read(harness->lines_fd, to, 65536);
    ps_buf_commit(&harness->seen, got > 0 ? (size_t)got : 0);
    return got > 0;
}

static void read_lines(struct harness *harness, uint64_t deadline)
{
    const uint64_t now = ps_clock_mono_ns();

    if (now <= deadline) {
        (void)take_lines(harness, (int)((deadline - now) / PS_NS_PER_MS) + 1);
    }
}

/* All that was written before, whatever the time. */
static void drain_lines(struct harness *harness)
{
    while (take_lines(harness, 0)) {
    }
}

/* The whole line at `*at`, which goes on to the next one; NULL when none has come yet. */
static char *line_at(const struct harness *harness, size_t *at, char line[LINE_MAX_OCTETS])
{
    const uint8_t *start = harness->seen.data + *at;
    const size_t left = harness->seen.len - *at;
    const uint8_t *end = left == 0 ? NULL : memchr(start, '\n', left);

    if (end == NULL) {
        return NULL;
    }
    (void)snprintf(line, LINE_MAX_OCTETS, "%.*s", (int)(end - start), (const char *)start);
    *at += (size_t)(end - start) + 1;
    return line;
}

static bool holds_all(const char *line, const char *const words[WORDS_MAX])
{
    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
        if (strstr(line, words[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* From `*at` on, which passes over the lines that are not it. */
static char *take_line(struct harness *harness, const char *const words[WORDS_MAX], size_t *at,
                       char line[LINE_MAX_OCTETS])
{
    size_t start = *at;

    while (line_at(harness, at, line) != NULL) {
        if (line[0] != TAKEN && holds_all(line, words)) {
            harness->seen.data[start] = TAKEN;
            return line;
        }
        start = *at;
    }
    return NULL;
}

const char *harness_wait_line(struct harness *harness, ...)
{
    static char line[LINE_MAX_OCTETS];
    const uint64_t deadline = ps_clock_mono_ns() + LIMIT_NS;
    const char *words[WORDS_MAX] = {NULL};
    size_t at = 0;
    va_list args;

    va_start(args, harness);
    for (size_t i = 0; i < WORDS_MAX && (words[i] = va_arg(args, const char *)) != NULL; i++) {
    }
    va_end(args);
    while (take_line(harness, words, &at, line) == NULL) {
        if (ps_clock_mono_ns() > deadline) {
            show_lines(harness);
            fail_msg("no line with '%s', '%s' came", words[0], words[1] == NULL ? "" : words[1]);
        }
        read_lines(harness, deadline);
    }
    return line;
}

bool harness_has_line(const struct harness *harness, const char *text)
{
    return harness->seen.len != 0 &&
           memmem(harness->seen.data, harness->seen.len, text, strlen(text)) != NULL;
}

void harness_wait_notify(struct harness *harness, const char *text)
{
    const uint64_t deadline = ps_clock_mono_ns() + LIMIT_NS;

    while (ps_clock_mono_ns() < deadline) {
        struct pollfd wait = {.fd = harness->notify_fd, .events = POLLIN};
        char message[1024];
        ssize_t got;

        /* A full pipe would stop those who are waited for. */
        drain_lines(harness);
        if (poll(&wait, 1, 20) <= 0) {
            continue;
        }
        got = recv(harness->notify_fd, message, sizeof message - 1, 0);
        message[got > 0 ? got : 0] = '\0';
        if (strstr(message, text) != NULL) {
            return;
        }
    }
    drain_lines(harness);
    fail_msg("no notification '%s' came:\n%.*s", text, PS_BYTES_FMT(ps_buf_bytes(&harness->seen)));
}

unsigned long harness_number(const char *line, const char *name)
{
    char member[64];
    const char *at;

    (void)snprintf(member, sizeof member, "\"%s\":", name);
    at = strstr(line, member);
    assert_non_null(at);
    return strtoul(at + strlen(member), NULL, 10);
}

/* By the latest "role_started" line; 0 when there is none. */
static pid_t find_pid(const struct harness *harness, const char *role)
{
    char line[LINE_MAX_OCTETS];
    char wanted[128];
    size_t at = 0;
    pid_t pid = 0;

    (void)snprintf(wanted, sizeof wanted, "\"event\":\"role_started\",\"role\":\"%s\",", role);
    while (line_at(harness, &at, line) != NULL) {
        if (strstr(line, wanted) != NULL) {
            pid = (pid_t)harness_number(line, "pid");
        }
    }
    return pid;
}

pid_t harness_wait_replaced(struct harness *harness, const char *role, pid_t before)
{
    const uint64_t deadline = ps_clock_mono_ns() + LIMIT_NS;
    pid_t pid;

    while ((pid = find_pid(harness, role)) == before) {
        if (ps_clock_mono_ns() > deadline) {
            show_lines(harness);
            fail_msg("no other process became %s", role);
        }
        read_lines(harness, deadline);
    }
    return pid;
}

pid_t harness_pid_of(struct harness *harness, const char *role)
{
    return harness_wait_replaced(harness, role, 0);
}

void harness_wait_gone(pid_t pid)
{
    const uint64_t deadline = ps_clock_mono_ns() + LIMIT_NS;

    while (kill(pid, 0) == 0 || errno != ESRCH) {
        if (ps_clock_mono_ns() > deadline) {
            fail_msg("process %d is still there", (int)pid);
        }
        (void)poll(NULL, 0, 5);
    }
}

int harness_wait_end(struct harness *harness)
{
    const uint64_t deadline = ps_clock_mono_ns() + LIMIT_NS;
    int status = -1;

    while (waitpid(harness->pid, &status, WNOHANG) == 0) {
        if (ps_clock_mono_ns() > deadline) {
            show_lines(harness);
            fail_msg("the supervisor does not end");
        }
        read_lines(harness, ps_clock_mono_ns() + 10 * PS_NS_PER_MS);
    }
    harness->pid = 0;
    drain_lines(harness);
    return status;
}
