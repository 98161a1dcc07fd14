#include "tests/keeper/stack.h"

#include "keystore/keeper.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"
#include "lib/base/problem.h"
#include "lib/base/secret.h"
#include "pkcs11/token/token.h"
#include "tests/keeper/draft.h"

#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool overlooks_leaks;

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    (void)info;
    (void)flag;
    (void)walk;
    return remove(path);
}

static unsigned objects;

static int count_object(const char *path, const struct stat *info, int flag, struct FTW *walk)
{
    const size_t len = strlen(path);

    (void)info;
    (void)flag;
    (void)walk;
    objects += len > 7 && strcmp(path + len - 7, ".object") == 0 ? 1 : 0;
    return 0;
}

void stack_use_memory(void)
{
    if (access("/dev/shm", W_OK) == 0) {
        assert_int_equal(setenv("TMPDIR", "/dev/shm", 1), 0);
    }
}

void stack_overlook_leaks(void)
{
    overlooks_leaks = true;
}

/* A sanitizer looks for leaks at an exit, and not at this other one. */
static PS_NORETURN void leave(int status)
{
    if (overlooks_leaks) {
        _exit(status);
    }
    exit(status);
}

/* <directory>/store<suffix>, and SoftHSM's configuration that names it. */
static void make_store(const struct stack *stack, const char *suffix)
{
    char path[200];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/store%s", stack->directory, suffix);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/softhsm2%s.conf", stack->directory, suffix);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "directories.tokendir = %s/store%s\nobjectstore.backend = file\n",
                  stack->directory, suffix);
    assert_int_equal(fclose(file), 0);
}

void stack_make(struct stack *stack, size_t processes)
{
    const char *top = getenv("TMPDIR");

    memset(stack, 0, sizeof *stack);
    stack->processes = processes;
    stack->pin = STACK_PIN;
    stack->module = STACK_MODULE;
    stack->request_timeout_ms = STACK_REQUEST_MS;
    stack->supervisor.fd = stack->clients.fd = stack->management.fd = -1;
    for (size_t i = 0; i < STACK_TOKENS_MAX; i++) {
        stack->tokens[i].supervisor.fd = -1;
    }
    (void)snprintf(stack->directory, sizeof stack->directory, "%s/privyseal-keeper-XXXXXX",
                   top == NULL ? "/tmp" : top);
    assert_non_null(mkdtemp(stack->directory));
    (void)snprintf(stack->data, sizeof stack->data, "%s/data", stack->directory);
    assert_int_equal(mkdir(stack->data, 0700), 0);
    make_store(stack, "");
    (void)signal(SIGPIPE, SIG_IGN);
}

static struct ps_bytes pin_of(const struct stack *stack, size_t number)
{
    const struct ps_bytes kept = ps_buf_bytes(&stack->tokens[number].kept_pin);

    return kept.len != 0 ? kept : ps_bytes_str(stack->pin);
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
    if (stack->faults != NULL) {
        faults_end(stack->faults);
    }
    stack_supervise(stack); /* what it said before its end is heard */
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
        ps_buf_clear(&stack->tokens[i].kept_pin);
        tap_free(stack->tokens[i].tap);
        stack->tokens[i].tap = NULL;
    }
    if (getenv("PRIVYSEAL_KEEP") == NULL) {
        (void)nftw(stack->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
    faults_free(stack->faults);
    stack->faults = NULL;
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

#define HASHES_LEN 256u

static struct ps_bytes put_hashes(const struct stack *stack, char out[HASHES_LEN])
{
    char profiles[HASHES_LEN / 2] = "";

    if (stack->profile_hash != NULL) {
        (void)snprintf(profiles, sizeof profiles, "\"" STACK_TOKEN "\":\"%s\"",
                       stack->profile_hash);
    }
    (void)snprintf(out, HASHES_LEN, "{\"z\":\"1\",\"program\":\"%s\",\"profiles\":{%s}}",
                   stack->program == NULL ? "1" : stack->program, profiles);
    return ps_bytes_str(out);
}

static int run_keeper(const struct stack *stack, int fd)
{
    const char *level = getenv("PRIVYSEAL_TEST_LEVEL");
    struct ps_loop *loop;
    char hashes[HASHES_LEN];
    int status;
    const struct msg_keeper_config config = {
        .data_directory = ps_bytes_str(stack->data),
        .origin = ps_bytes_str(STACK_ORIGIN),
        .practice = 1,
        .request_timeout_ms = stack->request_timeout_ms,
        .token_timeout_ms = WIRE_LIMIT_MS / 4,
        .queue_max = 4096,
        .keys_in_memory = stack->keys_in_memory == 0 ? 4096 : stack->keys_in_memory,
        .disk_reserve_mb = stack->disk_reserve_mb == 0 ? 1 : stack->disk_reserve_mb,
        .backup_directory = ps_bytes_str(stack->backups),
        .backup_period_s = 24 * 3600,
        .backup_keep = 3,
        .drill_period_s = 7 * 24 * 3600,
        .mirror = ps_bytes_str(stack->mirror),
        .witnesses = ps_bytes_str(stack->witnesses),
        .witnesses_needed = 1,
        .shard_leaves = stack->shard_leaves == 0 ? 1000000 : stack->shard_leaves,
        .snapshot_leaves = stack->snapshot_leaves == 0 && getenv("PRIVYSEAL_SNAPSHOTS") != NULL
                               ? 1
                               : stack->snapshot_leaves,
        .witness_late_s = 3600,
        .clock_step_s = 60,
        .administrators = ps_bytes("\0\0\0\0", 4),
        .hashes = put_hashes(stack, hashes),
        .configuration = ps_bytes(stack->configuration, sizeof stack->configuration),
    };

    ps_line_init("keeper", level == NULL ? PS_ERROR : (enum ps_level)atoi(level));
    if (ps_loop_new(&loop) != PS_OK) {
        return 1;
    }
    status = keeper_main(loop, fd, &config);
    ps_loop_free(loop);
    return status;
}

static const char *suffix_of(const struct stack *stack, size_t number)
{
    const char *name = stack->tokens[number].name;

    return name == NULL ? "" : name;
}

static const char *name_of(const struct stack *stack, size_t number)
{
    const char *name = stack->tokens[number].name;

    return name == NULL ? STACK_TOKEN : name;
}

/* Another token has processes of its own numbers. */
static uint32_t number_of(const struct stack *stack, size_t number)
{
    return stack->tokens[number].name == NULL ? (uint32_t)number : 0;
}

static void leave_out(const char *line, struct ps_buf *profile)
{
    uint8_t *at = line == NULL ? NULL : memmem(profile->data, profile->len, line, strlen(line));

    assert_true(line == NULL || at != NULL);
    if (at != NULL) {
        memset(at, ' ', strlen(line));
    }
}

static int run_token(const struct stack *stack, size_t number, int fd)
{
    char uri[100];
    char path[200];
    char environment[220];
    char directory[200];
    struct ps_loop *loop;
    PS_BUF_AUTO profile;
    struct msg_token_config config = {
        .token = ps_bytes_str(name_of(stack, number)),
        .number = number_of(stack, number),
        .module = ps_bytes_str(stack->module),
        .sessions = stack->sessions == 0 ? 1 : stack->sessions,
        .call_timeout_ms = WIRE_LIMIT_MS / 4,
        .cache_keys = stack->cache_keys == 0 ? 64 : stack->cache_keys,
        .module_hash = ps_bytes(stack->tokens[number].module_hash, PS_SHA256_LEN),
    };

    (void)snprintf(uri, sizeof uri, "pkcs11:token=privyseal-%s", name_of(stack, number));
    config.uri = ps_bytes_str(uri);
    (void)snprintf(path, sizeof path, "%s/firmware-profiles/softhsm2.json", source_root());
    if (!read_file(path, &profile)) {
        return 1;
    }
    (void)snprintf(environment, sizeof environment, "SOFTHSM2_CONF=%s/softhsm2%s.conf",
                   stack->directory, suffix_of(stack, number));
    (void)snprintf(directory, sizeof directory, "%s/store%s", stack->directory,
                   suffix_of(stack, number));
    leave_out(stack->not_offered, &profile);
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
        .role = IPC_ROLE_TOKEN,
        .name = ps_bytes_str(name_of(stack, number)),
        .number = number_of(stack, number),
        .module_hash = ps_bytes(stack->tokens[number].module_hash, PS_SHA256_LEN)};
    struct tap *tap = stack->tokens[number].tap;
    int ends[2];
    int others[2];

    make_pair(ends);
    if (tap != NULL) {
        make_pair(others);
        tap_join(tap, ends[1], others[0]);
        ends[1] = others[1];
    }
    wire_send_fd(&stack->supervisor, &msg_peer_info, &to_keeper, ends[0]);
    wire_send_fd(&stack->tokens[number].supervisor, &msg_peer_info, &to_token, ends[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void fork_token(struct stack *stack, size_t number)
{
    int ends[2];
    pid_t pid;

    hash_file(stack->module, stack->tokens[number].module_hash);
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

static void send_pin(struct stack *stack, size_t number)
{
    const struct stack_token *token = &stack->tokens[number];
    const struct msg_pin pin = {.token = ps_bytes_str(name_of(stack, number)),
                                .pin = pin_of(stack, number),
                                .is_attended = token->is_attended,
                                .is_kept = token->kept_pin.len != 0};

    wire_send(&stack->supervisor, &msg_pin_info, &pin);
}

void stack_attend_token(struct stack *stack, size_t number)
{
    stack->tokens[number].is_attended = true;
    send_pin(stack, number);
}

/* The process that a report names, or the first of a token; STACK_TOKENS_MAX: none. */
static size_t find_token(const struct stack *stack, struct ps_bytes name, const uint32_t *number)
{
    for (size_t i = 0; i < stack->processes; i++) {
        if (ps_bytes_equal_str(name, name_of(stack, i)) &&
            (number == NULL || *number == number_of(stack, i))) {
            return i;
        }
    }
    return STACK_TOKENS_MAX;
}

static void on_hung(struct stack *stack, const struct msg_hung *message)
{
    const size_t at = find_token(stack, message->token, &message->number);

    assert_true(at < STACK_TOKENS_MAX);
    stack_kill_token(stack, at);
    stack_start_token(stack, at);
}

static void on_pin_keep(struct stack *stack, const struct msg_pin_keep *message)
{
    const size_t at = find_token(stack, message->token, NULL);

    assert_true(at < STACK_TOKENS_MAX);
    ps_buf_clear(&stack->tokens[at].kept_pin);
    ps_buf_init(&stack->tokens[at].kept_pin, IPC_SECRET_MAX);
    ps_buf_put(&stack->tokens[at].kept_pin, message->pin);
}

static void send_pins(struct stack *stack)
{
    if (!stack->lacks_first) {
        send_pin(stack, 0);
    }
    for (size_t i = 0; i < stack->processes; i++) {
        if (stack->tokens[i].name != NULL) {
            send_pin(stack, i);
        }
    }
}

/* A locked appliance has none in memory; afterwards they are those of the configuration. */
static void on_pins(struct stack *stack, const struct msg_pins *message)
{
    for (size_t i = 0; i < stack->processes; i++) {
        ps_buf_clear(&stack->tokens[i].kept_pin);
    }
    if (message->are_wanted != 0) {
        send_pins(stack);
    }
}

void stack_supervise(struct stack *stack)
{
    struct wire_frame frame;

    while (stack->supervises && wire_has_come(&stack->supervisor) &&
           wire_read(&stack->supervisor, WIRE_LIMIT_MS, &frame)) {
        const void *message = frame.message;

        if (frame.info == &msg_hung_info) {
            on_hung(stack, message);
        } else if (frame.info == &msg_pin_keep_info) {
            on_pin_keep(stack, message);
        } else if (frame.info == &msg_pins_info) {
            on_pins(stack, message);
        }
    }
}

static void initialise_token(const struct stack *stack, const char *name)
{
    char configuration[200];
    char label[100];
    const pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)snprintf(configuration, sizeof configuration, "%s/softhsm2%s.conf", stack->directory,
                       name);
        (void)snprintf(label, sizeof label, "privyseal-%s", name);
        (void)setenv("SOFTHSM2_CONF", configuration, 1);
        assert_non_null(freopen("/dev/null", "w", stdout));
        (void)execlp("softhsm2-util", "softhsm2-util", "--init-token", "--free", "--label", label,
                     "--so-pin", STACK_SO_PIN, "--pin", STACK_PIN, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

void stack_add_token(struct stack *stack, const char *name)
{
    const size_t number = stack->processes++;

    assert_true(number < STACK_TOKENS_MAX);
    make_store(stack, name);
    initialise_token(stack, name);
    stack->tokens[number].name = name;
    stack_start_token(stack, number);
    send_pin(stack, number);
}

void stack_drop_token(struct stack *stack)
{
    assert_int_equal(stack->keeper, 0);
    stack_kill_token(stack, --stack->processes);
}

void stack_return_token(struct stack *stack)
{
    assert_int_equal(stack->keeper, 0);
    stack_start_token(stack, stack->processes++);
}

unsigned stack_count_objects(const struct stack *stack, size_t number)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s/store%s", stack->directory, suffix_of(stack, number));
    objects = 0;
    (void)nftw(path, count_object, 16, FTW_PHYS);
    return objects;
}

void stack_connect_api(struct stack *stack, struct wire *wire, uint8_t role)
{
    const struct msg_peer message = {.role = role};
    int ends[2];

    make_pair(ends);
    wire_send_fd(&stack->supervisor, &msg_peer_info, &message, ends[1]);
    (void)close(ends[1]);
    wire_close(wire);
    wire_open(wire, ends[0], &keeper_set);
}

void stack_forget_checkpoint(const struct stack *stack)
{
    char path[220];

    (void)snprintf(path, sizeof path, "%s/log/events/checkpoint", stack->data);
    (void)unlink(path);
}

void stack_start_keeper(struct stack *stack)
{
    const struct msg_pin so_pin = {
        .token = ps_bytes_str(STACK_TOKEN), .pin = ps_bytes_str(STACK_SO_PIN), .is_so = 1};
    int ends[2];
    pid_t pid;

    if (getenv("PRIVYSEAL_UNSIGNED") != NULL) {
        stack_forget_checkpoint(stack);
    }
    make_pair(ends);
    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (stack->faults != NULL) {
            faults_enter(stack->faults);
        }
        close_others(ends[1]);
        leave(run_keeper(stack, ends[1]));
    }
    (void)close(ends[1]);
    stack->keeper = pid;
    if (stack->faults != NULL) {
        faults_begin(stack->faults, pid);
    }
    stack->state = APPLIANCE_STARTING;
    wire_open(&stack->supervisor, ends[0], &supervisor_set);
    stack_connect_api(stack, &stack->clients, IPC_ROLE_API_CLIENTS);
    stack_connect_api(stack, &stack->management, IPC_ROLE_API_MANAGEMENT);
    send_pins(stack);
    if (!stack->lacks_first) {
        wire_send(&stack->supervisor, &msg_pin_info, &so_pin);
    }
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

int stack_stop_keeper_within(struct stack *stack, uint32_t within_ms)
{
    int status = -1;

    wire_send(&stack->supervisor, &msg_stop_info, &(struct msg_stop){.within_ms = within_ms});
    assert_int_equal(waitpid(stack->keeper, &status, 0), stack->keeper);
    stack->keeper = 0;
    stack_kill_keeper(stack);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int stack_stop_keeper(struct stack *stack)
{
    return stack_stop_keeper_within(stack, WIRE_LIMIT_MS);
}

void stack_stop_token(struct stack *stack, size_t number)
{
    struct stack_token *token = &stack->tokens[number];
    int status = -1;

    wire_send(&token->supervisor, &msg_stop_info, &(struct msg_stop){.within_ms = WIRE_LIMIT_MS});
    assert_int_equal(waitpid(token->pid, &status, 0), token->pid);
    token->pid = 0;
    stack_kill_token(stack, number);
    assert_int_equal(status, 0);
}
