#ifndef TESTS_UNIT_TOKEN_PROCESS_H
#define TESTS_UNIT_TOKEN_PROCESS_H

#include "tests/unit/support.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/base/problem.h"
#include "lib/ipc/frame.h"
#include "lib/ipc/messages_supervisor.h"
#include "lib/ipc/messages_token.h"
#include "pkcs11/token/token.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A token process as the supervisor and the keeper see it: forked, configured, and spoken to with
 * the real messages over the real sockets. Calls wait for what they want: a machine that does much
 * else takes minutes for a key of 4096 bits.
 */

#define WAIT_NS  (180 * PS_NS_PER_S)
#define TEST_PIN "123456"

struct process_setup {
    const char *module;
    const char *hashed; /* the file that the supervisor looked at; NULL: the module */
    const char *uri;
    const char *profile; /* a file of firmware-profiles/, or a text that begins with "{" */
    const char *environment;
    const char *sync_directory;
    uint32_t sessions;
    uint32_t cache_keys; /* 0: 64 */
    uint32_t call_timeout_ms;
};

/* What came in for one request, with octets that stay until the next call. */
struct process_answer {
    const struct ipc_message *info;
    uint64_t id;
    _Alignas(max_align_t) uint8_t message[IPC_STRUCT_MAX];
};

struct process {
    pid_t pid;
    int supervisor;
    int keeper;
    struct ps_buf in;
    size_t used;
    uint64_t next_id;
    uint64_t states; /* notices so far */
    enum token_state state;
    uint32_t generation;
    uint32_t sessions;
    uint32_t reconnects;
    char reason[129];
    char serial[33];
    char label[65];
};

static inline PS_UNUSED void process_file(const char *path, struct ps_buf *out)
{
    if (!read_file(path, out)) {
        fail_msg("no file %s", path);
    }
}

static inline void process_profile(const struct process_setup *setup, struct ps_buf *out)
{
    char path[512];

    if (setup->profile[0] == '{') {
        ps_buf_init(out, 65536);
        ps_buf_put_str(out, setup->profile);
        return;
    }
    (void)snprintf(path, sizeof path, "%s/firmware-profiles/%s", source_root(), setup->profile);
    process_file(path, out);
}

static inline void process_child(const struct process_setup *setup, int fd)
{
    struct ps_buf profile;
    struct ps_loop *loop;
    uint8_t sha256[PS_SHA256_LEN];
    struct msg_token_config config = {
        .token = ps_bytes_str("t"),
        .module = ps_bytes_str(setup->module),
        .uri = ps_bytes_str(setup->uri),
        .sessions = setup->sessions == 0 ? 1 : setup->sessions,
        .call_timeout_ms = setup->call_timeout_ms == 0 ? 20000 : setup->call_timeout_ms,
        .cache_keys = setup->cache_keys == 0 ? 64 : setup->cache_keys,
        .sync_directory = ps_bytes_str(setup->sync_directory),
        .environment = ps_bytes_str(setup->environment),
        .module_hash = ps_bytes(sha256, sizeof sha256),
    };

    ps_line_init("token t/0", PS_DEBUG);
    hash_file(setup->hashed == NULL ? setup->module : setup->hashed, sha256);
    process_profile(setup, &profile);
    config.profile = ps_buf_bytes(&profile);
    if (ps_loop_new(&loop) != PS_OK) {
        exit(99);
    }
    exit(token_main(loop, fd, &config));
}

static inline void write_all(int fd, struct ps_bytes octets)
{
    while (octets.len != 0) {
        const ssize_t sent = send(fd, octets.data, octets.len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EPIPE) {
            return; /* a process that has ended is noticed by what does not come back */
        }
        assert_true(sent > 0);
        octets = ps_bytes_from(octets, (size_t)sent);
    }
}

static inline void process_order(const struct process *process, const struct ipc_message *info,
                                 const void *message)
{
    PS_BUF_AUTO frame = {.max = IPC_FRAME_MAX};

    assert_ok(ipc_frame_put(info, 0, message, &frame));
    write_all(process->supervisor, ps_buf_bytes(&frame));
}

/* A new keeper, in the place of the former. */
static inline PS_UNUSED void process_connect(struct process *process)
{
    const struct msg_peer peer = {.role = IPC_ROLE_KEEPER, .name = ps_bytes_str("keeper")};
    PS_BUF_AUTO frame = {.max = IPC_FRAME_MAX};
    union {
        char octets[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr header = {.msg_control = control.octets, .msg_controllen = sizeof control.octets};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
    struct iovec part;
    int ends[2];

    if (process->keeper >= 0) {
        (void)close(process->keeper);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(ipc_frame_put(&msg_peer_info, 0, &peer, &frame));
    part = (struct iovec){.iov_base = frame.data, .iov_len = frame.len};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &ends[1], sizeof(int));
    /* A process that could not start has ended already; its exit code is looked at later. */
    assert_true(sendmsg(process->supervisor, &header, MSG_NOSIGNAL) == (ssize_t)frame.len ||
                errno == EPIPE);
    (void)close(ends[1]);
    process->keeper = ends[0];
    process->used = 0;
    ps_buf_reset(&process->in);
}

static inline PS_UNUSED void process_start(struct process *process,
                                           const struct process_setup *setup)
{
    const struct msg_start start = {0};
    int ends[2];

    *process = (struct process){.keeper = -1, .next_id = 1};
    ps_buf_init(&process->in, 4 * IPC_FRAME_MAX);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    (void)fflush(NULL);
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0) {
        (void)close(ends[0]);
        process_child(setup, ends[1]);
    }
    (void)close(ends[1]);
    process->supervisor = ends[0];
    process_connect(process);
    process_order(process, &msg_start_info, &start);
}

static inline void keep_text(struct ps_bytes from, char *to, size_t room)
{
    const size_t len = from.len < room - 1 ? from.len : room - 1;

    if (len != 0) {
        memcpy(to, from.data, len);
    }
    to[len] = 0;
}

static inline void keep_state(struct process *process, const struct msg_token_state *message)
{
    process->states++;
    process->state = (enum token_state)message->state;
    process->generation = message->generation;
    process->sessions = message->sessions;
    process->reconnects = message->reconnects;
    keep_text(message->reason, process->reason, sizeof process->reason);
    keep_text(message->serial, process->serial, sizeof process->serial);
    keep_text(message->label, process->label, sizeof process->label);
}

/* Takes the next frame out of what was read; false when there is no whole one. */
static inline bool next_frame(struct process *process, struct process_answer *answer)
{
    struct ipc_frame frame;
    size_t len;

    assert_ok(ipc_frame_parse(&token_set, IPC_CLIENT,
                              ps_bytes_from(ps_buf_bytes(&process->in), process->used), &frame,
                              &len));
    if (len == 0) {
        return false;
    }
    process->used += len;
    answer->info = frame.info;
    answer->id = frame.id;
    assert_ok(ipc_decode(frame.info, frame.payload, answer->message));
    if (frame.info == &msg_token_state_info) {
        keep_state(process, (const struct msg_token_state *)(const void *)answer->message);
    }
    return true;
}

/* Reads what is there; false at the end of the channel, or when nothing came until then. */
static inline bool read_more(struct process *process, uint64_t deadline)
{
    struct pollfd wait = {.fd = process->keeper, .events = POLLIN};
    const uint64_t now = ps_clock_mono_ns();
    uint8_t *to;
    ssize_t got;

    if (now >= deadline || poll(&wait, 1, (int)((deadline - now) / PS_NS_PER_MS) + 1) <= 0) {
        return false;
    }
    ps_buf_consume(&process->in, process->used);
    process->used = 0;
    to = ps_buf_reserve(&process->in, 65536);
    assert_non_null(to);
    got = recv(process->keeper, to, 65536, 0);
    if (got <= 0) {
        return false;
    }
    ps_buf_commit(&process->in, (size_t)got);
    return true;
}

/* The next message; false when the process has ended or is silent until then. */
static inline PS_UNUSED bool process_receive(struct process *process, uint64_t deadline,
                                             struct process_answer *answer)
{
    while (!next_frame(process, answer)) {
        if (!read_more(process, deadline)) {
            return false;
        }
    }
    return true;
}

static inline PS_UNUSED uint64_t process_send(struct process *process,
                                              const struct ipc_message *info, const void *message)
{
    PS_BUF_AUTO frame = {.max = IPC_FRAME_MAX};
    const uint64_t id = process->next_id++;

    assert_ok(ipc_frame_put(info, id, message, &frame));
    write_all(process->keeper, ps_buf_bytes(&frame));
    return id;
}

/* Sends and waits for the answer; notices in between are kept. */
static inline PS_UNUSED void process_call(struct process *process, const struct ipc_message *info,
                                          const void *message, struct process_answer *answer)
{
    const uint64_t deadline = ps_clock_mono_ns() + WAIT_NS;
    const uint64_t id = process_send(process, info, message);

    do {
        if (!process_receive(process, deadline, answer)) {
            fail_msg("no answer to %s", info->name);
        }
    } while (answer->id != id);
}

static inline PS_UNUSED void process_wait_state(struct process *process, enum token_state state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WAIT_NS;
    struct process_answer answer;

    while (process->state != state || process->states == 0) {
        if (!process_receive(process, deadline, &answer)) {
            fail_msg("the state stays %s (%s), not %s", token_state_name(process->state),
                     process->reason, token_state_name(state));
        }
    }
}

/* The problem an answer is, or PS_PROBLEM_NONE. */
static inline PS_UNUSED enum ps_problem answer_problem(const struct process_answer *answer)
{
    const struct msg_problem *problem = (const void *)answer->message;

    return answer->info == &msg_problem_info ? (enum ps_problem)problem->problem : PS_PROBLEM_NONE;
}

static inline void check_problem(enum ps_problem expected, const struct process_answer *answer,
                                 const char *file, int line)
{
    const struct msg_problem *problem = (const void *)answer->message;

    if (answer_problem(answer) != expected) {
        print_error("problem %d (%.*s), not %d\n", (int)answer_problem(answer),
                    answer->info == &msg_problem_info ? (int)problem->detail.len : 0,
                    answer->info == &msg_problem_info ? (const char *)problem->detail.data : "",
                    (int)expected);
        _fail(file, line);
    }
}
#define assert_problem(expected, answer) check_problem((expected), (answer), __FILE__, __LINE__)
#define assert_answered(answer)          check_problem(PS_PROBLEM_NONE, (answer), __FILE__, __LINE__)

static inline PS_UNUSED void process_login(struct process *process, const char *pin,
                                           const char *serial, struct process_answer *answer)
{
    const struct msg_token_login login = {.pin = ps_bytes_str(pin), .serial = ps_bytes_str(serial)};

    process_call(process, &msg_token_login_info, &login, answer);
}

/* Waits until a PIN is wanted, sends it, and waits until the token is ready. */
static inline PS_UNUSED void process_make_ready(struct process *process)
{
    struct process_answer answer;

    process_wait_state(process, TOKEN_NEEDS_LOGIN);
    process_login(process, TEST_PIN, "", &answer);
    assert_answered(&answer);
    process_wait_state(process, TOKEN_READY);
}

/* Waits for the end; the exit code, or the signal's number negated. */
static inline PS_UNUSED int process_wait_end(struct process *process)
{
    int status = 0;

    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    (void)close(process->supervisor);
    (void)close(process->keeper);
    ps_buf_clear(&process->in);
    process->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* As the supervisor ends it. */
static inline PS_UNUSED int process_stop(struct process *process)
{
    const struct msg_stop stop = {.within_ms = 5000};

    process_order(process, &msg_stop_info, &stop);
    return process_wait_end(process);
}

#endif
