#include "tests/bench/scripts.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static struct ps_bytes read_file(const char *path)
{
    static struct ps_buf files[2];
    static unsigned count;
    struct ps_buf *buf = &files[count++ % 2];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    ps_buf_init(buf, 64u * 1024u * 1024u);
    do {
        uint8_t *to = ps_buf_reserve(buf, 65536);

        got = fd < 0 || to == NULL ? -1 : read(fd, to, 65536);
        ps_buf_commit(buf, got > 0 ? (size_t)got : 0);
    } while (got > 0);
    if (got < 0) {
        (void)fprintf(stderr, "load: cannot read %s\n", path);
        exit(1);
    }
    (void)close(fd);
    return ps_buf_bytes(buf);
}

static double milliseconds(const struct load_times *times, double part)
{
    if (times->count == 0) {
        return 0;
    }
    return times->tenths[(size_t)((double)(times->count - 1) * part)] / 10000.0;
}

static const struct option options[] = {
    {"socket", required_argument, NULL, 's'},
    {"host", required_argument, NULL, 'h'},
    {"port", required_argument, NULL, 'p'},
    {"ca", required_argument, NULL, 'a'},
    {"cert", required_argument, NULL, 'c'},
    {"key", required_argument, NULL, 'k'},
    {"request", required_argument, NULL, 'r'},
    {"jwks", required_argument, NULL, 'j'},
    {"connections", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 't'},
    {"warm-up", required_argument, NULL, 'w'},
    {"rate", required_argument, NULL, 'f'},
    {"logins", required_argument, NULL, 'L'},
    {"wallets", required_argument, NULL, 'W'},
    {0},
};

/* What the command line says besides the plan. */
struct words {
    const char *jwks;
    const char *logins; /* files of scripts */
    const char *wallets;
};

static bool read_option(int which, struct load_plan *plan, struct words *words)
{
    switch (which) {
    case 's':
        plan->socket = optarg;
        return true;
    case 'h':
        plan->host = optarg;
        return true;
    case 'p':
        plan->port = optarg;
        return true;
    case 'a':
        plan->ca = optarg;
        return true;
    case 'c':
        plan->certificate = optarg;
        return true;
    case 'k':
        plan->key = optarg;
        return true;
    case 'r':
        plan->request = read_file(optarg);
        return true;
    case 'j':
        words->jwks = optarg;
        return true;
    case 'n':
        plan->connections = (unsigned)strtoul(optarg, NULL, 10);
        return true;
    case 't':
        plan->seconds = strtod(optarg, NULL);
        return true;
    case 'w':
        plan->warm_up = strtod(optarg, NULL);
        return true;
    case 'f':
        plan->rate = strtod(optarg, NULL);
        return true;
    case 'L':
        words->logins = optarg;
        return true;
    case 'W':
        words->wallets = optarg;
        return true;
    default:
        return false;
    }
}

static void make_script(const struct words *words, struct load_plan *plan,
                        struct load_result *result)
{
    static struct load_script script;

    if (words->logins != NULL) {
        script = logins_script(read_file(words->logins), plan->connections, result);
        plan->script = &script;
    } else if (words->wallets != NULL) {
        script = wallets_script(read_file(words->wallets), plan->connections, result);
        plan->script = &script;
    }
}

static void print(struct load_result *result, uint64_t count, uint64_t good)
{
    struct load_times *const all[] = {&result->times, &result->steps};

    for (size_t i = 0; i < PS_COUNT_OF(all); i++) {
        qsort(all[i]->tenths, all[i]->count, sizeof all[i]->tenths[0], compare);
    }
    (void)printf("{\"requests\":%lu,\"answered\":%lu,\"dropped\":%lu,\"seconds\":%.3f,"
                 "\"rate\":%.1f,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,"
                 "\"step_p95_ms\":%.3f,\"signatures\":%lu,\"verified\":%lu}\n",
                 result->requests, result->answered, result->dropped, result->seconds,
                 (double)result->requests / result->seconds, milliseconds(&result->times, 0.5),
                 milliseconds(&result->times, 0.95), milliseconds(&result->times, 0.99),
                 milliseconds(&result->steps, 0.95), count, good);
}

int main(int argc, char **argv)
{
    struct load_plan plan = {.connections = 32, .seconds = 5, .warm_up = 1};
    struct words words = {.jwks = NULL};
    struct load_result result;
    uint64_t count = 0;
    uint64_t good = 0;

    for (int which; (which = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (!read_option(which, &plan, &words)) {
            return 2;
        }
    }
    make_script(&words, &plan, &result);
    if ((plan.request.len == 0 && plan.script == NULL) || words.jwks == NULL ||
        (plan.socket == NULL && plan.host == NULL)) {
        (void)fprintf(stderr, "usage: load --socket PATH --jwks FILE"
                              " --request FILE | --logins FILE | --wallets FILE"
                              " [--connections N] [--seconds S] [--warm-up S] [--rate R]\n");
        return 2;
    }
    load_run(&plan, &result);
    load_verify(&result, read_file(words.jwks), &count, &good);
    print(&result, count, good);
    return 0;
}
