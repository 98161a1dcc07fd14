#include "lib/sandbox/seccomp.h"

#include "lib/sandbox/variant.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { API = 1, KEEPER = 2, TOKEN = 4, NETWORK = 8, ALL = API | KEEPER | TOKEN };

/* A system call and who may use it, whatever its arguments. */
struct call {
    const char *name;
    unsigned who;
};

static const struct call calls[] = {
    /* memory */
    {"brk", ALL},
    {"madvise", ALL},
    {"memfd_secret", ALL},
    {"mlock", ALL},
    {"mlock2", ALL},
    {"mremap", ALL},
    {"munlock", ALL},
    {"munmap", ALL},
    /* threads and time */
    {"clock_getres", ALL},
    {"clock_gettime", ALL},
    {"clock_nanosleep", ALL},
    {"futex", ALL},
    {"futex_waitv", ALL},
    {"getcpu", ALL},
    {"gettimeofday", ALL},
    {"membarrier", ALL},
    {"nanosleep", ALL},
    {"rseq", ALL},
    {"sched_getaffinity", ALL},
    {"sched_getparam", ALL},
    {"sched_getscheduler", ALL},
    {"sched_yield", ALL},
    {"set_robust_list", ALL},
    {"time", ALL},
    {"timerfd_create", ALL},
    {"timerfd_gettime", ALL},
    {"timerfd_settime", ALL},
    /* signals */
    {"alarm", ALL},
    {"restart_syscall", ALL},
    {"rt_sigaction", ALL},
    {"rt_sigpending", ALL},
    {"rt_sigprocmask", ALL},
    {"rt_sigreturn", ALL},
    {"rt_sigtimedwait", ALL},
    {"sigaltstack", ALL},
    {"signalfd4", ALL},
    /* descriptors that are there */
    {"close", ALL},
    {"close_range", ALL},
    {"dup", ALL},
    {"dup2", ALL},
    {"dup3", ALL},
    {"epoll_create1", ALL},
    {"epoll_ctl", ALL},
    {"epoll_pwait", ALL},
    {"epoll_pwait2", ALL},
    {"epoll_wait", ALL},
    {"eventfd2", ALL},
    {"fcntl", ALL},
    {"fstat", ALL},
    {"lseek", ALL},
    {"newfstatat", ALL},
    {"pipe2", ALL},
    {"poll", ALL},
    {"ppoll", ALL},
    {"pselect6", ALL},
    {"read", ALL},
    {"readv", ALL},
    {"select", ALL},
    {"write", ALL},
    {"writev", ALL},
    /* sockets that are there */
    {"getpeername", ALL},
    {"getsockname", ALL},
    {"getsockopt", ALL},
    {"recvfrom", ALL},
    {"recvmmsg", ALL},
    {"recvmsg", ALL},
    {"sendmmsg", ALL},
    {"sendmsg", ALL},
    {"sendto", ALL},
    {"setsockopt", ALL},
    {"shutdown", ALL},
    {"accept4", API | KEEPER}, /* the keeper: its console */
    {"connect", NETWORK},
    {"bind", NETWORK},
    /* about oneself */
    {"getegid", ALL},
    {"geteuid", ALL},
    {"getgid", ALL},
    {"getgroups", ALL},
    {"getpgrp", ALL},
    {"getpid", ALL},
    {"getppid", ALL},
    {"getrandom", ALL},
    {"getresgid", ALL},
    {"getresuid", ALL},
    {"getrlimit", ALL},
    {"getrusage", ALL},
    {"gettid", ALL},
    {"getuid", ALL},
    {"sysinfo", ALL},
    {"times", ALL},
    {"uname", ALL},
    {"exit", ALL},
    {"exit_group", ALL},
    /* files; which ones is Landlock's matter */
    {"access", KEEPER | TOKEN},
    {"chdir", TOKEN},
    {"copy_file_range", KEEPER},
    {"faccessat", KEEPER | TOKEN},
    {"faccessat2", KEEPER | TOKEN},
    {"fadvise64", KEEPER | TOKEN},
    {"fallocate", KEEPER | TOKEN},
    {"fchmod", KEEPER | TOKEN},
    {"fdatasync", KEEPER | TOKEN},
    {"flock", KEEPER | TOKEN},
    {"fstatfs", KEEPER | TOKEN},
    {"fsync", KEEPER | TOKEN},
    {"ftruncate", ALL}, /* for memfd_secret */
    {"getcwd", KEEPER | TOKEN},
    {"getdents64", KEEPER | TOKEN},
    {"lstat", KEEPER | TOKEN},
    {"mkdir", KEEPER | TOKEN},
    {"mkdirat", KEEPER | TOKEN},
    {"open", KEEPER | TOKEN},
    {"openat", KEEPER | TOKEN},
    {"pread64", KEEPER | TOKEN},
    {"preadv", KEEPER | TOKEN},
    {"pwrite64", KEEPER | TOKEN},
    {"pwritev", KEEPER | TOKEN},
    {"readlink", KEEPER | TOKEN},
    {"readlinkat", KEEPER | TOKEN},
    {"rename", KEEPER | TOKEN},
    {"renameat", KEEPER | TOKEN},
    {"renameat2", KEEPER | TOKEN},
    {"rmdir", KEEPER | TOKEN},
    {"stat", KEEPER | TOKEN},
    {"statfs", KEEPER | TOKEN},
    {"statx", KEEPER | TOKEN},
    {"sync_file_range", KEEPER},
    {"truncate", KEEPER | TOKEN},
    {"umask", KEEPER | TOKEN},
    {"unlink", KEEPER | TOKEN},
    {"unlinkat", KEEPER | TOKEN},
    {"utimensat", KEEPER | TOKEN},
};

/* Calls that no configuration may give to a token process: each leads out of the sandbox. */
static const char *const never[] = {
    "add_key",
    "bpf",
    "capset",
    "chroot",
    "clone",
    "clone3",
    "delete_module",
    "execve",
    "execveat",
    "finit_module",
    "fork",
    "fsconfig",
    "fsmount",
    "fsopen",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "kill",
    "mount",
    "mount_setattr",
    "move_mount",
    "name_to_handle_at",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pidfd_open",
    "pidfd_send_signal",
    "pivot_root",
    "prctl",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "reboot",
    "request_key",
    "seccomp",
    "setgid",
    "setgroups",
    "setns",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "setuid",
    "swapoff",
    "swapon",
    "tgkill",
    "tkill",
    "umount2",
    "unshare",
    "userfaultfd",
    "vfork",
};

bool seccomp_available(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

enum ps_err sandbox_check_call(const char *name)
{
    for (size_t i = 0; i < PS_COUNT_OF(never); i++) {
        if (strcmp(name, never[i]) == 0) {
            return ps_fail(PS_E_INPUT, 0, "'%s' leads out of the sandbox and is never allowed",
                           name);
        }
    }
    if (seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR) {
        return ps_fail(PS_E_INPUT, 0, "there is no system call '%.60s'", name);
    }
    return PS_OK;
}

static enum ps_err add_rule(scmp_filter_ctx filter, uint32_t action, const char *name,
                            unsigned count, const struct scmp_arg_cmp *arguments)
{
    const int number = seccomp_syscall_resolve_name(name);
    int result;

    if (number < 0) {
        return PS_OK; /* another architecture's, or newer than the library */
    }
    result = seccomp_rule_add_array(filter, action, number, count, arguments);
    if (result != 0 && result != -EEXIST) {
        return ps_fail(PS_E_INTERNAL, result, "seccomp rule for %s", name);
    }
    return PS_OK;
}

static enum ps_err allow(scmp_filter_ctx filter, const char *name)
{
    return add_rule(filter, SCMP_ACT_ALLOW, name, 0, NULL);
}

static enum ps_err allow_if(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp argument)
{
    return add_rule(filter, SCMP_ACT_ALLOW, name, 1, &argument);
}

static enum ps_err allow_names(scmp_filter_ctx filter, const char *const *names)
{
    for (; *names != NULL; names++) {
        PS_TRY(allow(filter, *names));
    }
    return PS_OK;
}

static enum ps_err allow_lines(scmp_filter_ctx filter, const char *lines)
{
    char name[64];

    while (*lines != '\0') {
        const size_t len = strcspn(lines, "\n");

        (void)snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name),
                       lines);
        lines += len + (lines[len] == '\n');
        if (len == 0) {
            continue;
        }
        PS_TRY(sandbox_check_call(name));
        PS_TRY(allow(filter, name));
    }
    return PS_OK;
}

/* Code is loaded before this point, but for the module of a token. */
static enum ps_err allow_mapping(scmp_filter_ctx filter, unsigned who)
{
    const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

    if ((who & TOKEN) != 0) {
        PS_TRY(allow(filter, "mmap"));
        return allow(filter, "mprotect");
    }
    PS_TRY(allow_if(filter, "mmap", not_executable));
    return allow_if(filter, "mprotect", not_executable);
}

/* Threads, no processes. The arguments of clone3 lie in memory: without it glibc takes clone. */
static enum ps_err allow_threads(scmp_filter_ctx filter)
{
    PS_TRY(allow_if(filter, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)));
    return add_rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
}

static enum ps_err allow_about_oneself(scmp_filter_ctx filter)
{
    const scmp_datum_t self = (scmp_datum_t)getpid();

    PS_TRY(allow_if(filter, "tgkill", SCMP_A0(SCMP_CMP_EQ, self)));
    PS_TRY(allow_if(filter, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)));
    PS_TRY(allow_if(filter, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_GET_DUMPABLE)));
    PS_TRY(allow_if(filter, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_TIMERSLACK)));
    PS_TRY(allow_if(filter, "socketpair", SCMP_A0(SCMP_CMP_EQ, AF_UNIX)));
    /* Reading limits, not setting them. */
    return allow_if(filter, "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0));
}

/* Of the calling thread; what takes a privilege still takes it. */
static enum ps_err allow_turns(scmp_filter_ctx filter)
{
    PS_TRY(allow_if(filter, "getpriority", SCMP_A1(SCMP_CMP_EQ, 0)));
    return allow_if(filter, "sched_setattr", SCMP_A0(SCMP_CMP_EQ, 0));
}

static enum ps_err allow_network(scmp_filter_ctx filter)
{
    static const scmp_datum_t families[] = {AF_UNIX, AF_INET, AF_INET6};

    for (size_t i = 0; i < PS_COUNT_OF(families); i++) {
        PS_TRY(allow_if(filter, "socket", SCMP_A0(SCMP_CMP_EQ, families[i])));
    }
    return PS_OK;
}

static unsigned who_is(const struct sandbox_role *role)
{
    switch (role->kind) {
    case SANDBOX_API:
        return API;
    case SANDBOX_KEEPER:
        return KEEPER;
    case SANDBOX_COMPANION:
        return KEEPER | NETWORK;
    case SANDBOX_TOKEN:
        return role->network ? TOKEN | NETWORK : TOKEN;
    case SANDBOX_NONE:
        break;
    }
    return 0;
}

static enum ps_err fill(scmp_filter_ctx filter, const struct sandbox_role *role)
{
    const unsigned who = who_is(role);

    for (size_t i = 0; i < PS_COUNT_OF(calls); i++) {
        if ((calls[i].who & who) == 0) {
            continue;
        }
        PS_TRY(allow(filter, calls[i].name));
    }
    PS_TRY(allow_mapping(filter, who));
    PS_TRY(allow_threads(filter));
    PS_TRY(allow_about_oneself(filter));
    PS_TRY(allow_names(filter, variant_system_calls));
    if ((who & TOKEN) != 0) {
        PS_TRY(allow_lines(filter, role->system_calls));
    }
    if (role->kind == SANDBOX_KEEPER) {
        PS_TRY(allow_turns(filter));
    }
    return (who & NETWORK) != 0 ? allow_network(filter) : PS_OK;
}

static void release(scmp_filter_ctx *filter)
{
    seccomp_release(*filter);
}

enum ps_err seccomp_enter(const struct sandbox_role *role)
{
    PS_CLEANUP(release) scmp_filter_ctx filter = NULL;
    int result;

    if (!seccomp_available()) {
        return PS_OK;
    }
    filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "no memory for a seccomp filter");
    }
    PS_TRY(fill(filter, role));
    /* The binary tree keeps the cost of a call small; without it each rule is looked at in turn. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    result = seccomp_load(filter);
    if (result != 0) {
        return ps_fail(PS_E_INTERNAL, result, "cannot load the seccomp filter");
    }
    return PS_OK;
}
