#include "tests/keeper/faults.h"

#include "tests/keeper/beside.h"
#include "tests/keeper/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct faults {
    int passing[2]; /* over which a keeper hands over what its system calls are asked on */
    int asked_on;   /* -1: there is no keeper */
    pid_t keeper;
    struct beside beside;
    struct seccomp_notif *question;
    struct seccomp_notif_resp *answer;
    pthread_mutex_t lock; /* of what follows */
    enum fault fault;
    const char *from; /* calls count from the leaf with this text; NULL: they count */
    unsigned at;
    unsigned calls;
    bool has_happened;
    uint64_t held; /* a call that is not answered yet; 0: none */
    struct seccomp_notif_resp *late_answer;
};

struct faults *faults_new(void)
{
    struct faults *faults = calloc(1, sizeof *faults);

    assert_non_null(faults);
    faults->asked_on = -1;
    assert_int_equal(pthread_mutex_init(&faults->lock, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, faults->passing), 0);
    assert_int_equal(seccomp_notify_alloc(&faults->question, &faults->answer), 0);
    assert_int_equal(seccomp_notify_alloc(NULL, &faults->late_answer), 0);
    return faults;
}

void faults_free(struct faults *faults)
{
    if (faults == NULL) {
        return;
    }
    faults_end(faults);
    seccomp_notify_free(faults->question, faults->answer);
    seccomp_notify_free(NULL, faults->late_answer);
    (void)close(faults->passing[0]);
    (void)close(faults->passing[1]);
    (void)pthread_mutex_destroy(&faults->lock);
    free(faults);
}

/* --- One descriptor from the keeper to the test --- */

union control {
    char octets[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

static struct msghdr one_descriptor(union control *control, struct iovec *part)
{
    return (struct msghdr){.msg_iov = part,
                           .msg_iovlen = 1,
                           .msg_control = control->octets,
                           .msg_controllen = sizeof control->octets};
}

static void pass_descriptor(int to, int fd)
{
    char octet = 0;
    struct iovec part = {.iov_base = &octet, .iov_len = 1};
    union control control = {{0}};
    struct msghdr header = one_descriptor(&control, &part);
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    if (sendmsg(to, &header, 0) != 1) {
        _exit(90);
    }
}

static int take_descriptor(int from)
{
    char octet;
    struct iovec part = {.iov_base = &octet, .iov_len = 1};
    union control control = {{0}};
    struct msghdr header = one_descriptor(&control, &part);
    struct pollfd wait = {.fd = from, .events = POLLIN};
    struct cmsghdr *cmsg;
    int fd;

    assert_int_equal(poll(&wait, 1, WIRE_LIMIT_MS), 1);
    assert_int_equal(recvmsg(from, &header, MSG_CMSG_CLOEXEC), 1);
    cmsg = CMSG_FIRSTHDR(&header);
    assert_non_null(cmsg);
    memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
    return fd;
}

void faults_enter(struct faults *faults)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (filter == NULL || seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(pwrite64), 0) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(fdatasync), 0) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(rename), 0) != 0 ||
        seccomp_load(filter) != 0) {
        _exit(91);
    }
    pass_descriptor(faults->passing[1], seccomp_notify_fd(filter));
    seccomp_release(filter);
}

/* --- What is asked --- */

/* Whether the call is about the record of the log that the fault is about. */
static bool is_about_leaves(enum fault fault, const struct seccomp_notif *question)
{
    static const char name[] = "/entries";
    char link[64];
    char path[512];
    ssize_t len;

    (void)snprintf(link, sizeof link, "/proc/%u/fd/%d", question->pid, (int)question->data.args[0]);
    len = readlink(link, path, sizeof path - 1);
    if (len < (ssize_t)sizeof name - 1) {
        return false;
    }
    path[len] = 0;
    return strcmp(path + len - (sizeof name - 1), name) == 0 &&
           strstr(path, fault == FAULT_HOLD ? "/log/use/" : "/log/events/") != NULL;
}

static void free_octets(uint8_t **octets)
{
    free(*octets);
}

/* Zeros are written in blocks; the first octet of a leaf may be written by itself. */
static bool is_leaf(const struct seccomp_data *call)
{
    return call->nr == SCMP_SYS(pwrite64) && call->args[2] % 4096 != 0 && call->args[2] != 1;
}

static bool is_hold(enum fault fault)
{
    return fault == FAULT_HOLD || fault == FAULT_HOLD_EVENTS;
}

static bool is_counted(enum fault fault, const struct seccomp_data *call)
{
    switch (fault) {
    case FAULT_KILL:
        return true;
    case FAULT_WRITE:
        return is_leaf(call);
    case FAULT_SYNC:
    case FAULT_HOLD:
    case FAULT_HOLD_EVENTS:
        return call->nr == SCMP_SYS(fdatasync);
    case FAULT_SPOIL: /* of no leaf */
    case FAULT_NONE:
        break;
    }
    return false;
}

/* What an argument of the call points to; so many octets were read, or fewer. */
static size_t read_memory(const struct seccomp_notif *question, unsigned argument, uint8_t *out,
                          size_t len)
{
    char path[64];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%u/mem", question->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    got = pread(fd, out, len, (off_t)question->data.args[argument]);
    (void)close(fd);
    return got < 0 ? 0 : (size_t)got;
}

/* Whether the leaf that is being written has the text. */
static bool is_written(const struct seccomp_notif *question, const char *text)
{
    const size_t len = (size_t)question->data.args[2];
    PS_CLEANUP(free_octets) uint8_t *octets = NULL;

    if (!is_leaf(&question->data)) {
        return false;
    }
    octets = malloc(len);
    assert_non_null(octets);
    return read_memory(question, 1, octets, len) == len &&
           memmem(octets, len, text, strlen(text)) != NULL;
}

/* The last octets are what is compared of all before them; in the middle it is content. */
static void spoil(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    const off_t middle = lseek(fd, 0, SEEK_END) / 2;
    uint8_t octet;

    assert_true(fd >= 0 && middle > 0);
    assert_int_equal(pread(fd, &octet, 1, middle), 1);
    octet ^= 1;
    assert_int_equal(pwrite(fd, &octet, 1, middle), 1);
    (void)close(fd);
}

/* Before a file gets its name. */
static void look_at_rename(struct faults *faults)
{
    char path[512] = "";

    (void)read_memory(faults->question, 0, (uint8_t *)path, sizeof path - 1);
    (void)pthread_mutex_lock(&faults->lock);
    if (faults->fault == FAULT_SPOIL && strstr(path, ".privyseal-backup") != NULL) {
        spoil(path);
        faults->has_happened = true;
        faults->fault = FAULT_NONE;
    }
    (void)pthread_mutex_unlock(&faults->lock);
}

/* With the lock: whether calls count by now. */
static bool have_begun(struct faults *faults)
{
    if (faults->from != NULL && is_written(faults->question, faults->from)) {
        faults->from = NULL;
    }
    return faults->from == NULL;
}

/* What happens to this call. */
static enum fault decide(struct faults *faults)
{
    enum fault happens = FAULT_NONE;

    (void)pthread_mutex_lock(&faults->lock);
    if (is_counted(faults->fault, &faults->question->data) &&
        is_about_leaves(faults->fault, faults->question) && have_begun(faults)) {
        const unsigned number = faults->calls++;

        if (faults->fault == FAULT_KILL ? number == faults->at : number >= faults->at) {
            happens = faults->fault;
            faults->has_happened = true;
            faults->held = is_hold(happens) ? faults->question->id : 0;
        }
    }
    (void)pthread_mutex_unlock(&faults->lock);
    return happens;
}

static void answer(struct faults *faults, enum fault happens)
{
    memset(faults->answer, 0, sizeof *faults->answer);
    faults->answer->id = faults->question->id;
    if (is_hold(happens)) {
        return;
    }
    if (happens == FAULT_KILL) {
        (void)kill(faults->keeper, SIGKILL);
        return;
    }
    if (happens == FAULT_NONE) {
        faults->answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    } else {
        faults->answer->error = -EIO;
    }
    (void)seccomp_notify_respond(faults->asked_on, faults->answer);
}

static void serve_one(struct faults *faults)
{
    memset(faults->question, 0, sizeof *faults->question);
    if (seccomp_notify_receive(faults->asked_on, faults->question) != 0) {
        return;
    }
    if (faults->question->data.nr == SCMP_SYS(rename)) {
        look_at_rename(faults);
        answer(faults, FAULT_NONE);
    } else {
        answer(faults, decide(faults));
    }
}

/* Until the keeper is gone. */
static void serve(void *context)
{
    struct faults *faults = context;
    struct pollfd wait = {.fd = faults->asked_on, .events = POLLIN};

    for (;;) {
        if (poll(&wait, 1, -1) < 0) {
            continue;
        }
        if ((wait.revents & POLLIN) == 0) {
            return;
        }
        beside_work();
        serve_one(faults);
        beside_rest();
    }
}

/* --- The test's side --- */

void faults_begin(struct faults *faults, pid_t keeper)
{
    faults_end(faults);
    faults->keeper = keeper;
    faults->asked_on = take_descriptor(faults->passing[0]);
    beside_begin(&faults->beside, serve, faults);
}

void faults_end(struct faults *faults)
{
    if (faults->asked_on < 0) {
        return;
    }
    beside_end(&faults->beside);
    faults_set(faults, FAULT_NONE, 0);
    (void)close(faults->asked_on);
    faults->asked_on = -1;
}

/* With the lock: the call that was held is made now. */
static void let_go(struct faults *faults)
{
    if (faults->held != 0) {
        memset(faults->late_answer, 0, sizeof *faults->late_answer);
        faults->late_answer->id = faults->held;
        faults->late_answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        (void)seccomp_notify_respond(faults->asked_on, faults->late_answer);
        faults->held = 0;
    }
}

/* With the lock. */
static bool exchange(struct faults *faults, enum fault fault, unsigned at)
{
    const bool had_happened = faults->has_happened;

    let_go(faults);
    faults->fault = fault;
    faults->from = NULL;
    faults->at = at;
    faults->calls = 0;
    faults->has_happened = false;
    return had_happened;
}

void faults_set(struct faults *faults, enum fault fault, unsigned at)
{
    (void)pthread_mutex_lock(&faults->lock);
    (void)exchange(faults, fault, at);
    (void)pthread_mutex_unlock(&faults->lock);
}

static void set_from_leaf(struct faults *faults, enum fault fault, const char *text, unsigned at)
{
    (void)pthread_mutex_lock(&faults->lock);
    (void)exchange(faults, fault, at);
    faults->from = text;
    (void)pthread_mutex_unlock(&faults->lock);
}

void faults_kill_at_leaf(struct faults *faults, const char *text, unsigned calls_after)
{
    set_from_leaf(faults, FAULT_KILL, text, calls_after);
}

void faults_fail_behind_leaf(struct faults *faults, const char *text)
{
    set_from_leaf(faults, FAULT_WRITE, text, 1);
}

bool faults_happened(struct faults *faults)
{
    bool has_happened;

    (void)pthread_mutex_lock(&faults->lock);
    has_happened = faults->has_happened;
    (void)pthread_mutex_unlock(&faults->lock);
    return has_happened;
}

bool faults_clear(struct faults *faults)
{
    bool had_happened;

    (void)pthread_mutex_lock(&faults->lock);
    had_happened = exchange(faults, FAULT_NONE, 0);
    (void)pthread_mutex_unlock(&faults->lock);
    return had_happened;
}
