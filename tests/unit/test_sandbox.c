#include "lib/sandbox/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UID 61499u

/*
 * Each test forks a process that enters the sandbox as a role does, looks at it from outside, and
 * has it try what it must not and what it must be able to do.
 */
static char directory[64];
static char data[100];
static char data_file[120];
static char other_file[120];

/* What the child found: errno of each try, 0 where it succeeded. */
struct tries {
    int entered;
    int execve;
    int fork;
    int inet_socket;
    int unix_socket;
    int ptrace;
    int mount;
    int bpf;
    int keyctl;
    int kill_parent;
    int set_dumpable;
    int set_limit;
    int own_turns;
    int turns_of_parent;
    int executable_memory;
    int open_passwd;
    int open_data;
    int open_other;
    int create_in_data;
    int ioctl;
    int thread;
    int memory;
    int own_pid;
};

struct role_case {
    struct sandbox_role role;
    int from_child[2];
    int to_child[2];
    pid_t pid;
};

static int failed(long result)
{
    return result < 0 ? errno : 0;
}

static int try_open(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC, 0600);
    const int number = failed(fd);

    if (fd >= 0) {
        (void)close(fd);
    }
    return number;
}

static int try_socket(int family)
{
    const int fd = socket(family, SOCK_STREAM, 0);
    const int number = failed(fd);

    if (fd >= 0) {
        (void)close(fd);
    }
    return number;
}

static int try_fork(void)
{
    const pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    return failed(pid);
}

static int try_executable_memory(void)
{
    const void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : 0;
}

static void *thread_body(void *argument)
{
    return argument;
}

static int try_thread(void)
{
    pthread_t thread;
    const int result = pthread_create(&thread, NULL, thread_body, NULL);

    if (result == 0) {
        (void)pthread_join(thread, NULL);
    }
    return result;
}

static int try_memory(void)
{
    void *memory = malloc(8u << 20);
    const bool got = memory != NULL;

    free(memory);
    return got ? 0 : ENOMEM;
}

/* System calls of this thread are signals instead, while `dispatch` says so (prctl(2)). */
static volatile char dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
static volatile sig_atomic_t was_called;

static void on_call(int number)
{
    (void)number;
    dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
    was_called = 1;
}

static void watch_calls(void)
{
    const struct sigaction action = {.sa_handler = on_call};

    (void)sigaction(SIGSYS, &action, NULL);
    (void)prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &dispatch);
}

/* As the libraries of this program call it. */
static int try_own_pid(void)
{
    const void *const found = dlsym(RTLD_DEFAULT, "getpid");
    pid_t (*ask)(void);
    pid_t pid;

    memcpy(&ask, &found, sizeof ask);
    dispatch = SYSCALL_DISPATCH_FILTER_BLOCK;
    pid = ask();
    dispatch = SYSCALL_DISPATCH_FILTER_ALLOW;
    if (was_called != 0) {
        return EALREADY;
    }
    return pid == (pid_t)syscall(SYS_getpid) ? 0 : EINVAL;
}

static void try_all(struct tries *tries)
{
    char *const words[] = {(char[]){"true"}, NULL};
    const struct {
        unsigned long a, b;
    } limit = {1, 1};

    tries->inet_socket = try_socket(AF_INET);
    tries->unix_socket = try_socket(AF_UNIX);
    tries->ptrace = failed(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
    tries->mount = failed(syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL));
    tries->bpf = failed(syscall(SYS_bpf, 0, NULL, 0));
    tries->keyctl = failed(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    tries->kill_parent = failed(kill(getppid(), 0));
    tries->set_dumpable = failed(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    tries->set_limit = failed(syscall(SYS_prlimit64, 0, 4 /* RLIMIT_CORE */, &limit, NULL));
    /* Without attributes: EINVAL of whom it is allowed. */
    tries->own_turns = failed(syscall(SYS_sched_setattr, 0, NULL, 0));
    tries->turns_of_parent = failed(syscall(SYS_sched_setattr, getppid(), NULL, 0));
    tries->executable_memory = try_executable_memory();
    tries->open_passwd = try_open("/etc/passwd", O_RDONLY);
    tries->open_data = try_open(data_file, O_RDONLY);
    tries->open_other = try_open(other_file, O_RDONLY);
    tries->create_in_data = try_open(data_file, O_RDWR | O_CREAT | O_TRUNC);
    tries->ioctl = failed(syscall(SYS_ioctl, 0, 0x5401 /* TCGETS */, NULL));
    tries->thread = try_thread();
    tries->memory = try_memory();
    tries->own_pid = try_own_pid();
    tries->fork = try_fork();
    tries->execve = failed(execve("/bin/true", words, words + 1));
}

static PS_NORETURN void run_child(const struct role_case *test)
{
    const bool separate = geteuid() == 0;
    struct tries tries = {.entered = 0};
    char go;
    enum ps_err err;

    /* With the test gone, nothing keeps this process. */
    (void)close(test->from_child[0]);
    (void)close(test->to_child[1]);
    watch_calls();
    err = sandbox_enter_child(separate, UID, UID);
    if (err == PS_OK) {
        err = sandbox_enter_role(&test->role);
    }
    tries.entered = (int)err;
    if (err != PS_OK) {
        (void)fprintf(stderr, "%s\n", ps_detail()->text);
    }
    if (write(test->from_child[1], "e", 1) == 1 && read(test->to_child[0], &go, 1) == 1) {
        try_all(&tries);
    }
    _exit(write(test->from_child[1], &tries, sizeof tries) == (ssize_t)sizeof tries ? 0 : 1);
}

static void begin(struct role_case *test)
{
    char entered = 0;

    assert_int_equal(pipe2(test->from_child, O_CLOEXEC), 0);
    assert_int_equal(pipe2(test->to_child, O_CLOEXEC), 0);
    test->pid = fork();
    if (test->pid == 0) {
        run_child(test);
    }
    assert_int_equal(read(test->from_child[0], &entered, 1), 1);
}

static void finish(struct role_case *test, struct tries *ret_tries)
{
    assert_int_equal(write(test->to_child[1], "g", 1), 1);
    assert_int_equal(read(test->from_child[0], ret_tries, sizeof *ret_tries), sizeof *ret_tries);
    assert_int_equal(waitpid(test->pid, NULL, 0), test->pid);
    for (size_t i = 0; i < 2; i++) {
        (void)close(test->from_child[i]);
        (void)close(test->to_child[i]);
    }
    assert_int_equal(ret_tries->entered, PS_OK);
}

/* The value of a line of /proc/PID/status, without white space in front. */
static void read_status(pid_t pid, const char *name, char ret_value[128])
{
    char path[64];
    char line[256];
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    assert_non_null(file);
    ret_value[0] = '\0';
    while (fgets(line, sizeof line, file) != NULL) {
        const size_t len = strlen(name);

        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1 + strspn(line + len + 1, " \t");

            (void)snprintf(ret_value, 128, "%.*s", (int)strcspn(value, "\n"), value);
        }
    }
    (void)fclose(file);
}

static void assert_status(pid_t pid, const char *name, const char *expected)
{
    char value[128];

    read_status(pid, name, value);
    assert_string_equal(value, expected);
}

/* The memory of a process that cannot be dumped or traced belongs to root. */
static void assert_looked_after(pid_t pid)
{
    char path[64];
    struct stat found;
    char uids[64];

    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_uid, 0);
    assert_status(pid, "NoNewPrivs", "1");
    assert_status(pid, "Seccomp", "2");
    assert_status(pid, "CapInh", "0000000000000000");
    assert_status(pid, "CapPrm", "0000000000000000");
    assert_status(pid, "CapEff", "0000000000000000");
    assert_status(pid, "CapAmb", "0000000000000000");
    if (geteuid() == 0) {
        assert_status(pid, "CapBnd", "0000000000000000");
        assert_status(pid, "Groups", "");
        (void)snprintf(uids, sizeof uids, "%u\t%u\t%u\t%u", UID, UID, UID, UID);
        assert_status(pid, "Uid", uids);
        assert_status(pid, "Gid", uids);
    }
}

static void assert_confined(const struct tries *tries)
{
    const struct sandbox_support support = sandbox_probe();

    assert_true(support.seccomp);
    assert_int_equal(tries->execve, EPERM);
    assert_int_equal(tries->fork, EPERM);
    assert_int_equal(tries->ptrace, EPERM);
    assert_int_equal(tries->mount, EPERM);
    assert_int_equal(tries->bpf, EPERM);
    assert_int_equal(tries->keyctl, EPERM);
    assert_int_equal(tries->kill_parent, EPERM);
    assert_int_equal(tries->set_dumpable, EPERM);
    assert_int_equal(tries->set_limit, EPERM);
    assert_int_equal(tries->turns_of_parent, EPERM);
    assert_int_equal(tries->ioctl, EPERM);
    assert_int_equal(tries->thread, 0);
    assert_int_equal(tries->memory, 0);
    assert_int_equal(tries->own_pid, 0);
}

static void assert_common(const struct tries *tries)
{
    assert_confined(tries);
    assert_int_equal(tries->inet_socket, EPERM);
}

static void run(struct role_case *test, struct tries *ret_tries)
{
    begin(test);
    assert_looked_after(test->pid);
    finish(test, ret_tries);
}

static void an_api_process_opens_nothing(void **state)
{
    struct role_case test = {.role = {.kind = SANDBOX_API}};
    struct tries tries;

    (void)state;
    run(&test, &tries);
    assert_common(&tries);
    assert_int_equal(tries.own_turns, EPERM);
    assert_int_equal(tries.unix_socket, EPERM);
    assert_int_equal(tries.executable_memory, EPERM);
    assert_int_not_equal(tries.open_passwd, 0);
    assert_int_not_equal(tries.open_data, 0);
    assert_int_not_equal(tries.create_in_data, 0);
}

static void the_keeper_has_its_data_directory_and_nothing_else(void **state)
{
    struct role_case test = {
        .role = {.kind = SANDBOX_KEEPER, .data_directory = data, .backups = "", .mirror = ""}};
    struct tries tries;

    (void)state;
    run(&test, &tries);
    assert_common(&tries);
    assert_int_equal(tries.own_turns, EINVAL);
    assert_int_equal(tries.unix_socket, EPERM);
    assert_int_equal(tries.executable_memory, EPERM);
    assert_int_equal(tries.open_data, 0);
    assert_int_equal(tries.create_in_data, 0);
    if (sandbox_probe().landlock > 0) {
        assert_int_equal(tries.open_passwd, EACCES);
        assert_int_equal(tries.open_other, EACCES);
    }
}

static void a_companion_has_its_data_directory_and_may_call_others(void **state)
{
    struct role_case test = {
        .role = {
            .kind = SANDBOX_COMPANION, .data_directory = data, .readable = "", .writable = ""}};
    struct tries tries;

    (void)state;
    run(&test, &tries);
    assert_confined(&tries);
    assert_int_equal(tries.own_turns, EPERM);
    assert_int_equal(tries.inet_socket, 0);
    assert_int_equal(tries.unix_socket, 0);
    assert_int_equal(tries.executable_memory, EPERM);
    assert_int_equal(tries.open_data, 0);
    assert_int_equal(tries.create_in_data, 0);
    if (sandbox_probe().landlock > 0) {
        assert_int_equal(tries.open_passwd, EACCES);
        assert_int_equal(tries.open_other, EACCES);
    }
}

static struct sandbox_role token_role(void)
{
    return (struct sandbox_role){.kind = SANDBOX_TOKEN,
                                 .module = "/usr/lib/softhsm/libsofthsm2.so",
                                 .store = data,
                                 .readable = "",
                                 .writable = "",
                                 .system_calls = ""};
}

static void a_token_process_has_its_store_and_may_load_code(void **state)
{
    struct role_case test = {.role = token_role()};
    struct tries tries;

    (void)state;
    run(&test, &tries);
    assert_common(&tries);
    assert_int_equal(tries.own_turns, EPERM);
    assert_int_equal(tries.unix_socket, EPERM);
    assert_int_equal(tries.executable_memory, 0);
    assert_int_equal(tries.open_data, 0);
    assert_int_equal(tries.create_in_data, 0);
    if (sandbox_probe().landlock > 0) {
        assert_int_equal(tries.open_passwd, EACCES);
        assert_int_equal(tries.open_other, EACCES);
    }
}

static void a_token_process_gets_what_its_configuration_adds(void **state)
{
    struct role_case test = {.role = token_role()};
    struct tries tries;

    (void)state;
    test.role.readable = other_file;
    test.role.network = true;
    test.role.system_calls = "ioctl\nmbind";
    run(&test, &tries);
    assert_int_equal(tries.open_other, 0);
    assert_int_equal(tries.inet_socket, 0);
    assert_int_equal(tries.unix_socket, 0);
    assert_int_not_equal(tries.ioctl, EPERM);
    assert_int_equal(tries.execve, EPERM);
}

static void a_forbidden_call_cannot_be_added(void **state)
{
    struct role_case test = {.role = token_role()};
    struct tries tries = {.entered = 0};

    (void)state;
    test.role.system_calls = "ioctl\nptrace";
    begin(&test);
    assert_int_equal(write(test.to_child[1], "g", 1), 1);
    assert_int_equal(read(test.from_child[0], &tries, sizeof tries), sizeof tries);
    assert_int_equal(waitpid(test.pid, NULL, 0), test.pid);
    assert_int_equal(tries.entered, PS_E_INPUT);
}

static int write_file(const char *path)
{
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        return -1;
    }
    (void)fclose(file);
    return chmod(path, 0666);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/privyseal-sandbox-XXXXXX");
    if (mkdtemp(directory) == NULL || chmod(directory, 0755) != 0) {
        return -1;
    }
    (void)snprintf(data, sizeof data, "%s/data", directory);
    (void)snprintf(data_file, sizeof data_file, "%s/file", data);
    (void)snprintf(other_file, sizeof other_file, "%s/other", directory);
    if (mkdir(data, 0755) != 0 || chmod(data, 0777) != 0 || write_file(data_file) != 0) {
        return -1;
    }
    return write_file(other_file);
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(data_file);
    (void)unlink(other_file);
    (void)rmdir(data);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_api_process_opens_nothing),
        cmocka_unit_test(a_companion_has_its_data_directory_and_may_call_others),
        cmocka_unit_test(the_keeper_has_its_data_directory_and_nothing_else),
        cmocka_unit_test(a_token_process_has_its_store_and_may_load_code),
        cmocka_unit_test(a_token_process_gets_what_its_configuration_adds),
        cmocka_unit_test(a_forbidden_call_cannot_be_added),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
