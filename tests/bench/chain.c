/*
 * How far the arrangement of the appliance's processes goes on a machine by itself (chain.h).
 *
 *   chain MODULE TOKEN-LABEL PIN-FILE PROCESSES DIRECTORY ANSWER-FILE RECORD-OCTETS
 *
 * Makes a key in the token and, in the directory, `jwks` with its public half, `record`, and
 * `socket`, which takes requests for ES256 like the one that ANSWER-FILE is the appliance's answer
 * to. Prints one JSON object when it is ready, and another for each line that it is given:
 * {"records", "syncs", "processes": {"front", "keeper", "token": [pid...]}}. It ends, with all of
 * its processes, when its input does.
 */
#include "tests/bench/chain.h"
#include "tests/bench/module.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOCKET, RECORD, JWKS, PLACES };

#define PATH_MAX_LEN 256u

struct chain {
    char pin[MODULE_PIN_MAX];
    struct chain_token token;
    char places[PLACES][PATH_MAX_LEN];
    unsigned token_count;
    size_t record_len;
    struct chain_counts *counts;
    struct chain_answer answer;
    int token_fds[CHAIN_TOKENS_MAX];
    pid_t tokens[CHAIN_TOKENS_MAX];
    pid_t keeper;
    pid_t front;
};

static void read_arguments(char **argv, struct chain *chain)
{
    static const char *const names[PLACES] = {"socket", "record", "jwks"};

    module_read_pin(argv[3], chain->pin);
    chain->token = (struct chain_token){argv[1], argv[2], chain->pin};
    chain->token_count = (unsigned)strtoul(argv[4], NULL, 10);
    must(chain->token_count >= 1 && chain->token_count <= CHAIN_TOKENS_MAX, "1 to 64 processes");
    for (unsigned i = 0; i < PLACES; i++) {
        const int len = snprintf(chain->places[i], PATH_MAX_LEN, "%s/%s", argv[5], names[i]);

        must(len > 0 && (unsigned)len < PATH_MAX_LEN, "a directory with a short name");
    }
    chain->record_len = strtoul(argv[7], NULL, 10);
}

/* 0 in the child, which does not outlive the program. */
static pid_t fork_part(void)
{
    const pid_t parent = getpid();
    const pid_t child = fork();

    must(child >= 0, "fork");
    if (child == 0) {
        (void)signal(SIGCHLD, SIG_DFL);
        must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent, "being its child");
    }
    return child;
}

/* In a process of its own: a module that was initialised is of no use after a fork. */
static void make_key(const struct chain *chain)
{
    const pid_t child = fork_part();
    int status = 0;

    if (child == 0) {
        chain_token_make_key(&chain->token, chain->places[JWKS], chain->counts->kid);
        _exit(0);
    }
    must(waitpid(child, &status, 0) == child && status == 0, "the making of a key");
}

static void make_pair(int ret_ends[2])
{
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_ends) == 0, "socketpair");
}

/* One after another: while one logs in to SoftHSM 2.6.1, others find the token blank. */
static void start_token(struct chain *chain, unsigned number)
{
    int ends[2];
    uint8_t ready;

    make_pair(ends);
    chain->tokens[number] = fork_part();
    if (chain->tokens[number] == 0) {
        (void)close(ends[0]);
        chain_token_run(&chain->token, ends[1]);
    }
    (void)close(ends[1]);
    must(read(ends[0], &ready, 1) == 1, "the start of a token process");
    chain->token_fds[number] = ends[0];
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && strlen(path) < sizeof address.sun_path, "making a socket");
    memcpy(address.sun_path, path, strlen(path));
    must(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
             listen(fd, CHAIN_CLIENTS_MAX) == 0,
         "listening");
    return fd;
}

static void start_keeper_and_front(struct chain *chain)
{
    const int record_fd = chain_record_open(chain->places[RECORD]);
    const int listen_fd = listen_at(chain->places[SOCKET]);
    int ends[2];

    make_pair(ends);
    chain->keeper = fork_part();
    if (chain->keeper == 0) {
        (void)close(ends[1]);
        chain_keeper_run(ps_buf_bytes(&chain->answer.header),
                         chain_log_new(record_fd, chain->record_len, chain->counts), ends[0],
                         chain->token_fds, chain->token_count);
    }
    (void)close(ends[0]);
    chain->front = fork_part();
    if (chain->front == 0) {
        chain_front_run(&chain->answer, listen_fd, ends[1]);
    }
    (void)close(ends[1]);
}

static void print(const struct chain *chain)
{
    (void)printf("{\"records\":%lu,\"syncs\":%lu,\"processes\":{\"front\":[%d],\"keeper\":[%d],"
                 "\"token\":[",
                 __atomic_load_n(&chain->counts->records, __ATOMIC_SEQ_CST),
                 __atomic_load_n(&chain->counts->syncs, __ATOMIC_SEQ_CST), chain->front,
                 chain->keeper);
    for (unsigned i = 0; i < chain->token_count; i++) {
        (void)printf("%s%d", i == 0 ? "" : ",", chain->tokens[i]);
    }
    (void)printf("]}}\n");
    must(fflush(stdout) == 0, "printing");
}

static void end(pid_t child)
{
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

/* None ends by itself, but for a failure that it has told. The others end with this one. */
static void on_child(int number)
{
    (void)number;
    _exit(1);
}

int main(int argc, char **argv)
{
    static struct chain chain;
    char line[16];

    if (argc != 8) {
        (void)fprintf(stderr, "usage: chain MODULE TOKEN-LABEL PIN-FILE PROCESSES DIRECTORY "
                              "ANSWER-FILE RECORD-OCTETS\n");
        return 2;
    }
    read_arguments(argv, &chain);
    chain.counts =
        mmap(NULL, sizeof *chain.counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(chain.counts != MAP_FAILED, "mmap");
    make_key(&chain);
    chain_answer_read(argv[6], chain.counts->kid, &chain.answer);
    must(signal(SIGCHLD, on_child) != SIG_ERR, "signal");
    for (unsigned i = 0; i < chain.token_count; i++) {
        start_token(&chain, i);
    }
    start_keeper_and_front(&chain);
    do {
        print(&chain);
    } while (fgets(line, sizeof line, stdin) != NULL);
    (void)signal(SIGCHLD, SIG_DFL);
    end(chain.front);
    end(chain.keeper);
    for (unsigned i = 0; i < chain.token_count; i++) {
        end(chain.tokens[i]);
    }
    return 0;
}
