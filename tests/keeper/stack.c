#include "tests/keeper/stack.h"

#include "keystore/keeper.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"
#include "lib/base/problem.h"
#include "lib/base/secret.h"
#include "pkcs11/token.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define URI "pkcs11:token=privyseal-" STACK_TOKEN

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

void stack_make(struct stack *stack, size_t processes)
{
    const char *top = getenv("TMPDIR");
    char path[200];
    FILE *file;

    memset(stack, 0, sizeof *stack);
    stack->processes = processes;
    stack->pin = STACK_PIN;
    stack->module = STACK_MODULE;
    stack->supervisor.fd = stack->clients.fd = stack->management.fd = -1;
    for (size_t i = 0; i < STACK_TOKENS_MAX; i++) {
        stack->tokens[i].supervisor.fd = -1;
    }
    (void)snprintf(stack->directory, sizeof stack->directory, "%s/privyseal-keeper-XXXXXX",
                   top == NULL ? "/tmp" : top);
    assert_non_null(mkdtemp(stack->directory));
    (void)snprintf(stack->data, sizeof stack->data, "%s/data", stack->directory);
    assert_int_equal(mkdir(stack->data, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/store", stack->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/softhsm2.conf", stack->directory);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "directories.tokendir = %s/store\nobjectstore.backend = file\n",
                  stack->directory);
    assert_int_equal(fclose(file), 0);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void end_process(pid_t *pid)
{
    int status;

    if (*pid > 0) {
        (void)kill(*pid, SIGKILL);
        (void)waitpid(*pid, &status, 0);
    }
    *pid = 0;
}

void stack_kill_keeper(struct stack *stack)
{
    end_process(&stack->keeper);
    wire_close(&stack->supervisor);
    wire_close(&stack->clients);
    wire_close(&stack->management);
}

void stack_kill_token(struct stack *stack, size_t number)
{
    end_process(&stack->tokens[number].pid);
    wire_close(&stack->tokens[number].supervisor);
}

void stack_remove(struct stack *stack)
{
    stack_kill_keeper(stack);
    for (size_t i = 0; i < stack->processes; i++) {
        stack_kill_token(stack, i);
    }
    if (getenv("PRIVYSEAL_KEEP") == NULL) {
        (void)nftw(stack->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static void make_pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

/* In a child: nothing of the test's stays open but what the role gets. */
static void close_others(int keep)
{
    for (int fd = 3; fd < 256; fd++) {
        if (fd != keep) {
            (void)close(fd);
        }
    }
}

static int run_keeper(const struct stack *stack, int fd)
{
    const char *level = getenv("PRIVYSEAL_TEST_LEVEL");
    struct ps_loop *loop;
    int status;
    const struct msg_keeper_config config = {
        .data_directory = ps_bytes_str(stack->data),
        .origin = ps_bytes_str("privyseal.test/keeper"),
        .practice = 1,
        .request_timeout_ms = 4000,
        .token_timeout_ms = 2000,
        .queue_max = 4096,
        .disk_reserve_mb = 1,
        .clock_step_s = 60,
        .administrators = ps_bytes("\0\0\0\0", 4),
        .hashes = ps_bytes_str("{\"z\":\"1\",\"a\":\"2\"}"),
    };

    ps_line_init("keeper", level == NULL ? PS_ERROR : (enum ps_level)atoi(level));
    if (ps_loop_new(&loop) != PS_OK) {
        return 1;
    }
    status = keeper_main(loop, fd, &config);
    ps_loop_free(loop);
    return status;
}

static int run_token(const struct stack *stack, size_t number, int fd)
{
    char path[200];
    char environment[220];
    char directory[200];
    struct ps_loop *loop;
    PS_BUF_AUTO profile;
    struct msg_token_config config = {
        .token = ps_bytes_str(STACK_TOKEN),
        .number = (uint32_t)number,
        .module = ps_bytes_str(stack->module),
        .uri = ps_bytes_str(URI),
        .sessions = 1,
        .call_timeout_ms = 2000,
    };

    (void)snprintf(path, sizeof path, "%s/firmware-profiles/softhsm2.json", source_root());
    if (!read_file(path, &profile)) {
        return 1;
    }
    (void)snprintf(environment, sizeof environment, "SOFTHSM2_CONF=%s/softhsm2.conf",
                   stack->directory);
    (void)snprintf(directory, sizeof directory, "%s/store", stack->directory);
    config.profile = ps_buf_bytes(&profile);
    config.environment = ps_bytes_str(environment);
    config.sync_directory = ps_bytes_str(directory);
    ps_line_init("token", PS_ERROR);
    return ps_loop_new(&loop) == PS_OK ? token_main(loop, fd, &config) : 1;
}

/* Both ends of a new channel between keeper and a token process. */
static void connect_token(struct stack *stack, size_t number)
{
    const struct msg_peer to_token = {.role = IPC_ROLE_KEEPER};
    const struct msg_peer to_keeper = {
        .role = IPC_ROLE_TOKEN, .name = ps_bytes_str(STACK_TOKEN), .number = (uint32_t)number};
    int ends[2];

    make_pair(ends);
    wire_send_fd(&stack->supervisor, &msg_peer_info, &to_keeper, ends[0]);
    wire_send_fd(&stack->tokens[number].supervisor, &msg_peer_info, &to_token, ends[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void fork_token(struct stack *stack, size_t number)
{
    int ends[2];
    pid_t pid;

    make_pair(ends);
    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close_others(ends[1]);
        _exit(run_token(stack, number, ends[1]));
    }
    (void)close(ends[1]);
    stack->tokens[number].pid = pid;
    wire_open(&stack->tokens[number].supervisor, ends[0], &supervisor_set);
}

void stack_start_token(struct stack *stack, size_t number)
{
    fork_token(stack, number);
    if (stack->keeper != 0) {
        connect_token(stack, number);
    }
    wire_send(&stack->tokens[number].supervisor, &msg_start_info, &(struct msg_start){0});
}

static void connect_api(struct stack *stack, struct wire *wire, uint8_t role)
{
    const struct msg_peer message = {.role = role};
    int ends[2];

    make_pair(ends);
    wire_send_fd(&stack->supervisor, &msg_peer_info, &message, ends[1]);
    (void)close(ends[1]);
    wire_close(wire);
    wire_open(wire, ends[0], &keeper_set);
}

void stack_start_keeper(struct stack *stack)
{
    const struct msg_pin pin = {.token = ps_bytes_str(STACK_TOKEN),
                                .pin = ps_bytes_str(stack->pin)};
    const struct msg_pin so_pin = {
        .token = ps_bytes_str(STACK_TOKEN), .pin = ps_bytes_str(STACK_SO_PIN), .is_so = 1};
    int ends[2];
    pid_t pid;

    make_pair(ends);
    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close_others(ends[1]);
        exit(run_keeper(stack, ends[1])); /* a sanitizer looks for leaks then */
    }
    (void)close(ends[1]);
    stack->keeper = pid;
    stack->state = APPLIANCE_STARTING;
    wire_open(&stack->supervisor, ends[0], &supervisor_set);
    connect_api(stack, &stack->clients, IPC_ROLE_API_CLIENTS);
    connect_api(stack, &stack->management, IPC_ROLE_API_MANAGEMENT);
    wire_send(&stack->supervisor, &msg_pin_info, &pin);
    wire_send(&stack->supervisor, &msg_pin_info, &so_pin);
    for (size_t i = 0; i < stack->processes; i++) {
        if (stack->tokens[i].pid != 0) {
            connect_token(stack, i);
        }
    }
    wire_send(&stack->supervisor, &msg_start_info, &(struct msg_start){0});
}

void stack_start(struct stack *stack)
{
    for (size_t i = 0; i < stack->processes; i++) {
        fork_token(stack, i);
    }
    stack_start_keeper(stack);
    for (size_t i = 0; i < stack->processes; i++) {
        wire_send(&stack->tokens[i].supervisor, &msg_start_info, &(struct msg_start){0});
    }
}

int stack_stop_keeper(struct stack *stack)
{
    int status = -1;

    wire_send(&stack->supervisor, &msg_stop_info, &(struct msg_stop){.within_ms = 5000});
    assert_int_equal(waitpid(stack->keeper, &status, 0), stack->keeper);
    stack->keeper = 0;
    stack_kill_keeper(stack);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void stack_wait_state(struct stack *stack, enum appliance_state state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WIRE_LIMIT_MS * PS_NS_PER_MS;
    struct wire_frame frame;

    while (stack->state != state) {
        if (ps_clock_mono_ns() > deadline ||
            !wire_read(&stack->management, WIRE_LIMIT_MS, &frame)) {
            print_error("the keeper is %s, not %s\n",
                        appliance_state_name((enum appliance_state)stack->state),
                        appliance_state_name(state));
            fail();
        }
        if (frame.info == &msg_appliance_state_info) {
            stack->state = ((const struct msg_appliance_state *)(const void *)frame.message)->state;
        }
    }
}

struct msg_caller stack_caller(void)
{
    return (struct msg_caller){.kind = CALLER_UNIX, .uid = (uint32_t)getuid()};
}

unsigned stack_status_of(const struct wire_frame *frame, struct ps_buf *out)
{
    ps_buf_reset(out);
    if (frame->info == &msg_document_info) {
        const struct msg_document *document = (const void *)frame->message;

        ps_buf_put(out, document->body);
        return document->status;
    }
    if (frame->info == &msg_problem_info) {
        const struct msg_problem *problem = (const void *)frame->message;
        const struct ps_problem_info *info = ps_problem_info((enum ps_problem)problem->problem);

        assert_non_null(info);
        ps_buf_printf(out, "%s: %.*s", info->code, PS_BYTES_FMT(problem->detail));
        return (unsigned)info->http_status;
    }
    return 0;
}

/* Keeps up with the states that come in between. */
static void call(struct stack *stack, struct wire *wire, const struct ipc_message *info,
                 const void *message, struct wire_frame *ret_answer)
{
    const uint64_t id = wire_send(wire, info, message);

    do {
        if (!wire_read(wire, WIRE_LIMIT_MS, ret_answer)) {
            print_error("no answer to %s\n", info->name);
            fail();
        }
        if (ret_answer->info == &msg_appliance_state_info && wire == &stack->management) {
            stack->state =
                ((const struct msg_appliance_state *)(const void *)ret_answer->message)->state;
        }
    } while (ret_answer->id != id);
}

unsigned stack_change(struct stack *stack, const char *type, const char *subject,
                      const char *parameters, struct ps_buf *out)
{
    const struct msg_change message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("change-1"),
        .type = ps_bytes_str(type),
        .subject = ps_bytes_str(subject),
        .parameters = ps_bytes_str(parameters),
    };
    struct wire_frame answer;

    call(stack, &stack->management, &msg_change_info, &message, &answer);
    return stack_status_of(&answer, out);
}

unsigned stack_read(struct stack *stack, enum read_resource resource, const char *name,
                    struct ps_buf *out)
{
    const struct msg_read message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("read-1"),
        .resource = (uint16_t)resource,
        .name = ps_bytes_str(name),
        .limit = 1000,
    };
    struct wire_frame answer;

    call(stack, &stack->management, &msg_read_info, &message, &answer);
    return stack_status_of(&answer, out);
}

unsigned stack_sign_jws(struct stack *stack, const char *key, const char *algorithm,
                        const char *payload, struct ps_buf *out)
{
    const struct msg_jws_sign message = {
        .caller = stack_caller(),
        .request_id = ps_bytes_str("sign-1"),
        .key = ps_bytes_str(key),
        .algorithm = ps_bytes_str(algorithm),
        .payload = ps_bytes_str(payload),
    };
    struct wire_frame answer;
    const struct msg_jws_signed *made;

    call(stack, &stack->clients, &msg_jws_sign_info, &message, &answer);
    if (answer.info != &msg_jws_signed_info) {
        return stack_status_of(&answer, out);
    }
    made = (const void *)answer.message;
    ps_buf_reset(out);
    ps_buf_put(out, made->protected_header);
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, ps_bytes_str(payload));
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, made->signature);
    return 200;
}

void stack_genesis(struct stack *stack)
{
    PS_BUF_AUTO body;
    unsigned status;

    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    stack_wait_state(stack, APPLIANCE_UNINITIALISED);
    do {
        /* The token process may not have said yet that it found a blank token. */
        status = stack_change(
            stack, "genesis", "",
            "{\"token\":\"" STACK_TOKEN "\",\"initialise\":true,\"client\":\"tester\"}", &body);
    } while (status == 409);
    if (status != 201) {
        print_error("genesis: %u %.*s\n", status, PS_BYTES_FMT(ps_buf_bytes(&body)));
    }
    assert_int_equal(status, 201);
    stack_wait_state(stack, APPLIANCE_OPERATIONAL);
    assert_int_equal(stack_change(stack, "grant.add", "",
                                  "{\"client\":\"tester\",\"keys\":\"*\",\"operations\":[\"jws."
                                  "sign\",\"jws.verify\",\"raw.sign\"]}",
                                  &body),
                     201);
}
